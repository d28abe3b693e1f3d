"""Decides what the outcome of a call still says about its step. Pure: a step and a call's number in, a word out.

A call that happened had its effect whatever became of its step meanwhile: its worker may have been taken for dead, a
deadline may have passed, a person may have said something. What it answers is recorded, and resolves the uncertainty.
"""

from enum import Enum

from integrations.errors import Uncertain
from rules.models import Step, StepStatus


class Standing(Enum):
    """What an outcome is to its step."""

    DECIDES = "decides"  # the step waits for it
    CORRECTS = "corrects"  # the step went on or ended without it, on the assumption that nobody would ever know
    IS_HISTORY = "is history"  # the step has moved on for another reason; only the attempt is written


# Another try is on its way, or would be.
_ABOUT_TO_REPEAT = (StepStatus.WAITING, StepStatus.PENDING, StepStatus.RUNNING)
_ENDED_UNKNOWN = (StepStatus.FAILED, StepStatus.CANCELLED)


def standing_of(row: Step, *, fence: int, number: int, has_succeeded: bool) -> Standing:
    """Return what the outcome of attempt `number`, made under `fence`, is to its step."""
    if row.fence == fence and row.sending_since is not None:
        return Standing.DECIDES
    if row.attempts_made != number or row.sending_since is not None:
        # Somebody has begun another attempt.
        return Standing.IS_HISTORY
    if row.status == StepStatus.UNCERTAIN or (row.status == StepStatus.WAITING and row.repeats_uncertain):
        return Standing.DECIDES
    if has_succeeded and row.status in _ABOUT_TO_REPEAT and row.repeats_uncertain:
        return Standing.CORRECTS
    if row.status in _ENDED_UNKNOWN and row.error_class == Uncertain.__name__:
        return Standing.CORRECTS
    return Standing.IS_HISTORY
