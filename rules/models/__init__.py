"""Rules, and the history of what they led to."""

from rules.models.asking import ApprovalLink, ChatCall, ChatPurpose
from rules.models.definition import Rule, RuleSchedule, RuleState, RuleVersion
from rules.models.history import (
    Attempt,
    AttemptStatus,
    Event,
    EventContent,
    Run,
    RunContent,
    RunStatus,
    Step,
    StepContent,
    StepSecret,
    StepStatus,
    Verdict,
    VerdictOutcome,
    Worker,
)
from rules.models.keeping import Calendar, LookupTable, RecipientList, Variable
from rules.models.pacing import DigestItem, DigestWindow, ThrottlePlace
from rules.models.timers import RuleTimer

__all__ = [
    "ApprovalLink",
    "Attempt",
    "AttemptStatus",
    "Calendar",
    "ChatCall",
    "ChatPurpose",
    "DigestItem",
    "DigestWindow",
    "Event",
    "EventContent",
    "LookupTable",
    "RecipientList",
    "Rule",
    "RuleSchedule",
    "RuleState",
    "RuleTimer",
    "RuleVersion",
    "Run",
    "RunContent",
    "RunStatus",
    "Step",
    "StepContent",
    "StepSecret",
    "StepStatus",
    "ThrottlePlace",
    "Variable",
    "Verdict",
    "VerdictOutcome",
    "Worker",
]
