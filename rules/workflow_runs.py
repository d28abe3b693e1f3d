"""How far a run is, for its picture: what each step's state is, in words."""

import uuid
from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rules.catalogue import OrganizationCatalogue
from rules.models import Run, Step, StepStatus
from rules.models.history import RUN_ENDED, STEP_ENDED
from rules.workflow import workflow_of
from rules.workflow_faces import picture_of
from supportops import clock
from supportops.tenancy.templatetags.admin_parts import lasting, tone_of

_ICONS = {
    "pending": "schedule",
    "running": "progress_activity",
    "waiting": "hourglass_top",
    "uncertain": "help",
    "succeeded": "check_circle",
    "failed": "cancel",
    "skipped": "skip_next",
    "cancelled": "block",
    "superseded": "move_up",
}


def picture_of_run(run: Run) -> dict[str, Any]:
    """Return the picture of the rule's version that a run follows."""
    return picture_of(workflow_of(run.version.document), OrganizationCatalogue())


def states_of_run(run: Run) -> dict[str, Any]:
    """Return how far a run and each of its steps is, by the steps' names."""
    steps = Step.objects.filter(run=run, parent_step_id__isnull=True).order_by("position")
    items = _items(run)
    return {
        **_state(run.status),
        "ended": run.status in RUN_ENDED,
        "steps": {
            step.name: {**_state(step.status), "facts": [*_items_told(items.get(step.pk)), *_facts(step)]}
            for step in steps
        },
    }


def _items(run: Run) -> dict[uuid.UUID, Counter[str]]:
    """Return by step how many of its items are in which state."""
    rows = Step.objects.filter(run=run, parent_step_id__isnull=False).order_by()
    found: dict[uuid.UUID, Counter[str]] = {}
    for parent_id, status, number in rows.values_list("parent_step_id", "status").annotate(Count("pk")):
        found.setdefault(parent_id, Counter())[status] += number
    return found


def _items_told(items: Counter[str] | None) -> list[str]:
    if items is None:
        return []
    done, total = sum(items[status] for status in STEP_ENDED), items.total()
    return [
        ngettext("%(done)s of %(total)s item", "%(done)s of %(total)s items", total) % {"done": done, "total": total}
    ]


def state_word(status: str) -> str:
    """Return what people call a state of a run or step."""
    words = {
        "pending": _("pending"),
        "running": _("running"),
        "waiting": _("waiting"),
        "uncertain": _("uncertain"),
        "succeeded": _("succeeded"),
        "failed": _("failed"),
        "skipped": _("skipped"),
        "cancelled": _("cancelled"),
        "superseded": _("superseded"),
    }
    return words.get(status, status)


def _state(status: str) -> dict[str, str]:
    status = str(status)
    return {
        "status": status,
        "tone": tone_of(status),
        "icon": _ICONS.get(status, "circle"),
        "word": state_word(status),
    }


def _facts(step: Step) -> list[str]:
    facts = []
    if step.waits_for:
        facts.append(_("for %(what)s") % {"what": step.waits_for})
    if step.status == StepStatus.PENDING and step.attempts_made and step.due_at and step.due_at > clock.now():
        facts.append(_("again at %(time)s") % {"time": _time(step.due_at)})
    elif step.started_at and step.finished_at:
        facts.append(lasting(step.started_at, step.finished_at))
    if step.started_at:
        facts.append(_time(step.started_at))
    if step.attempts_made > 1:
        count = step.attempts_made
        facts.append(ngettext("%(count)s attempt", "%(count)s attempts", count) % {"count": count})
    return facts


def _time(moment: datetime) -> str:
    return f"{localtime(moment):%H:%M:%S}"
