"""Many rows with one statement: what is written reads back as it was given, on either database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from rules.models import Event, EventContent, Rule
from supportops.bulk import insert_rows, together, update_rows, upsert_rows, write_rows
from supportops.ids import new_id
from supportops.reading import rows_by_id
from supportops.tenancy.scope import working_for
from tests.builders import World

NOW = datetime(2026, 11, 21, 10, 0, 0, 123456, UTC)


def events(world: World, count: int, **fields: Any) -> list[dict[str, Any]]:
    """Rows of events as planning would write them."""
    own = {"organization_id": world.ada.organization.pk, "platform": "freshdesk", "type": "ticket_created"}
    return [
        {"id": new_id(), **own, "key": f"key {number}", "occurred_at": NOW, "is_late": number % 2 == 1, **fields}
        for number in range(count)
    ]


def test_what_is_inserted_reads_back(world: World) -> None:
    rows = events(world, 3, external_id='a "quoted" \\ text, with ünïcode, \n and 🖨')
    insert_rows(Event, rows, depth=2)
    with working_for(world.ada.organization):
        read = list(Event.objects.order_by("pk"))
    assert [row.pk for row in read] == [row["id"] for row in rows]
    assert [(row.occurred_at, row.is_late, row.depth) for row in read] == [
        (NOW, False, 2),
        (NOW, True, 2),
        (NOW, False, 2),
    ]
    assert read[0].external_id == rows[0]["external_id"]
    assert (read[0].source, read[0].integration_id) == ("webhook", None), "what nobody names has its default"


def test_an_instance_is_a_row(world: World) -> None:
    [row] = events(world, 1)
    insert_rows(Event, [vars(Event(**row))])
    with working_for(world.ada.organization):
        assert Event.objects.get().environment == "", "what only the database has a default for is left to it"


@pytest.mark.parametrize("payload", [{"text": "\u0000 and \\u0000"}, {"n": [1, 2.5, None, True]}, {}, "x" * 300_000])
def test_contents_are_kept_as_they_are(world: World, payload: Any) -> None:
    [row] = events(world, 1)
    insert_rows(Event, [row])
    insert_rows(EventContent, [{"event_id": row["id"], "payload": payload, "changed": None}])
    content = EventContent.objects.get(event_id=row["id"])
    assert (content.payload, content.changed) == (payload, None)


def test_a_zero_character_spoils_no_statement(world: World) -> None:
    insert_rows(Event, events(world, 2, external_id="a\0b"))
    with working_for(world.ada.organization):
        kept = set(Event.objects.values_list("external_id", flat=True))
    assert kept == {"a\ufffdb" if connection.vendor == "postgresql" else "a\0b"}


def test_updates_touch_what_they_name_and_nothing_else(world: World) -> None:
    rows = events(world, 3)
    insert_rows(Event, rows)
    later = NOW + timedelta(hours=1)
    update_rows(Event, [{"id": rows[0]["id"], "depth": 4}, {"id": rows[2]["id"], "depth": 5}], occurred_at=later)
    with working_for(world.ada.organization):
        read = list(Event.objects.order_by("pk").values_list("depth", "occurred_at"))
        assert read == [(4, later), (0, NOW), (5, later)]
        first = Event.objects.get(pk=rows[0]["id"])
        first.depth, first.type = 7, "another"
        write_rows([first], ["depth"])
        first.refresh_from_db()
    assert (first.depth, first.type) == (7, "ticket_created")


def test_an_upsert_adds_or_changes(world: World) -> None:
    rows = events(world, 2)
    insert_rows(Event, rows)
    for payload in ({"try": 1}, {"try": 2}):
        upsert_rows(EventContent, [{"event_id": row["id"], "payload": payload} for row in rows], ["event_id"])
    assert [content.payload for content in EventContent.objects.all()] == [{"try": 2}] * 2


def test_a_text_that_is_too_long_is_refused_and_not_cut_off(world: World) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite knows no lengths")
    with pytest.raises(Exception, match="too long"), transaction.atomic():
        insert_rows(Event, events(world, 1, platform="p" * 64))


def test_what_goes_wrong_among_others_is_raised_as_django_has_it(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), together():
        insert_rows(Event, events(world, 1))
        insert_rows(Event, events(world, 1))  # the same key
        insert_rows(Event, events(world, 3))
    with working_for(world.ada.organization):
        assert not Event.objects.exists()


@pytest.mark.parametrize("count", [1, 50])
def test_any_number_of_rows_is_one_statement(world: World, count: int) -> None:
    rows = events(world, count)
    with CaptureQueriesContext(connection) as queries:
        insert_rows(Event, rows)
        update_rows(Event, [{"id": row["id"], "depth": 1} for row in rows])
        insert_rows(Event, [])
    assert len(queries) == 2


def test_rows_are_read_in_their_organization_alone(world: World) -> None:
    rows = events(world, 3)
    insert_rows(Event, rows)
    ids = [row["id"] for row in reversed(rows)]
    with working_for(world.ada.organization):
        read = rows_by_id(Event, "id", ids, order_by=["id"])
        assert [vars(row) | {"_state": 0} for row in read] == [
            vars(row) | {"_state": 0} for row in Event.objects.order_by("pk")
        ], "as Django reads them"
        assert rows_by_id(Event, "id", []) == []
        rule = Rule.objects.create(name="A rule")
        with transaction.atomic():
            assert rows_by_id(Rule, "id", [rule.pk], lock=True) == [rule]
    with working_for(world.bo.organization):
        assert rows_by_id(Event, "id", ids) == []
