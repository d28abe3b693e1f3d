"""The first stop: what a platform sends is answered as promised, and what is answered with 2xx is committed."""

import threading
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import IntegrityError, OperationalError, connection
from django.db.models import Model
from django.test import Client

from audit.models import AuditEntry
from integrations import endpoint_cache, endpoints, registry
from integrations.models import Integration
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.integrations import recorded
from tests.webhooks.senders import Sender, counted, deliveries, error_of, make_sender, only_delivery, raw_of
from webhooks import storing
from webhooks.group_commit import GroupCommit, _Slot
from webhooks.keeping import Arrival
from webhooks.models import Delivery, DeliveryBody, DeliveryConflict, DeliveryKey
from webhooks.processing import process_due
from webhooks.views import take

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(world: World) -> Sender:
    """A system of Ada's that signs by Standard Webhooks and names its deliveries."""
    return make_sender(world.ada)


def rejections(sender: Sender) -> list[dict[str, Any]]:
    with working_for(sender.tenant.organization):
        return [entry.changes for entry in AuditEntry.objects.filter(action="delivery.rejected").order_by("pk")]


# --- taken, repeated, contradicted --------------------------------------------------------------------------------


def test_what_is_signed_becomes_one_row_with_the_bytes_as_they_came(world: World, sender: Sender) -> None:
    body = b'{ "b": 1,\n"a": "\xc3\xa9" }'
    response = sender.send(body, delivery_id="msg_first", REMOTE_ADDR="203.0.113.9")

    delivery = only_delivery(world.ada)
    assert response.status_code == 202
    assert response["Content-Type"] == "application/json"
    assert response.json() == {"delivery": str(delivery.pk), "status": "accepted"}
    assert raw_of(delivery) == body
    assert (delivery.status, delivery.platform, delivery.external_id) == ("accepted", "webhook", "msg_first")
    assert (delivery.integration_id, delivery.endpoint_id) == (sender.integration.pk, sender.endpoint.pk)
    assert (delivery.ip, delivery.due_at) == ("203.0.113.9", delivery.received_at)
    assert deliveries(world.bo) == []


def test_the_same_delivery_again_is_named_and_not_taken_twice(world: World, sender: Sender) -> None:
    first = sender.send({"n": 1}, delivery_id="msg_a").json()["delivery"]
    again = sender.send({"n": 1}, delivery_id="msg_a")
    assert again.status_code == 200
    assert again.json() == {"delivery": first, "status": "duplicate"}
    assert len(deliveries(world.ada)) == 1
    assert counted(sender, "duplicate") == 1


def test_a_repeat_is_recognised_long_after(world: World, sender: Sender) -> None:
    first = sender.send({"n": 1}, delivery_id="msg_a").json()["delivery"]
    with clock.moved(timedelta(days=399)):
        assert sender.send({"n": 1}, delivery_id="msg_a").json() == {"delivery": first, "status": "duplicate"}


def test_the_same_id_with_another_body_is_kept_and_not_run(world: World, sender: Sender) -> None:
    first = sender.send({"n": 1}, delivery_id="msg_a").json()["delivery"]
    other = sender.send({"n": 2}, delivery_id="msg_a", REMOTE_ADDR="203.0.113.9")
    assert other.status_code == 200
    assert other.json() == {"delivery": first, "status": "conflict"}
    delivery = only_delivery(world.ada)
    assert raw_of(delivery) == b'{"n": 1}'
    with working_for(world.ada.organization):
        conflict = DeliveryConflict.objects.get()
    assert (conflict.delivery_id, bytes(conflict.raw), conflict.ip) == (delivery.pk, b'{"n": 2}', "203.0.113.9")
    assert world.ada.api.get(f"/api/deliveries/{first}/").json()["conflicts"] == 1


def test_conflicts_of_one_delivery_are_not_kept_without_end(world: World, sender: Sender) -> None:
    sender.send({"n": -1}, delivery_id="msg_a")
    assert {sender.send({"n": n}, delivery_id="msg_a").json()["status"] for n in range(23)} == {"conflict"}
    with working_for(world.ada.organization):
        assert DeliveryConflict.objects.count() == 20


def test_a_conflict_with_a_delivery_that_is_forgotten_is_answered_all_the_same(world: World, sender: Sender) -> None:
    """Keys outlive deliveries: there is nothing left to hang the other body on."""
    first = sender.send({"n": 1}, delivery_id="msg_a").json()["delivery"]
    with working_for(world.ada.organization):
        Delivery.objects.all().delete()
    assert sender.send({"n": 2}, delivery_id="msg_a").json() == {"delivery": first, "status": "conflict"}
    with working_for(world.ada.organization):
        assert not DeliveryConflict.objects.exists()


def test_ids_belong_to_their_sender(world: World, sender: Sender) -> None:
    others = [make_sender(world.ada), make_sender(world.bo)]
    answers = [one.send({"n": 1}, delivery_id="msg_a") for one in (sender, *others)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len({answer.json()["delivery"] for answer in answers}) == 3
    assert (len(deliveries(world.ada)), len(deliveries(world.bo))) == (2, 1)


def test_a_sender_without_ids_gets_a_row_each_time(world: World) -> None:
    freshdesk = make_sender(world.ada, "freshdesk")
    answers = [freshdesk.send({"event": "ticket_updated", "ticket_id": "42"}) for _ in range(2)]
    assert [answer.json()["status"] for answer in answers] == ["accepted", "accepted"]
    assert len(deliveries(world.ada)) == 2
    with working_for(world.ada.organization):
        assert not DeliveryKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_delivery_many_times_at_once_is_one_row(world: World, sender: Sender) -> None:
    body, headers, number = b'{"n": 1}', sender.signature(b'{"n": 1}', delivery_id="msg_a"), 8
    barrier, answers = threading.Barrier(number), []

    def send() -> None:
        try:
            barrier.wait(10)
            answers.append(Sender(world.ada, sender.endpoint, sender.secret).send_raw(body, headers))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    delivery = only_delivery(world.ada)
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted", *["duplicate"] * (number - 1)]
    assert {answer.json()["delivery"] for answer in answers} == {str(delivery.pk)}


@pytest.mark.parametrize("ending", ["", "/"])
def test_the_address_is_right_with_and_without_its_slash(world: World, ending: str) -> None:
    for platform in ("webhook", "slack", "zendesk", "freshdesk"):
        one = make_sender(world.ada, platform)
        assert one.send({"a": 1}, path=one.path + ending).status_code == 202, platform


# --- refused ------------------------------------------------------------------------------------------------------


def _unsigned(sender: Sender) -> Any:
    return sender.send_raw(b'{"secret": "plan"}', {})


def _signed_with_another_secret(sender: Sender) -> Any:
    return sender.send({"secret": "plan"}, secret="whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")


def _changed_on_its_way(sender: Sender) -> Any:
    return sender.send_raw(b'{"secret": "plan"}', sender.signature(b'{"secret": "plans"}'))


def _signed_long_ago(sender: Sender) -> Any:
    return sender.send({"secret": "plan"}, at=clock.now() - timedelta(minutes=6))


def _signed_in_the_future(sender: Sender) -> Any:
    return sender.send({"secret": "plan"}, at=clock.now() + timedelta(minutes=6))


@pytest.mark.parametrize(
    "bad",
    [_unsigned, _signed_with_another_secret, _changed_on_its_way, _signed_long_ago, _signed_in_the_future],
    ids=lambda bad: bad.__name__.strip("_"),
)
def test_a_bad_signature_is_refused_and_nothing_of_the_request_kept(
    world: World, sender: Sender, bad: Callable[[Sender], Any]
) -> None:
    response = bad(sender)
    assert error_of(response) == (401, "invalid_signature")
    assert deliveries(world.ada) == []
    assert not DeliveryBody.objects.exists()
    assert counted(sender, "rejected") == 1
    assert rejections(sender) == [{"reason": "invalid_signature", "ip": "127.0.0.1"}]


def test_rejections_are_counted_each_and_audited_once_a_minute(world: World, sender: Sender) -> None:
    other, start = make_sender(world.ada), clock.now().replace(second=0, microsecond=0)
    with clock.frozen(start):
        for _ in range(3):
            _unsigned(sender)
        _unsigned(other)
    assert (counted(sender, "rejected"), counted(other, "rejected")) == (3, 1)
    assert len(rejections(sender)) == 2
    with clock.frozen(start + timedelta(minutes=1)):
        _unsigned(sender)
        _unsigned(sender)
    assert len(rejections(sender)) == 3


def test_rejections_by_strangers_hold_up_no_one_who_signs(world: World, sender: Sender) -> None:
    for _ in range(30):
        assert _unsigned(sender).status_code == 401
    assert sender.send({"a": 1}).status_code == 202


def test_an_endpoint_that_awaits_its_secret_refuses_everything(world: World) -> None:
    waiting = make_sender(world.ada, "slack", secret=None)
    for secret in (waiting.secret, " "):
        assert error_of(waiting.send({"a": 1}, secret=secret)) == (401, "invalid_signature")
    assert deliveries(world.ada) == []


def test_during_a_rotation_two_secrets_are_valid_and_then_one(world: World, sender: Sender) -> None:
    with working_for(world.ada.organization):
        made = endpoints.rotate_secret(sender.endpoint, registry.get("webhook"), secret=None).text
    assert made is not None
    assert sender.send({"a": 1}).status_code == 202
    assert sender.send({"a": 1}, secret=made).status_code == 202
    with clock.moved(endpoints.GRACE + timedelta(seconds=1)):
        assert sender.send({"a": 1}).status_code == 401
        assert sender.send({"a": 1}, secret=made).status_code == 202


def test_a_rotation_without_grace_ends_the_old_secret_at_once(world: World, sender: Sender) -> None:
    with working_for(world.ada.organization):
        endpoints.rotate_secret(sender.endpoint, registry.get("webhook"), secret=None, grace=timedelta(0))
    assert sender.send({"a": 1}).status_code == 401


@pytest.mark.parametrize(
    ("ip", "status"), [("203.0.113.7", 202), ("2001:db8::5", 202), ("203.0.114.7", 401), ("::ffff:203.0.113.7", 202)]
)
def test_only_allowed_addresses_may_send(world: World, ip: str, status: int) -> None:
    sender = make_sender(world.ada, allowed_ips=["203.0.113.0/24", "2001:db8::5"])
    response = sender.send({"a": 1}, REMOTE_ADDR=ip)
    assert response.status_code == status
    if status == 401:
        assert error_of(response) == (401, "invalid_signature")
        assert rejections(sender) == [{"reason": "address_not_allowed", "ip": ip}]


def test_an_unknown_address_is_not_found(world: World, sender: Sender) -> None:
    key = sender.endpoint.key
    for path in (
        f"/api/webhooks/nobody/{key}",
        f"/api/webhooks/http/{key}",  # a platform that sends nothing
        f"/api/webhooks/slack/{key}",  # another platform's address
        "/api/webhooks/webhook/" + "x" * 43,
        "/api/webhooks/webhook",
    ):
        assert error_of(sender.send({"a": 1}, path=path)) == (404, "not_found"), path
    assert deliveries(world.ada) == []


def test_what_is_switched_off_is_not_found(world: World, sender: Sender) -> None:
    with working_for(world.ada.organization):
        Integration.objects.update(is_enabled=False)
    assert error_of(sender.send({"a": 1})) == (404, "not_found")
    with working_for(world.ada.organization):
        Integration.objects.update(is_enabled=True)
    assert sender.send({"a": 1}).status_code == 202
    world.ada.organization.is_active = False
    world.ada.organization.save()
    assert error_of(sender.send({"a": 1})) == (404, "not_found")


def test_a_body_over_the_limit_is_refused_by_what_it_declares(world: World, sender: Sender, settings: Any) -> None:
    settings.MAX_WEBHOOK_BYTES = 100
    assert sender.send(b'"' + b"x" * 98 + b'"').status_code == 202
    assert error_of(sender.send(b'"' + b"x" * 99 + b'"')) == (413, "too_large")
    assert len(deliveries(world.ada)) == 1


@pytest.mark.parametrize(("size", "status"), [(100, 202), (101, 413), (100_000, 413)])
def test_a_body_that_declares_no_size_is_read_up_to_the_limit(
    world: World, sender: Sender, settings: Any, size: int, status: int
) -> None:
    settings.MAX_WEBHOOK_BYTES = 100
    body = b'"' + b"x" * (size - 2) + b'"'
    headers = [(name.lower().encode(), value.encode()) for name, value in sender.signature(body).items()]
    stream = BytesIO(body)
    scope = {"type": "http", "method": "POST", "path": sender.path, "query_string": b"", "headers": headers}
    response = take(ASGIRequest(scope, stream), "webhook", sender.endpoint.key)
    assert response.status_code == status
    assert stream.tell() <= 101
    assert len(deliveries(world.ada)) == (status == 202)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_not_allowed(world: World, sender: Sender, method: str) -> None:
    assert error_of(sender.send_raw(b"{}", {}, method=method)) == (405, "method_not_allowed")


# --- bodies as they really come -----------------------------------------------------------------------------------

MALFORMED = {
    "cut off": b'{"a": 1',
    "not a number": b'{"a": NaN}',
    "infinite": b'{"a": -Infinity}',
    "200 levels": b"[" * 200 + b"]" * 200,
    "100,000 levels": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "not UTF-8": b'{"a": "\xff"}',
    "two documents": b"{}{}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_json_with_a_good_signature_is_kept_for_the_tenant_to_see(
    world: World, sender: Sender, body: bytes
) -> None:
    response = sender.send(body, delivery_id="msg_a")
    delivery = only_delivery(world.ada)
    assert error_of(response) == (400, "malformed")
    assert str(delivery.pk) in response.json()["errors"][0]["detail"]
    assert (delivery.status, delivery.due_at, raw_of(delivery)) == ("rejected", None, body)
    assert delivery.reason
    process_due()
    shown = world.ada.api.get(f"/api/deliveries/{delivery.pk}/").json()
    assert (shown["status"], shown["events"], shown["runs"]) == ("rejected", [], [])


def test_a_malformed_delivery_does_not_block_its_id(world: World, sender: Sender) -> None:
    assert sender.send(b"{", delivery_id="msg_a").status_code == 400
    assert sender.send(b"{}", delivery_id="msg_a").status_code == 202


ODD = {
    "two equal keys": (b'{"id": 1, "n": 1, "n": 2}', {"id": 1, "n": 2}),
    "a zero byte": (rb'{"id": "a\u0000b", "n": "\u0000", "\u0000": 1}', {"id": "a\0b", "n": "\0", "\0": 1}),
    "beyond 64 bits": (b'{"n": 18446744073709551616}', {"n": "18446744073709551616"}),
    "the largest 64 bits": (b'{"n": 9223372036854775807}', {"n": 9223372036854775807}),
    "half a character": (rb'{"n": "\ud800"}', {"n": "\ufffd"}),
    "99 levels": (b'{"a":' * 99 + b"1" + b"}" * 99, None),
    "nothing": (b"", {}),
    "white space": (b" \n", {}),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("body", "payload"), ODD.values(), ids=ODD.keys())
def test_odd_json_becomes_an_event_that_can_be_read(world: World, sender: Sender, body: bytes, payload: Any) -> None:
    response = sender.send(body)
    assert response.status_code == 202, response.content
    process_due()
    shown = world.ada.api.get(f"/api/deliveries/{response.json()['delivery']}/").json()
    assert shown["status"] == "processed", shown
    if payload is not None:
        assert shown["events"][0]["payload"] == payload


def test_an_id_with_odd_letters_is_an_id(world: World) -> None:
    slack = make_sender(world.ada, "slack")
    body = rb'{"type": "event_callback", "event_id": "Ev\u0000\ud800", "event": {"type": "message"}}'
    assert [slack.send(body).json()["status"] for _ in range(2)] == ["accepted", "duplicate"]
    assert "\0" not in only_delivery(world.ada).external_id


def test_a_form_is_no_json_for_platforms_that_send_none(world: World, sender: Sender) -> None:
    response = sender.send(urlencode({"a": 1}).encode(), content_type="application/x-www-form-urlencoded")
    assert error_of(response) == (400, "malformed")


def test_secrets_in_headers_are_not_stored(world: World) -> None:
    freshdesk = make_sender(world.ada, "freshdesk")
    with_token = {"X-SupportOps-Token": freshdesk.secret, "Cookie": "session=1", "Proxy-Authorization": "Basic x"}
    freshdesk.send({"a": 1}, headers={"User-Agent": "Freshdesk"})
    freshdesk.send_raw(b"{}", {**with_token, "User-Agent": "Freshdesk"})
    headers = [body.headers for body in DeliveryBody.objects.all()]
    assert [one["user-agent"] for one in headers] == ["Freshdesk", "Freshdesk"]
    for one in headers:
        assert not {"authorization", "cookie", "x-supportops-token", "proxy-authorization"} & set(one)
        assert freshdesk.secret not in str(one)


# --- promises of the write ----------------------------------------------------------------------------------------


def _without_room_for(table: type[Model]) -> AbstractContextManager[None]:
    """The disk is full when rows of `table` are written, in the middle of it all."""

    def execute(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if f"INSERT INTO {table._meta.db_table}" in sql.replace('"', ""):
            raise OperationalError("disk full")
        return execute(sql, *rest)

    return connection.execute_wrapper(execute)


def test_without_a_database_the_sender_is_asked_to_come_again(world: World, sender: Sender) -> None:
    with _without_room_for(Delivery):
        response = sender.send({"a": 1}, delivery_id="msg_a")
    assert error_of(response) == (503, "unavailable")
    assert response.json()["type"] == "server_error"
    assert int(response["Retry-After"]) > 0
    assert "disk" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_was_not_committed_was_not_taken_and_may_come_again(world: World, sender: Sender) -> None:
    with _without_room_for(DeliveryBody):
        assert sender.send({"a": 1}, delivery_id="msg_a").status_code == 503
    assert deliveries(world.ada) == []
    assert sender.send({"a": 1}, delivery_id="msg_a").json()["status"] == "accepted"


@pytest.mark.django_db(transaction=True)
def test_one_that_cannot_be_written_takes_no_other_down(world: World, sender: Sender) -> None:
    """What is written together fails alone."""
    first = uuid.UUID(sender.send({"a": 1}).json()["delivery"])
    arrivals = [_arrival(sender) for _ in range(3)]
    arrivals[1] = replace(arrivals[1], delivery_id=first)
    written = _together(arrivals)
    assert [isinstance(outcome, IntegrityError) for outcome in written] == [False, True, False]
    assert {one.pk for one in deliveries(world.ada)} == {first, arrivals[0].delivery_id, arrivals[2].delivery_id}


def _arrival(sender: Sender, sender_id: str | None = None) -> Arrival:
    endpoint = endpoint_cache.read("webhook", sender.endpoint.key)
    assert endpoint is not None
    return storing.arrival_of(recorded.RecordedRequest("x", {}, b"{}").as_request(), endpoint, sender_id, "")


def _together(arrivals: list[Arrival]) -> list[Any]:
    """Store `arrivals` as one group, and return what each one's request got."""
    group = GroupCommit(storing._write, begin=storing._begin)
    slots = [_Slot(arrival) for arrival in arrivals]
    group._waiting, group._is_led = list(slots), True
    group._lead()
    return [slot.error or slot.outcome for slot in slots]


def test_one_receipt_costs_a_known_number_of_queries(
    world: World, sender: Sender, django_assert_num_queries: Callable[[int], AbstractContextManager[Any]]
) -> None:
    sender.send({"a": 0})  # opens the organization's key
    alone = 1 if connection.vendor == "postgresql" else 8
    with django_assert_num_queries(alone):
        assert sender.send({"a": 1}).status_code == 202
    # Together they cost what one does.
    arrivals = [_arrival(sender, f"of ten {number}") for number in range(10)]
    with django_assert_num_queries(alone):
        assert {one.outcome for one in _together(arrivals)} == {storing.Outcome.ACCEPTED}


def test_receipt_sets_no_cookie_and_asks_for_no_token(world: World, sender: Sender) -> None:
    sender.client = Client(enforce_csrf_checks=True)
    response = sender.send({"a": 1})
    assert response.status_code == 202
    assert not response.cookies
    assert len(response["X-Request-ID"]) >= 8
