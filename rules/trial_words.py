"""What trying a rule brought, as pages show it: conditions as their tree, each step with its face, sums in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from integrations import registry
from rules.catalogue import OrganizationCatalogue
from rules.event_fields import EventFields
from rules.form_conditions import ConditionsForm, Shown
from rules.workflow_faces import face_of
from supportops.jobs.models import Job, JobStatus

_OPEN = (JobStatus.PENDING, JobStatus.RUNNING)


@dataclass
class Trial:
    """One event tried. `tree` is empty where rows cannot show the conditions, or the event is none of the trigger's."""

    matched: bool
    outcome: str
    explanation: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    tree: Shown | None


def trial_words(trial: Mapping[str, Any], document: Mapping[str, Any], catalogue: OrganizationCatalogue) -> Trial:
    """Return a trial (rules.trial) of a document as the page shows it."""
    listed = document.get("steps") or document.get("actions") or []
    faces = {step.get("id") or f"step-{number}": face_of(step, catalogue) for number, step in enumerate(listed, 1)}
    steps = [{**step, "face": faces.get(step["id"], {})} for step in trial["steps"]]
    return Trial(trial["matched"], trial["outcome"], trial["explanation"], steps, _tree(trial, document))


def _tree(trial: Mapping[str, Any], document: Mapping[str, Any]) -> Shown | None:
    explanation = trial["explanation"]
    trigger = document.get("trigger")
    conditions = trigger.get("conditions") if isinstance(trigger, Mapping) else None
    if not conditions or any(str(line["at"]).startswith("trigger.") for line in explanation):
        return None
    form = ConditionsForm(original=conditions, fields=EventFields())
    form.take_verdicts(explanation)
    return None if form.no_rows else form.shown


class BacktestWords:
    """A backtest: how far it is, and what came of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.is_open = job.status in _OPEN
        self.is_stopped = job.status == JobStatus.CANCELLED
        self.is_stopping = self.is_open and job.cancel_requested_at is not None
        so_far = ((job.cursor or {}).get("so_far") or {}).get("counts", {})
        self.tried = so_far.get("events", 0) + so_far.get("forgotten", 0)
        self.matched_so_far = so_far.get("matched", 0)
        self.result: Mapping[str, Any] | None = job.result if job.status == JobStatus.SUCCEEDED else None

    @property
    def days(self) -> tuple[str, str]:
        """Return since when and until when events were tried, as dates."""
        return self.job.parameters["since"][:10], self.job.parameters["until"][:10]

    @property
    def calls(self) -> list[tuple[str, int, list[tuple[str, int]]]]:
        """Return the predicted calls by platform: its name, how many, and how many of each action."""
        found: dict[str, list[tuple[str, int]]] = {}
        for name, count in (self.result or {}).get("calls", {}).items():
            platform, mark, action = str(name).partition(".")
            found.setdefault(_platform(platform) if mark else _("Without an account"), []).append(
                ((action or platform).replace("_", " "), count)
            )
        return [(platform, sum(count for _name, count in actions), actions) for platform, actions in found.items()]

    @property
    def has_differences(self) -> bool:
        result = self.result or {}
        return bool(result.get("gained_count") or result.get("lost_count"))


def _platform(key: str) -> str:
    try:
        return registry.get(key).name
    except registry.UnknownPlatform:
        return key
