"""What the page of dead letters shows: causes with how much each touches, the newest letters, retries under way."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max, Min
from django.http import HttpRequest

from rules.models import Rule, Step
from supportops.jobs.admin import OPEN
from supportops.jobs.admin import context_of as job_context
from supportops.jobs.models import Job
from webhooks.dead_letters import ERROR_CLASS, Merged, dead_letters
from webhooks.models import Delivery

# By these a cause is named in addresses and forms.
CAUSE = ("kind", "platform", "action", "error_class")
LETTERS_SHOWN = 50
# Causes are told from so many of the newest letters of each kind.
LOOKED_AT = 3_000
_MOST_RULES = 5
_RETRIES_SHOWN = 3


@dataclass
class Cause:
    """Letters of one platform, action and kind of error."""

    kind: str
    platform: str
    action: str
    error_class: str
    example: str = ""
    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    rules: Counter[Any] = field(default_factory=Counter)
    rule_names: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The query string that shows the letters of this cause."""
        return "?" + urlencode(self.named())

    def named(self) -> dict[str, str]:
        """Return what names the cause, without what is empty."""
        return {name: value for name in CAUSE if (value := getattr(self, name))}

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What a form sends to mean this cause."""
        return list(self.named().items())

    @property
    def further_rules(self) -> int:
        """How many rules are touched beyond those named."""
        return max(0, len(self.rules) - len(self.rule_names))


def filters_of(given: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that mean a cause, of what a form or an address gives."""
    return {name: given[name] for name in CAUSE if given.get(name)}


def causes() -> list[Cause]:
    """Return the causes of the organization's dead letters, the most frequent first."""
    steps, deliveries = dead_letters({})
    found: dict[tuple[str, ...], Cause] = {}
    for row in (
        _newest(steps)
        .values("platform", "action", "error_class", "run__rule_id")
        .annotate(count=Count("pk"), first_at=Min("finished_at"), last_at=Max("finished_at"), example=Max("error"))
    ):
        cause = _cause(found, "step", row)
        cause.rules[row["run__rule_id"]] += row["count"]
    for row in (
        _newest(deliveries)
        .values("platform", error_class=ERROR_CLASS)
        .annotate(count=Count("pk"), first_at=Min("processed_at"), last_at=Max("processed_at"), example=Max("reason"))
    ):
        _cause(found, "delivery", row)
    ordered = sorted(found.values(), key=lambda cause: -cause.count)
    wanted = {pk for cause in ordered for pk, _ in cause.rules.most_common(_MOST_RULES)}
    names = dict(Rule.objects.filter(pk__in=wanted).values_list("pk", "name"))
    for cause in ordered:
        cause.rule_names = [names[pk] for pk, _ in cause.rules.most_common(_MOST_RULES) if pk in names]
    return ordered


def context_of(request: HttpRequest, chosen: dict[str, str]) -> dict[str, Any]:
    """Return the page's context. Raises ApiProblem for a cause that cannot be read."""
    steps, deliveries = dead_letters(chosen)
    letters = Merged(steps, deliveries).order_by("-pk")[:LETTERS_SHOWN]
    found = causes()
    jobs = Job.objects.filter(kind="dead_letters.retry").order_by("-id")[:_RETRIES_SHOWN]
    return {
        "causes": found,
        "total": sum(cause.count for cause in found),
        "is_bounded": any(cause.count >= LOOKED_AT for cause in found) or sum(c.count for c in found) >= LOOKED_AT,
        "letters": [_letter(row) for row in letters],
        "chosen": chosen,
        "looked_at": LOOKED_AT,
        "jobs": [job_context(request, job) for job in jobs],
        "is_retrying": any(job.status in OPEN for job in jobs),
    }


def _newest(rows: Any) -> Any:
    return rows.model.objects.filter(pk__in=rows.order_by("-pk").values("pk")[:LOOKED_AT]).order_by()


def _cause(found: dict[tuple[str, ...], Cause], kind: str, row: dict[str, Any]) -> Cause:
    names = (kind, row["platform"] or "", row.get("action") or "", row["error_class"] or "")
    cause = found.setdefault(names, Cause(*names))
    cause.count += row["count"]
    cause.example = max(cause.example, row["example"] or "")
    cause.first_at = min(filter(None, (cause.first_at, row["first_at"])), default=None)
    cause.last_at = max(filter(None, (cause.last_at, row["last_at"])), default=None)
    return cause


def _letter(row: Step | Delivery) -> dict[str, Any]:
    if isinstance(row, Delivery):
        return {"delivery": row, "error": row.reason, "at": row.processed_at, "attempts": row.attempts_made}
    error = f"{row.error_class}: {row.error}" if row.error_class else row.error
    return {"step": row, "error": error, "at": row.finished_at, "attempts": row.attempts_made}
