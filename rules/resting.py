"""Decides what becomes of a claimed step that calls nobody: it rests, or what it rested for has come.

A step that rests is claimed again when its time comes, or when the run that it waits for has ended.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from rules import approval_links, chat_questions, interventions
from rules.business_time import NeverOpen, UnknownCalendar
from rules.calendars import Calendars
from rules.compiled import CompiledStep
from rules.decisions import Decision, Failed, Succeeded, Waits
from rules.inputs import checked_inputs
from rules.kinds import OPEN, Approval, NestedRule, Wait
from rules.models import Rule, Run, Step, StepContent, StepStatus
from rules.models.history import RUN_ENDED, RunStatus
from rules.planning import DEEPEST_CHAIN
from rules.problems import Refused
from rules.settling import Settlement
from supportops import odd_json

# What a resting step waits for.
TIME, APPROVAL, RUN = "time", "approval", "run"
_MOST_OUTPUT_BYTES = 64 * 1024


def decide(step: Step, compiled: CompiledStep, given: BaseModel, now: datetime) -> Decision:
    """Return what becomes of a claimed step of one of the kinds of rules.kinds."""
    if isinstance(given, Wait):
        return _wait(step, given, now)
    if isinstance(given, Approval):
        return _Asks(given, now + timedelta(seconds=given.deadline))
    if isinstance(given, NestedRule):
        return _nested(step, given)
    raise TypeError(f"'{compiled.kind}' is no kind of step.")


def _wait(step: Step, given: Wait, now: datetime) -> Decision:
    if step.waits_for == TIME:
        return Succeeded({"waited_until": now.isoformat()})
    try:
        until = _end_of(given, now)
    except UnknownCalendar as error:
        return Failed("NotFound", str(error))
    except (NeverOpen, OverflowError) as error:
        return Failed("InvalidInput", f"The wait would never end: {error}")
    if until <= now:
        return Succeeded({"waited_until": now.isoformat()})
    shown = {"until": until.isoformat()}
    return Waits(TIME, until=until, shown={**shown, "calendar": given.calendar_name} if given.calendar_name else shown)


def _end_of(given: Wait, now: datetime) -> datetime:
    """Return until when a wait that begins now lasts. Raises UnknownCalendar and NeverOpen."""
    if isinstance(given.until, datetime):
        return given.until
    duration = timedelta(seconds=given.for_ or 0)
    if given.calendar_name is None:
        return now + duration
    hours = Calendars().hours(given.calendar_name)
    return hours.next_open(now) if given.until == OPEN else hours.add(now, duration)


# --- approval -----------------------------------------------------------------------------------------------------


class _Asks(Waits):
    """Those who may decide are asked, and their answer is waited for."""

    def __init__(self, given: Approval, deadline: datetime) -> None:
        super().__init__(APPROVAL, deadline=deadline, shown=given.model_dump(mode="json"))

    def settle(self, settlement: Settlement, row: Step) -> None:
        super().settle(settlement, row)
        run = settlement.runs[row.run_id]
        if self.shown["notify"]:
            approval_links.send(row, run, self.shown)
        if self.shown["slack"] and (problem := chat_questions.ask(row, run, self.shown)):
            settlement.keep(row, warnings=[problem])


# --- another rule -------------------------------------------------------------------------------------------------


def _nested(step: Step, given: NestedRule) -> Decision:
    if step.waits_for == RUN:
        child = Run.objects.filter(key=_key(step, step.attempts_made)).first()
        if child is None:
            return Failed("NotFound", "The run that this step waited for is gone.")
        return _outcome(child) if child.status in RUN_ENDED else Waits(RUN)
    rule = _rule(given.rule)
    if rule is None:
        return Failed("NotFound", f"There is no rule '{given.rule[:200]}'.")
    if not rule.is_enabled:
        return Failed("InvalidInput", f"The rule '{rule.name}' is switched off.")
    if step.run.depth >= DEEPEST_CHAIN:
        return Failed("InvalidInput", f"Rules run each other more than {DEEPEST_CHAIN} deep: the chain ends here.")
    try:
        inputs = checked_inputs(interventions.live_document(rule).inputs, given.inputs)
    except Refused as refused:
        return Failed("InvalidInput", f"The inputs of '{rule.name}' do not fit: {refused}")
    return _Starts(rule, inputs)


class _Starts(Decision):
    """The other rule is run, and waited for."""

    def __init__(self, rule: Rule, inputs: dict[str, Any]) -> None:
        super().__init__()
        self.rule, self.inputs = rule, inputs

    def settle(self, settlement: Settlement, row: Step) -> None:
        parent = settlement.runs[row.run_id]
        row.attempts_made += 1
        child = interventions.start(
            self.rule,
            self.inputs,
            environment=parent.environment,
            cause="rule",
            key=_key(row, row.attempts_made),
            parent=row,
            depth=parent.depth + 1,
        )
        # Where the order of the other rule's runs left no place for this one, it is over already.
        settlement.wait(row, RUN, until=settlement.now if child.status in RUN_ENDED else None)
        settlement.keep(row, parameters={"rule": self.rule.name, "inputs": self.inputs})


def _key(step: Step, number: int) -> str:
    return f"step:{step.pk.hex}:{number}"


def _rule(reference: str) -> Rule | None:
    living = Rule.objects.filter(deleted_at__isnull=True)
    found: Rule | None = living.filter(name=reference).first()
    if found is None:
        try:
            found = living.filter(pk=uuid.UUID(reference)).first()
        except ValueError:
            return None
    return found


def _outcome(child: Run) -> Decision:
    if child.status != RunStatus.SUCCEEDED:
        return Failed("Failed", f"The run {child.pk} ended as {child.status}. {child.reason}".strip())
    own = Step.objects.filter(run=child, status=StepStatus.SUCCEEDED, parent_step_id__isnull=True)
    steps = own.values_list("name", "pk")
    contents = {row.pk: row.output for row in StepContent.objects.filter(step__in=own)}
    outputs = {name: contents.get(step_id) for name, step_id in steps}
    if len(odd_json.dumps(outputs)) > _MOST_OUTPUT_BYTES:
        outputs = dict.fromkeys(outputs)
    return Succeeded({"run": str(child.pk), "steps": outputs})
