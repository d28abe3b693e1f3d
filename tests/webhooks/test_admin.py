"""Deliveries and dead letters in the admin: read, replayed, retried."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rules import authoring
from rules.models import EventContent, Run, StepStatus
from supportops.jobs.models import Job
from supportops.jobs.running import work_due
from supportops.tenancy.scope import working_for
from tests.admin_world import History, make_history, urgent_document
from tests.builders import World, browser
from webhooks.models import Delivery, DeliveryBody, DeliveryStatus

pytestmark = pytest.mark.django_db
LETTERS = "/admin/webhooks/delivery/dead-letters/"


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


@pytest.fixture
def client(ada: History) -> Any:
    return browser(ada.tenant.owner)


def place(delivery: Delivery, what: str = "change") -> str:
    return reverse(f"admin:webhooks_delivery_{what}", args=[delivery.pk])


def test_a_delivery_shows_what_came_and_what_came_of_it(ada: History, client: Any) -> None:
    text = client.get(place(ada.delivery)).content.decode()
    for part in (
        "&lt;script&gt;alert(1)",
        f"x-mark: {ada.mark}",
        f"{ada.mark} urgent",
        "matched",
        "priority",
        "passed",
        "1 further request came",
        "203.0.113.9",
    ):
        assert part in text, part
    assert "<script>alert(1)" not in text and "<b>fire" not in text
    assert f"{ada.mark}: poison" in client.get(place(ada.failed_delivery)).content.decode()


def test_what_was_forgotten_or_is_no_text_is_said(ada: History, client: Any) -> None:
    with working_for(ada.tenant.organization):
        DeliveryBody.objects.filter(pk=ada.failed_delivery.pk).update(raw=b"\xff\x00\xfe")
        DeliveryBody.objects.filter(pk=ada.delivery.pk).delete()
        EventContent.objects.filter(pk=ada.event.pk).delete()
    assert "base64" in client.get(place(ada.failed_delivery)).content.decode()
    text = client.get(place(ada.delivery)).content.decode()
    assert "The body was removed after its time" in text and "Its content was removed" in text


def test_a_delivery_is_replayed(ada: History, client: Any) -> None:
    page = client.post(place(ada.delivery, "replay_view"), format="multipart", follow=True)
    assert "Replayed: 1 new run" in page.content.decode()
    with working_for(ada.tenant.organization):
        assert Run.objects.get(cause="replay").replay_of_id == ada.failed_run.pk
    data = {"action": "replay_selected", "_selected_action": [str(ada.delivery.pk), str(ada.failed_delivery.pk)]}
    page = client.post("/admin/webhooks/delivery/", data, format="multipart", follow=True)
    assert "Replay these deliveries?" in page.content.decode() and "What it touches: 2" in page.content.decode()
    page = client.post("/admin/webhooks/delivery/", {**data, "confirmed": "yes"}, format="multipart", follow=True)
    assert "Replay of deliveries" in page.content.decode() and "data-poll" in page.content.decode()
    assert work_due() > 0
    with working_for(ada.tenant.organization):
        job = Job.objects.get(kind="deliveries.replay")
        assert job.result == {"replayed": 2, "runs": 1, "not_replayed": 0, "reasons": []}
        assert Delivery.objects.get(pk=ada.failed_delivery.pk).status == DeliveryStatus.ACCEPTED
        EventContent.objects.filter(pk=ada.event.pk).delete()
    page = client.post(place(ada.delivery, "replay_view"), format="multipart", follow=True)
    assert "removed after its time" in page.content.decode()


def test_a_delivery_is_replayed_for_one_rule(ada: History, client: Any) -> None:
    with working_for(ada.tenant.organization):
        other, _ = authoring.create({**urgent_document(ada.mark), "name": "other"}, author="")
    assert "other" in client.get(place(ada.delivery)).content.decode()
    page = client.post(place(ada.delivery, "replay_view"), {"rule": str(other.pk)}, format="multipart", follow=True)
    assert "Replayed: 1 new run" in page.content.decode()
    with working_for(ada.tenant.organization):
        assert Run.objects.get(cause="replay").rule_id == other.pk
    page = client.post(place(ada.delivery, "replay_view"), {"rule": "x"}, format="multipart", follow=True)
    assert "There is no such rule" in page.content.decode()
    page = client.post(
        place(ada.failed_delivery, "replay_view"), {"rule": str(other.pk)}, format="multipart", follow=True
    )
    assert "No event was read" in page.content.decode()


def test_dead_letters_stand_by_their_cause_and_are_retried(ada: History, client: Any) -> None:
    text = client.get(LETTERS).content.decode()
    assert "NotFound" in text and f"{ada.mark} no such channel" in text and "poison" in text
    text = client.get(f"{LETTERS}?kind=step&platform=slack&action=send_message&error_class=NotFound").content.decode()
    assert text.split("The newest")[1].count("no such channel") == 1 and "poison" not in text.split("The newest")[1]
    data = {"kind": "step", "platform": "slack", "action": "send_message", "error_class": "NotFound"}
    page = client.post(f"{LETTERS}retry/", data, format="multipart", follow=True)
    assert "They are retried" in page.content.decode()
    assert work_due() > 0
    with working_for(ada.tenant.organization):
        assert ada.failed_run.steps.get().status == StepStatus.PENDING
        assert Delivery.objects.get(pk=ada.failed_delivery.pk).status == DeliveryStatus.FAILED
        job = Job.objects.get(author=ada.tenant.owner.email)
        assert job.result == {"retried": 1}
    assert "<dt>retried</dt><dd>1</dd>" in client.get(LETTERS).content.decode()
    client.post(f"{LETTERS}retry/", {"id": str(ada.failed_delivery.pk)}, format="multipart")
    work_due()
    text = client.get(LETTERS).content.decode()
    assert "Nothing does now" in text


def test_odd_filters_are_answered(ada: History, client: Any) -> None:
    for query in ("kind=odd", "platform=%00", "action=" + "x" * 500, "error_class=x&kind=delivery"):
        assert client.get(f"{LETTERS}?{query}", follow=True).status_code == 200, query


def test_the_list_asks_the_same_however_long_it_is(ada: History, client: Any) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    for address, most in (("/admin/webhooks/delivery/", 10), (LETTERS, 12), ("/admin/", 40)):
        queries(address)
        few = queries(address)
        with working_for(ada.tenant.organization):
            for number in range(5):
                Delivery.objects.create(
                    integration=ada.freshdesk, platform="freshdesk", status="failed", external_id=f"{address}{number}"
                )
        assert queries(address) == few <= most, (address, few)
