"""Approvals answered from a mail: who is asked, what the one-time address does and does not, and when it is dead."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from audit.models import AuditEntry
from integrations import notices
from integrations.models import Notice
from rules import interventions, recovery
from rules.approval_page import _PER_MINUTE
from rules.models import ApprovalLink
from supportops import clock
from supportops.api import throttling
from supportops.context import Actor, acting_as
from supportops.people.members import change_role, end_sessions, remove_member
from supportops.people.models import User
from supportops.tenancy.models import Membership
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests.builders import World, make_member
from tests.rules.engine import TOOL, Desk, a_worker_that_dies, request_to

pytestmark = pytest.mark.django_db(transaction=True)

AFTER = request_to(name="after")
ADDRESS = re.compile(r"(/approvals/[A-Za-z0-9_-]{43}/)")


@pytest.fixture(autouse=True)
def _counted_anew() -> None:
    throttling.in_process.clear()


@pytest.fixture
def people(desk: Desk) -> dict[str, User]:
    """An admin and an operator beside the owner, and somebody who may only look."""
    roles = {"amy": Role.ADMIN, "olaf": Role.OPERATOR, "vera": Role.VIEWER}
    return {name: make_member(desk.organization, role, email=f"{name}@example.com") for name, role in roles.items()}


def asked(desk: Desk, **approval: Any) -> None:
    """Let a run come to a step that asks."""
    desk.rule({"id": "ask", "approval": {"message": "Refund {{ ticket.id }}?", **approval}}, AFTER)
    desk.ticket()
    desk.perform()


def mailed() -> dict[str, str]:
    """Send what is due; return the address that each person got."""
    notices.send_due()
    return {message.to[0]: ADDRESS.search(str(message.body))[1] for message in mail.outbox}  # type: ignore[index]


def entries(desk: Desk, action: str) -> list[AuditEntry]:
    with working_for(desk.organization):
        return list(AuditEntry.objects.filter(action=action))


# --- who is asked -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("approval", "to"),
    [
        ({"roles": ["admin"]}, ["amy"]),
        ({"people": ["Olaf@Example.com"]}, ["olaf"]),
        ({"roles": ["owner", "admin"], "people": ["olaf@example.com"]}, ["ada", "amy", "olaf"]),
        # May look and not run rules: named or not, the API and the admin would refuse the answer.
        ({"people": ["vera@example.com", "stranger@example.com"]}, []),
        ({}, ["ada", "amy", "olaf"]),
        ({"roles": ["admin"], "notify": False}, []),
    ],
)
def test_those_who_may_decide_get_a_mail_each(
    desk: Desk, people: dict[str, User], approval: dict[str, Any], to: list[str]
) -> None:
    asked(desk, **approval)
    addresses = mailed()
    assert sorted(addresses) == [f"{name}@example.com" for name in to]
    assert len(set(addresses.values())) == len(to)
    assert all(len(message.to) == 1 and not message.cc and not message.bcc for message in mail.outbox)


def test_the_mail_says_what_is_asked(desk: Desk, people: dict[str, User]) -> None:
    asked(desk, roles=["admin"], deadline="2h")
    mailed()
    (message,) = mail.outbox
    body = str(message.body)
    assert message.subject.startswith("Your decision is needed: Rule ")
    for said in ("Refund 42?", "Ticket 42 Printer on fire", "ticket_created on freshdesk", f"/run/{desk.run.pk}/"):
        assert said in body
    assert "UTC" in body and body.count("/approvals/") == 1


def test_the_address_is_kept_nowhere(desk: Desk, people: dict[str, User]) -> None:
    asked(desk, roles=["admin"])
    with working_for(desk.organization):
        waiting = Notice.objects.get()
        (address,) = mailed().values()
        sent, link = Notice.objects.get(), ApprovalLink.objects.get()
    key = address.split("/")[2]
    assert key.encode() not in waiting.confidential.bytes and waiting.confidential.is_set
    assert not sent.confidential.is_set and sent.sent_at is not None
    assert key not in f"{waiting.text}{waiting.data}{link.digest}" and len(link.digest) == 64


def test_a_crash_while_mails_are_sent_neither_loses_nor_changes_them(
    desk: Desk, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(desk, roles=["admin"])

    def dies(notice: Notice) -> None:
        notices_mail(notice)
        raise SystemExit

    notices_mail = notices._mail
    monkeypatch.setattr(notices, "_mail", dies)
    with pytest.raises(SystemExit):
        notices.send_due()
    monkeypatch.setattr(notices, "_mail", notices_mail)
    assert notices.send_due() == 0
    with clock.moved(timedelta(minutes=3)):
        assert notices.send_due() == 1 and notices.send_due() == 0
    first, second = mail.outbox
    # A mailbox knows the second for the first, and its address is the same.
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
    assert ADDRESS.findall(str(first.body)) == ADDRESS.findall(str(second.body))


def test_a_worker_that_dies_before_the_wait_is_written_asks_once(desk: Desk, people: dict[str, User]) -> None:
    desk.rule({"id": "ask", "approval": {"roles": ["admin"]}}, AFTER)
    desk.ticket()
    with a_worker_that_dies():
        desk.claimed()
    recovery.recover_steps()
    desk.perform()
    desk.perform()
    assert len(mailed()) == len(mail.outbox) == 1


# --- the page ---------------------------------------------------------------------------------------------------
def test_opening_shows_the_question_and_changes_nothing(desk: Desk, people: dict[str, User]) -> None:
    asked(desk, roles=["admin"])
    (address,) = mailed().values()
    for _ in range(3):
        shown = Client().get(address)
        assert shown.status_code == 200 and Client().head(address).status_code == 200
    text = shown.content.decode()
    for said in ("Refund 42?", "Ticket 42 Printer on fire", "amy@example.com", "Approve", "Reject"):
        assert said in text
    assert shown["Referrer-Policy"] == "no-referrer" and "noindex" in shown["X-Robots-Tag"]
    assert shown["Cache-Control"] == "no-store" and not shown.cookies and "script" not in text
    assert desk.step("ask").waits_for == "approval" and not entries(desk, "step.approved")


@pytest.mark.parametrize(("decision", "status", "sent"), [("approve", "succeeded", 1), ("reject", "failed", 0)])
def test_an_answer_is_that_persons_and_is_taken_once(
    desk: Desk, people: dict[str, User], decision: str, status: str, sent: int
) -> None:
    asked(desk, roles=["admin", "owner"])
    addresses = mailed()
    strict = Client(enforce_csrf_checks=True)
    given = strict.post(addresses["amy@example.com"], {"decision": decision, "comment": "As agreed."})
    assert given.status_code == 200 and "amy@example.com" in given.content.decode()
    desk.perform()
    assert (desk.run.status, desk.sent(TOOL)) == (status, sent)
    (entry,) = entries(desk, "step.approved" if decision == "approve" else "step.rejected")
    assert (entry.actor_type, entry.actor_id) == ("user", str(people["amy"].pk))
    assert entry.changes == {"step": "ask", "comment": "As agreed.", "via": "link"}
    for address in addresses.values():
        for again in (Client().get(address), Client().post(address, {"decision": "approve"})):
            assert again.status_code == 410
            said = again.content.decode()
            assert not any(word in said for word in ("Refund", "amy@", "Ada", "Rule 1", "Printer"))
    assert len(entries(desk, "step.approved")) + len(entries(desk, "step.rejected")) == 1


def test_an_answer_without_a_decision_is_asked_for_again(desk: Desk, people: dict[str, User]) -> None:
    asked(desk, roles=["admin"])
    (address,) = mailed().values()
    unclear = Client().post(address, {"comment": "hm"})
    assert unclear.status_code == 400 and "Choose one" in unclear.content.decode()
    assert Client().post(address, {"decision": "approve"}).status_code == 200


def test_unknown_addresses_say_so_and_are_counted(desk: Desk) -> None:
    for key in ("x", "a" * 43, "%00", "…"):
        assert Client().get(f"/approvals/{key}/").status_code == 404
    assert Client().post("/approvals/none/", {"decision": "approve"}).status_code == 404
    answers = [Client().get("/approvals/none/") for _ in range(_PER_MINUTE)]
    assert answers[-1].status_code == 429 and int(answers[-1]["Retry-After"]) >= 1


def lose_role(user: User) -> None:
    change_role(Membership.objects.get(user=user), Role.OPERATOR, by_owner=True)


def be_removed(user: User) -> None:
    remove_member(Membership.objects.get(user=user), by_owner=True)


def be_switched_off(user: User) -> None:
    end_sessions(user)
    User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("happens", [lose_role, be_removed, be_switched_off])
def test_who_may_no_longer_decide_is_refused(desk: Desk, people: dict[str, User], happens: Any) -> None:
    asked(desk, roles=["admin"])
    (address,) = mailed().values()
    with working_for(desk.organization):
        happens(people["amy"])
    assert Client().get(address).status_code == Client().post(address, {"decision": "approve"}).status_code == 410
    assert desk.step("ask").status == "waiting"


def test_a_link_ends_with_the_deadline_a_decision_elsewhere_and_the_run(desk: Desk, people: dict[str, User]) -> None:
    asked(desk, roles=["admin"], deadline="1h")
    (address,) = mailed().values()
    with clock.moved(timedelta(hours=2)):
        assert Client().post(address, {"decision": "approve"}).status_code == 410
    with working_for(desk.organization), acting_as(Actor("user", "1", "ada@example.com")):
        interventions.decide(desk.run.pk, "ask", False)
    assert Client().get(address).status_code == 410


def test_a_step_that_asks_anew_has_new_links(desk: Desk, people: dict[str, User]) -> None:
    asked(desk, roles=["admin"])
    (first,) = mailed().values()
    with working_for(desk.organization):
        interventions.decide(desk.run.pk, "ask", False)
        interventions.retry_run(desk.run.pk)
    desk.perform()
    mail.outbox.clear()
    (second,) = mailed().values()
    assert first != second and Client().post(first, {"decision": "approve"}).status_code == 410
    assert Client().post(second, {"decision": "approve"}).status_code == 200


def test_a_mail_that_was_not_sent_before_the_answer_stays_unsent(desk: Desk, people: dict[str, User]) -> None:
    asked(desk, roles=["admin"])
    with working_for(desk.organization):
        interventions.decide(desk.run.pk, "ask", True)
        assert not Notice.objects.get().confidential.is_set
    assert notices.send_due() == 0 and not mail.outbox


def test_links_stay_within_their_organization(desk: Desk, people: dict[str, User], world: World) -> None:
    """Whoever is a member elsewhere too, and opens his link while he works there, decides where the link belongs."""
    asked(desk, roles=["admin"])
    (address,) = mailed().values()
    at_bo = Client()
    at_bo.force_login(world.bo.owner)
    assert at_bo.post(address, {"decision": "approve"}).status_code == 200
    (entry,) = entries(desk, "step.approved")
    assert entry.actor_id == str(people["amy"].pk)


def test_two_answers_at_once_are_one(desk: Desk, people: dict[str, User]) -> None:
    """The second of two who passed the same checks finds the step decided."""
    from rules import answering
    from rules.answering import NoLonger

    asked(desk, roles=["admin", "owner"])
    mailed()
    with working_for(desk.organization):
        first, second = ApprovalLink.objects.select_related("step", "user")
        step, user = first.step, first.user
        answering.answer_link(second.pk, is_approved=True, comment="")
        with pytest.raises(NoLonger):
            answering.answer(step, step.fence, user, is_approved=False, via="link")
    assert len(entries(desk, "step.approved")) == 1 and not entries(desk, "step.rejected")
