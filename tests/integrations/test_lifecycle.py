"""What people do to integrations, through the API: what is refused, and in which words."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from integrations import lifecycle
from integrations.models import Integration
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db


def freshdesk(world: World) -> dict[str, Any]:
    body = {
        "platform": "freshdesk",
        "name": "My Freshdesk",
        "credentials": {"domain": "acme.freshdesk.com", "api_key": "a-key-of-some-length"},
    }
    made = world.ada.api.post("/api/integrations/", body, format="json")
    assert made.status_code == 201, made.content
    answer: dict[str, Any] = made.json()
    return answer


def errors(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 400, answer.content
    return [(entry["attr"], entry["detail"]) for entry in answer.json()["errors"]]


def test_a_stored_secret_cannot_be_pointed_at_another_host(world: World) -> None:
    address = f"/api/integrations/{freshdesk(world)['id']}/"
    elsewhere = {"credentials": {"domain": "evil.freshdesk.com"}}
    refused = world.ada.api.patch(address, elsewhere, format="json")
    assert refused.json()["errors"][0]["code"] == "credentials_required"

    elsewhere["credentials"]["api_key"] = "a-key-of-that-account"
    assert world.ada.api.patch(address, elsewhere, format="json").status_code == 200


def test_parameters_that_do_not_fit_are_named_with_what_would(world: World) -> None:
    address = f"/api/integrations/{freshdesk(world)['id']}/execute"
    wrong = {"action": "add_note", "parameters": {"ticket_idd": 41, "body": "hello"}}
    missing, unknown = errors(world.ada.api.post(address, wrong, format="json"))
    assert missing == ("parameters.ticket_id", "'ticket_id' is required.")
    assert unknown[0] == "parameters.ticket_idd"
    assert unknown[1].startswith("There is no 'ticket_idd' here (did you mean 'ticket_id'?). There are: ticket_id, ")


def test_credentials_that_do_not_fit_are_named_and_not_repeated(world: World) -> None:
    wrong = {"domain": "acme.freshdesk.com", "api_kee": "s3cret-text"}
    body = {"platform": "freshdesk", "name": "F", "credentials": wrong}
    answer = world.ada.api.post("/api/integrations/", body, format="json")
    assert ("credentials.api_key", "'api_key' is required.") in errors(answer)
    assert b"s3cret-text" not in answer.content


def test_deleting_an_integration_walks_through_no_table_of_the_history(world: World) -> None:
    """However long the history, each statement finds its rows along an index."""
    with working_for(world.ada.organization), transaction.atomic(), CaptureQueriesContext(connection) as queries:
        lifecycle.create(platform="slack", name="Chat", credentials={"bot_token": "xoxb-1234567890-abcdef"})
        lifecycle.delete(Integration.objects.get())
    statements = [query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "DELETE"))]
    tables = {sql.split('"')[1]: sql for sql in statements}
    assert {"rules_step", "rules_event", "webhooks_delivery"} <= set(tables)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # On small tables it would take the walk all the same.
            cursor.execute("SET LOCAL enable_seqscan = off")
        for table, sql in tables.items():
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
            plan = "\n".join(str(row) for row in cursor.fetchall())
            assert "Seq Scan" not in plan and "SCAN" not in plan, f"{table}: {plan}"
