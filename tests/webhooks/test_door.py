"""The front door in the terms of WSGI: what goes through it, what goes past it, and what an endpoint's change ends."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db import connection

from integrations import endpoint_cache, endpoints, registry
from integrations.models import Endpoint, EndpointState, Integration
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.webhooks.senders import Sender, deliveries, make_sender
from webhooks import door, storing
from webhooks.door import FrontDoor
from webhooks.keeping import Fate

pytestmark = pytest.mark.django_db


class Answered:
    """What came out of the door."""

    def __init__(self, environ: dict[str, Any]) -> None:
        chunks = FrontDoor(_behind)(environ, self._start)
        self.content = b"".join(chunks)

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = int(status[:3]), dict(headers)

    @property
    def body(self) -> Any:
        return json.loads(self.content)


def _behind(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("418 I'm a teapot", [])
    return [b"behind the door"]


def come(sender: Sender, body: bytes = b'{"a": 1}', *, method: str = "POST", **environ: Any) -> Answered:
    """Send a signed request; `environ` stands above everything else."""
    headers = sender.signature(body)
    return Answered(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": sender.path,
            "QUERY_STRING": "",
            "REMOTE_ADDR": "203.0.113.9",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
            **environ,
        }
    )


@pytest.fixture
def sender(world: World) -> Iterator[Sender]:
    endpoint_cache.forget()
    yield make_sender(world.ada)
    endpoint_cache.forget()


# --- in and out ---------------------------------------------------------------------------------------------------


def test_a_receipt_comes_in_by_the_door_alone(world: World, sender: Sender) -> None:
    answered = come(sender, HTTP_X_REQUEST_ID="request-1")
    (delivery,) = deliveries(world.ada)
    assert (answered.status, answered.body) == (202, {"delivery": str(delivery.pk), "status": "accepted"})
    assert answered.headers["Content-Type"] == "application/json"
    assert answered.headers["Content-Length"] == str(len(answered.content))
    assert answered.headers["X-Request-ID"] == "request-1"
    assert (delivery.trace_id, delivery.ip) == ("request-1", "203.0.113.9")


@pytest.mark.parametrize(
    "path", ["/api/rules/", "/api/webhooks/", "/api/webhooks/slack/short", "/", "/api/webhooks/a/b\n"]
)
def test_everything_else_goes_past_it(path: str) -> None:
    answered = Answered({"REQUEST_METHOD": "GET", "PATH_INFO": path})
    assert (answered.status, answered.content) == (418, b"behind the door")


def test_an_id_that_cannot_stand_in_a_log_is_replaced(sender: Sender) -> None:
    given = come(sender, HTTP_X_REQUEST_ID="a b\r\nc").headers["X-Request-ID"]
    assert len(given) >= 8 and " " not in given


def test_half_a_body_is_no_body(world: World) -> None:
    """A shared secret does not cover the body: what was cut off on its way must not pass for the whole."""
    sender = make_sender(world.ada, "freshdesk")
    body = b'{"a": 1}'
    answered = come(sender, body, CONTENT_LENGTH=str(len(body) + 2))
    assert (answered.status, answered.body["errors"][0]["code"]) == (400, "incomplete")
    assert deliveries(world.ada) == []


@pytest.mark.parametrize("length", ["1" * 18, "9" * 5000])
def test_a_length_beyond_all_measure_is_too_large(sender: Sender, length: str) -> None:
    assert come(sender, CONTENT_LENGTH=length).status == 413


def test_head_is_answered_without_a_body(sender: Sender) -> None:
    answered = come(sender, b"", method="HEAD", PATH_INFO="/api/webhooks/webhook/" + "x" * 43)
    assert (answered.status, answered.content) == (404, b"")


def test_what_nobody_foresaw_is_answered_in_the_form_of_the_api(sender: Sender) -> None:
    with patch.object(door, "receive", side_effect=ZeroDivisionError):
        answered = come(sender)
    assert (answered.status, answered.body["errors"][0]["code"]) == (500, "error")
    assert "X-Request-ID" in answered.headers


# --- a change of the endpoint while it is hot -----------------------------------------------------------------------


def _rotate(sender: Sender) -> None:
    endpoints.rotate_secret(sender.endpoint, registry.get("webhook"), secret=None, grace=timedelta(0))


def _delete(sender: Sender) -> None:
    Endpoint.objects.filter(pk=sender.endpoint.pk).delete()


def _delete_integration(sender: Sender) -> None:
    Integration.objects.filter(pk=sender.integration.pk).delete()


def _disable(sender: Sender) -> None:
    Integration.objects.filter(pk=sender.integration.pk).update(is_enabled=False)


def _suspend(sender: Sender) -> None:
    type(sender.tenant.organization).objects.filter(pk=sender.tenant.organization.pk).update(is_active=False)


def _narrow(sender: Sender) -> None:
    Endpoint.objects.filter(pk=sender.endpoint.pk).update(allowed_ips=["198.51.100.0/24"])


def _await_secret(sender: Sender) -> None:
    Endpoint.objects.filter(pk=sender.endpoint.pk).update(state=EndpointState.AWAITING_SECRET)


CHANGES = {
    _rotate: 401,
    _delete: 404,
    _delete_integration: 404,
    _disable: 404,
    _suspend: 404,
    _narrow: 401,
    _await_secret: 401,
}


@pytest.mark.parametrize(("change", "status"), CHANGES.items(), ids=[one.__name__.strip("_") for one in CHANGES])
def test_a_change_holds_for_the_very_next_request(
    world: World, sender: Sender, change: Callable[[Sender], None], status: int
) -> None:
    assert come(sender).status == 202
    assert endpoint_cache._known, "the endpoint is not hot"
    with working_for(world.ada.organization):
        change(sender)
    assert come(sender).status == status
    assert len(deliveries(world.ada)) == 1


@pytest.mark.parametrize(("change", "status"), CHANGES.items(), ids=[one.__name__.strip("_") for one in CHANGES])
def test_a_change_after_the_signature_was_verified_is_noticed_when_it_is_stored(
    world: World, sender: Sender, change: Callable[[Sender], None], status: int
) -> None:
    real = storing.arrival_of

    def changed_meanwhile(*arguments: Any) -> Any:
        with working_for(world.ada.organization):
            change(sender)
        return real(*arguments)

    with patch("webhooks.receiving.arrival_of", changed_meanwhile):
        assert come(sender).status == status
    assert deliveries(world.ada) == []


def test_a_new_secret_is_known_at_once_where_the_old_one_was_hot(world: World, sender: Sender) -> None:
    assert come(sender).status == 202
    with working_for(world.ada.organization):
        made = endpoints.rotate_secret(sender.endpoint, registry.get("webhook"), secret=None).text
    assert made is not None
    assert come(Sender(world.ada, sender.endpoint, made)).status == 202
    # In its grace.
    assert come(sender).status == 202


def test_an_endpoint_that_changes_under_every_try_asks_its_sender_to_come_again(sender: Sender) -> None:
    with patch.object(storing, "keep", return_value=[Fate(is_current=False, is_kept=False)]):
        answered = come(sender)
    assert (answered.status, answered.headers["Retry-After"]) == (503, str(door.RETRY_AFTER_SECONDS))


def test_no_secret_stands_in_what_is_shown_of_an_endpoint(sender: Sender) -> None:
    known = endpoint_cache.read("webhook", sender.endpoint.key)
    assert known is not None and sender.secret not in repr(known)


def test_only_so_many_endpoints_are_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint_cache.forget()
    monkeypatch.setattr(endpoint_cache, "_MOST", 2)
    senders = [make_sender(world.ada) for _ in range(3)]
    for one in senders:
        assert come(one).status == 202
    assert [key for _, key in endpoint_cache._known] == [one.endpoint.key for one in senders[1:]]


def test_in_one_group_each_is_judged_by_what_it_was_verified_with(world: World, sender: Sender) -> None:
    before = endpoint_cache.read("webhook", sender.endpoint.key)
    with working_for(world.ada.organization):
        _rotate(sender)
    after = endpoint_cache.read("webhook", sender.endpoint.key)
    assert before is not None and after is not None
    assert endpoint_cache.current([before, after, before]) == [False, True, False]


@pytest.mark.django_db(transaction=True)
def test_rotations_under_load_lose_nothing_and_let_nothing_old_in(world: World, sender: Sender) -> None:
    """Threads send with whatever secret is current while it is replaced: each answer fits what is stored."""
    holder, is_over = {"secret": sender.secret}, threading.Event()
    answers: list[int] = []

    def send() -> None:
        try:
            while not is_over.is_set():
                answers.append(
                    come(Sender(world.ada, sender.endpoint, holder["secret"]), f'"{uuid4()}"'.encode()).status
                )
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    used = [sender.secret]
    try:
        for _ in range(6):
            with working_for(world.ada.organization):
                endpoint = Endpoint.objects.get(pk=sender.endpoint.pk)
                new = endpoints.rotate_secret(endpoint, registry.get("webhook"), secret=None, grace=timedelta(0)).text
            assert new is not None
            holder["secret"] = new
            used.append(new)
            # What was valid until now is so no longer, whichever thread is asked.
            assert come(Sender(world.ada, endpoint, used[-2])).status == 401
            assert come(Sender(world.ada, endpoint, new)).status == 202
    finally:
        is_over.set()
        for thread in threads:
            thread.join(30)
    assert set(answers) <= {202, 401}
    assert len(deliveries(world.ada)) == answers.count(202) + 6
