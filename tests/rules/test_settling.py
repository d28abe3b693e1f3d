"""How outcomes become states of steps and runs, and what is written of them."""

from datetime import timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from integrations import usage
from rules import interventions
from rules.api_runs import run_as_dict
from rules.models import Run, StepContent
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import MESSAGE, NOTE, NOTES, SLACK, TOOL, Desk, request_to

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
REFUSAL = {"ok": False, "error": "channel_not_found"}


def finished(desk: Desk) -> list[dict[str, Any]]:
    with working_for(desk.organization):
        entries = AuditEntry.objects.filter(action="run.finished").order_by("pk")
        return [entry.changes for entry in entries]


def content(desk: Desk, name: str) -> StepContent:
    with working_for(desk.organization):
        return desk.step(name).content


def test_a_run_that_ends_leaves_one_entry_with_its_steps_and_no_secret(desk: Desk) -> None:
    rule = desk.rule(MESSAGE, request_to(name="after", condition="{{ false }}"))
    desk.ticket(subject="Look: xoxb-1234567890-abcdef")
    desk.perform()
    [entry] = finished(desk)
    assert (entry["status"], entry["rule"]) == ("succeeded", str(rule.pk))
    message, after = entry["steps"]
    assert (message["id"], message["platform"], message["action"]) == ("message", "slack", "send_message")
    assert (message["status"], message["attempts"], message["error"]) == ("succeeded", 1, "")
    assert message["parameters"]["channel"] == "#desk"
    assert "xoxb-1234567890-abcdef" not in str(entry)
    assert (after["status"], after["attempts"], after["error"]) == ("skipped", 0, "Its condition was not met.")


def test_a_failure_ends_the_run_and_is_its_reason(desk: Desk) -> None:
    desk.platform.on("POST", SLACK, REFUSAL)
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    desk.perform()
    step = desk.step("message")
    assert (step.is_dead_letter, step.error_class, step.due_at, step.worker_id) == (True, "NotFound", None, None)
    assert (desk.run.status, desk.run.reason) == ("failed", f"message: {step.error}")
    assert desk.statuses()["after"] == "skipped"
    assert desk.step("after").error == "The run ended before this step."
    assert [entry["status"] for entry in finished(desk)] == ["failed"]


@pytest.mark.parametrize("choice", [{"on_failure": "continue"}, {"optional": True}])
def test_a_failure_that_the_author_expected_ends_nothing(desk: Desk, choice: dict[str, Any]) -> None:
    desk.platform.on("POST", SLACK, REFUSAL)
    desk.rule({**MESSAGE, **choice}, request_to(name="after"))
    desk.ticket()
    desk.perform()
    assert desk.statuses() == {"message": "failed", "after": "succeeded"}
    assert (desk.run.status, desk.run.reason, desk.step("message").is_dead_letter) == ("succeeded", "", False)


def test_an_optional_step_without_an_integration_is_left_out_with_a_warning(desk: Desk) -> None:
    desk.rule({**MESSAGE, "integration": "Gone", "optional": True}, request_to(name="after"))
    desk.ticket()
    desk.perform()
    assert desk.statuses() == {"message": "skipped", "after": "succeeded"}
    assert (desk.run.status, desk.run.reason, desk.attempts("message")) == ("succeeded", "", [])
    with working_for(desk.organization):
        shown = run_as_dict(desk.run.pk)
    assert shown["warnings"] == ["message: There is no slack integration 'Gone' in this organization."]


def test_an_optional_step_that_failed_is_a_warning_of_the_run(desk: Desk) -> None:
    desk.platform.on("POST", SLACK, REFUSAL)
    desk.rule({**MESSAGE, "optional": True}, request_to(name="after", condition="{{ steps.message.failed }}"))
    desk.ticket()
    desk.perform()
    with working_for(desk.organization):
        shown = run_as_dict(desk.run.pk)
    assert shown["status"] == "succeeded"
    [warning] = shown["warnings"]
    assert warning.startswith("message: Slack refused: channel_not_found")


def test_a_run_that_fails_before_its_first_call_has_begun_all_the_same(desk: Desk) -> None:
    desk.rule({**MESSAGE, "integration": "Gone"})
    desk.ticket()
    desk.perform()
    run = desk.run
    assert (run.status, desk.attempts("message")) == ("failed", [])
    assert run.started_at is not None and run.finished_at is not None and run.started_at <= run.finished_at


def test_a_run_cancelled_before_it_began_never_began(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    with working_for(desk.organization):
        interventions.cancel(desk.run.pk)
    assert (desk.run.status, desk.run.started_at) == ("cancelled", None)
    assert desk.run.finished_at is not None


def test_a_run_waits_while_all_that_is_left_of_it_waits(desk: Desk) -> None:
    desk.platform.on("POST", SLACK, {}, status=503)
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    desk.perform()
    step = desk.step("message")
    assert (desk.run.status, step.status, step.waits_for, desk.run.finished_at) == ("waiting", "waiting", "retry", None)
    assert step.due_at is not None and step.due_at > clock.now() - HOUR
    desk.platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": "C1"})
    desk.perform(later=HOUR)
    assert (desk.run.status, desk.attempts("message")) == ("succeeded", ["failed", "succeeded"])
    assert (desk.step("message").error, desk.step("message").error_class) == ("", "")
    assert [entry["steps"][0]["attempts"] for entry in finished(desk)] == [2]


def test_contents_are_added_to_not_replaced(desk: Desk) -> None:
    desk.platform.on("POST", SLACK, REFUSAL)
    desk.rule(MESSAGE)
    desk.ticket()
    desk.perform()
    kept = content(desk, "message")
    assert kept.parameters == {"channel": "#desk", "message": "Printer on fire"}
    assert kept.output is None or "error" in kept.output
    desk.platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": "C1"})
    with working_for(desk.organization):
        interventions.retry_run(desk.run.pk)
    desk.perform()
    after = content(desk, "message")
    assert (after.parameters, after.output["ts"]) == (kept.parameters, "1.2")


def test_one_that_waits_holds_up_no_other_run(desk: Desk) -> None:
    desk.platform.on("POST", NOTES, {"code": "invalid_credentials"}, status=401)
    desk.rule(NOTE)
    desk.rule(request_to(name="tool"))
    desk.ticket()
    desk.perform()
    with working_for(desk.organization):
        assert sorted(Run.objects.values_list("status", flat=True)) == ["succeeded", "waiting"]
    assert desk.sent(TOOL) == 1


def test_what_became_of_runs_is_counted_with_them(desk: Desk) -> None:
    rule = desk.rule(MESSAGE)
    desk.ticket()
    desk.perform()
    desk.platform.on("POST", SLACK, REFUSAL)
    desk.ticket()
    desk.perform()
    with working_for(desk.organization):
        sums = usage.totals(HOUR, "rule", rule.pk)
        account = usage.totals(HOUR, "integration", desk.integration("slack").pk)
    assert {name: sums[name] for name in ("matched", "runs", "succeeded", "failed")} == {
        "matched": 2,
        "runs": 2,
        "succeeded": 1,
        "failed": 1,
    }
    assert (account["succeeded"], account["failed"]) == (1, 1)
