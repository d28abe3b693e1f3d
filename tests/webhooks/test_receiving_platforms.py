"""Receipt in the ways of single platforms: handshakes, forms, signed addresses, and the address without endpoint."""

import pytest

from integrations import endpoints, registry
from supportops import clock
from tests.builders import Tenant, World
from tests.integrations import recorded
from tests.webhooks.senders import Sender, counted, deliveries, error_of, make_sender, only_delivery, raw_of

pytestmark = pytest.mark.django_db


# --- platforms' own ways ------------------------------------------------------------------------------------------


def test_slack_is_answered_its_challenge_when_it_signs(world: World) -> None:
    slack = make_sender(world.ada, "slack")
    asked = {"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"}
    response = slack.send(asked)
    assert (response.status_code, response.content) == (200, b"3eZbrw1aB")
    assert slack.send(asked, secret="another secret").status_code == 401
    assert deliveries(world.ada) == []


def test_a_slash_command_is_taken_and_answered_with_silence(world: World) -> None:
    slack, command = make_sender(world.ada, "slack"), recorded.request("slack", "slash_command")
    response = slack.send(command.body, content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.content) == (200, b"")
    assert only_delivery(world.ada).status == "accepted"
    assert raw_of(only_delivery(world.ada)) == command.body


def test_trello_finds_the_address_by_head(world: World) -> None:
    trello = make_sender(world.ada, "trello")
    assert trello.client.head(trello.path).status_code == 200
    assert trello.client.head(trello.path + "/").status_code == 200
    assert trello.client.head("/api/webhooks/trello/" + "x" * 43).status_code == 404
    assert trello.client.get(trello.path).status_code == 401
    assert deliveries(world.ada) == []


@pytest.mark.parametrize("ending", ["", "/"])
def test_trello_signs_the_address_that_was_registered(world: World, ending: str) -> None:
    trello = make_sender(world.ada, "trello")
    body = recorded.request("trello", "card.created").body
    scheme = registry.get("trello").signature
    assert scheme is not None
    url = endpoints.address_of(trello.endpoint, "trello") + ending
    headers = scheme.sign(body, trello.secret, clock.now(), url=url)
    sent = trello.send_raw(body, headers, path=trello.path + ending, HTTP_HOST="localhost")
    assert sent.status_code == 202


# --- the address without endpoint ---------------------------------------------------------------------------------

ACCOUNT = "22129848"
ACCOUNT_PATH = "/api/webhooks/zendesk"


def zendesk(tenant: Tenant, secret: str, account_id: str = ACCOUNT) -> Sender:
    return make_sender(tenant, "zendesk", secret=secret, account_id=account_id)


@pytest.mark.parametrize("path", [ACCOUNT_PATH, ACCOUNT_PATH + "/"])
def test_among_several_tenants_of_an_account_the_signature_decides(world: World, path: str) -> None:
    ada, bo = zendesk(world.ada, "c2VjcmV0IG9mIGFkYQ=="), zendesk(world.bo, "c2VjcmV0IG9mIGJv")
    named = {"X-Zendesk-Account-Id": ACCOUNT}
    assert bo.send({"type": "x"}, path=path, headers=named).status_code == 202
    assert (len(deliveries(world.ada)), len(deliveries(world.bo))) == (0, 1)
    assert ada.send({"type": "x", "account_id": int(ACCOUNT)}, path=path).status_code == 202
    assert (len(deliveries(world.ada)), len(deliveries(world.bo))) == (1, 1)


def test_when_no_signature_fits_it_is_refused(world: World) -> None:
    ada = zendesk(world.ada, "c2VjcmV0IG9mIGFkYQ==")
    named = {"X-Zendesk-Account-Id": ACCOUNT}
    refused = ada.send({"type": "x"}, path=ACCOUNT_PATH, headers=named, secret="c29tZWJvZHkgZWxzZQ==")
    assert error_of(refused) == (401, "invalid_signature")
    assert counted(ada, "rejected") == 1
    assert deliveries(world.ada) == []


def test_an_account_that_is_not_proven_does_not_count(world: World) -> None:
    ada = zendesk(world.ada, "c2VjcmV0IG9mIGFkYQ==", account_id="")
    for headers in ({"X-Zendesk-Account-Id": ACCOUNT}, {"X-Zendesk-Account-Id": ""}, {}):
        assert error_of(ada.send({"type": "x"}, path=ACCOUNT_PATH, headers=headers)) == (404, "not_found")
    assert deliveries(world.ada) == []


def test_odd_names_of_accounts_are_not_found(world: World) -> None:
    ada = zendesk(world.ada, "c2VjcmV0IG9mIGFkYQ==")
    for body in (rb'{"account_id": "\u0000"}', b'{"account_id": {"a": 1}}', b"[", b'"x"'):
        assert error_of(ada.send(body, path=ACCOUNT_PATH)) == (404, "not_found"), body
