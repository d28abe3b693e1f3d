"""The sandbox's page and the demo organization: a ticket written there goes the whole way, and nowhere else."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Min

from integrations import lifecycle
from integrations.models import Integration, SandboxArrival, UsageHour
from rules import authoring
from rules.models import Event, Rule, Run, Step, Verdict
from supportops import clock
from supportops.jobs.models import Job, JobStatus
from supportops.jobs.running import work_due
from supportops.tenancy.models import Membership, Organization
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests.builders import World, add_member, browser, make_member
from webhooks.demo.organization import demo_of, make_demo
from webhooks.demo.tickets import TICKETS
from webhooks.models import Delivery
from webhooks.sandbox_sending import CannotSend, Ticket, send
from webhooks.tasks import plan as work

PAGE = "/admin/integrations/sandboxarrival/"


@pytest.fixture
def demo(world: World) -> Organization:
    organization = Organization.objects.create(slug="played", name="Played", works_in_sandbox=True)
    add_member(organization, world.ada.owner, Role.OWNER)
    with working_for(organization):
        for platform, credentials in (
            ("freshdesk", {"domain": "acme.freshdesk.com", "api_key": "abcdefghij1234567890"}),
            ("slack", {"bot_token": "xoxb-1234567890-abcdef"}),
        ):
            lifecycle.create(platform=platform, name=platform.title(), credentials=credentials)
        authoring.create(
            {
                "name": "Tell",
                "trigger": {"platform": "freshdesk", "event": "*", "conditions": {"priority": 4}},
                "steps": [
                    {
                        "platform": "slack",
                        "action": "send_message",
                        "parameters": {"channel": "#support", "message": "{{ ticket.subject }} {{ meta.type }}"},
                    }
                ],
            }
        )
    return organization


def written(**given: Any) -> dict[str, Any]:
    desk = Integration.objects.get(platform="freshdesk")
    return {
        "integration": str(desk.pk),
        "subject": "Printer on fire",
        "priority": "urgent",
        "status": "open",
        "requester": "c@example.com",
        **given,
    }


@pytest.mark.django_db(transaction=True)
def test_a_ticket_written_on_the_page_becomes_a_message_that_the_page_shows(
    world: World, demo: Organization, settings: Any
) -> None:
    settings.PLATFORM_LIMITS = {"slack": None}
    client = browser(world.ada.owner, demo)
    with working_for(demo):
        sent = client.post(f"{PAGE}send/", written(), format="multipart")
    assert sent.status_code == 302 and "?delivery=" in sent["Location"]
    work()
    page = client.get(sent["Location"]).content.decode()
    assert "Message to #support" in page and "Printer on fire ticket_created" in page
    assert "See what became of it" in page
    with working_for(demo):
        number = int(Event.objects.get().external_id)
        client.post(f"{PAGE}send/", written(number=str(number), status="pending"), format="multipart")
    work()
    assert "Printer on fire ticket_updated" in client.get(f"{PAGE}arrived/").content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [None, "open"])
def test_zendesk_is_played_with_its_own_signature(world: World, demo: Organization, before: str | None) -> None:
    credentials = {"subdomain": "acme", "access_token": "abcdefghij1234567890"}
    wishes = lifecycle.WebhookWishes(secret="a-secret-that-zendesk-would-make")
    with working_for(demo):
        row, _, _ = lifecycle.create(platform="zendesk", name="Z", credentials=credentials, webhook=wishes)
        number = None
        if before is not None:
            send(row, Ticket("Refund", status=before))
            work()
            number = int(Event.objects.get().external_id)
        send(row, Ticket("Refund", status="solved", number=number))
        work()
        newest = Event.objects.order_by("-id")[0]
    assert newest.type == ("ticket.created" if before is None else "ticket.solved")


@pytest.mark.django_db
def test_what_is_wrong_with_a_ticket_is_said_at_its_field(world: World, demo: Organization) -> None:
    client = browser(world.ada.owner, demo)
    with working_for(demo):
        answer = client.post(f"{PAGE}send/", written(subject="", requester="nobody"), format="multipart")
    assert answer.status_code == 200
    assert answer.content.decode().count('role="alert"') == 2
    with working_for(demo):
        assert not Delivery.objects.exists()
        Integration.objects.filter(platform="freshdesk").update(is_enabled=False)
        with pytest.raises(CannotSend, match="switched on"):
            send(Integration.objects.get(platform="freshdesk"), Ticket("x"))


@pytest.mark.django_db
def test_roles_and_other_organizations(world: World, demo: Organization) -> None:
    viewer = make_member(demo, Role.VIEWER)
    client = browser(viewer, demo)
    page = client.get(PAGE).content.decode()
    assert "What arrived" in page and "sandboxarrival/send/" not in page and "Begin anew" not in page
    with working_for(demo):
        assert client.post(f"{PAGE}send/", written(), format="multipart").status_code == 403
    assert client.post(f"{PAGE}empty/").status_code == 403
    # An organization whose platforms are real has no such page.
    real = browser(world.bo.owner)
    assert real.get(PAGE).status_code == 302
    assert real.post(f"{PAGE}empty/").status_code == 302
    assert "Sandbox" not in real.get("/admin/").content.decode()


@pytest.mark.django_db
def test_emptying_forgets_what_arrived(world: World, demo: Organization) -> None:
    with working_for(demo):
        SandboxArrival.objects.create(platform="slack", method="POST", path="/x", status=200)
    assert browser(world.ada.owner, demo).post(f"{PAGE}empty/").status_code == 302
    with working_for(demo):
        assert not SandboxArrival.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_demo_organization_gets_a_past(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEMO = True
    # Several messages to one channel would otherwise take their second each.
    settings.PLATFORM_LIMITS = {"slack": None, "trello": None, "freshdesk": None, "zendesk": None}
    client = browser(world.ada.owner)
    assert "Open a demo organization" in client.get("/admin/").content.decode()
    assert client.post("/admin/demo/").status_code == 302
    demo = demo_of(world.ada.owner)
    assert demo is not None and demo.works_in_sandbox
    with working_for(demo):
        for _ in range(60):
            work_due()
            work()
            Job.objects.filter(status=JobStatus.PENDING).update(due_at=clock.now())
            if any(job.result["moved"] for job in Job.objects.filter(kind="demo.move_back", status="succeeded")):
                break
        assert Delivery.objects.count() == TICKETS
        assert Rule.objects.count() == 5
        outcomes = set(Verdict.objects.values_list("outcome", flat=True))
        assert "matched" in outcomes
        statuses = set(Run.objects.values_list("status", flat=True))
        assert {"succeeded", "failed", "waiting"} <= statuses
        assert Step.objects.filter(is_dead_letter=True).exists()
        oldest = Delivery.objects.aggregate(at=Min("received_at"))["at"]
        assert clock.now() - oldest > timedelta(days=10)
        assert not Run.objects.filter(created_at__gt=clock.now()).exists()
        received = list(Delivery.objects.order_by("id").values_list("received_at", flat=True))
        assert received == sorted(received)
        # Nothing fails but what shall.
        causes = set(Step.objects.filter(is_dead_letter=True).values_list("run__rule__name", flat=True))
        assert causes == {"Praise to the archive"}
        assert UsageHour.objects.values("hour").distinct().count() > 10
        assert sum(UsageHour.objects.values_list("received", flat=True)) == TICKETS
        assert SandboxArrival.objects.filter(has_effect=True).exists()
    overview = client.get("/admin/").content.decode()
    assert "works in the sandbox" in overview and "Open a demo organization" not in overview
    # A second wish leads to the same one.
    assert make_demo(world.ada.owner) == demo
    assert Membership.across_organizations.filter(organization=demo).count() == 1


@pytest.mark.django_db
def test_where_the_operator_wants_no_demo_there_is_none(world: World, settings: Any) -> None:
    settings.DEMO = False
    client = browser(world.ada.owner)
    assert "Open a demo organization" not in client.get("/admin/").content.decode()
    assert client.post("/admin/demo/").status_code == 403
    assert client.get("/admin/demo/").status_code == 405
