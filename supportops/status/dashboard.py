"""The admin's first page: what needs somebody's attention first, how it goes, and where to begin."""

from collections import defaultdict
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import health, usage
from integrations.models import HealthStatus, Integration
from rules.models import Rule, Run, Step
from supportops.status import attention
from supportops.status.charts import HEIGHT, WIDTH, chart_of
from supportops.status.organization import health_of_organization
from supportops.tenancy.admin import may, place_of
from supportops.tenancy.roles import Permission
from webhooks.models import Delivery

_LATELY = 8
_MOST_ROWS = 8
# The slowest actions are told from the newest steps of the busiest accounts.
_STEPS_LOOKED_AT = 300
_ACCOUNTS_LOOKED_AT = 5
_WINDOWS = {
    "1h": gettext_lazy("1 hour"),
    "24h": gettext_lazy("24 hours"),
    "7d": gettext_lazy("7 days"),
    "30d": gettext_lazy("30 days"),
}


def context_of(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the page's context, with the figures of the organization in scope where there is one."""
    if not may(request, Permission.READ):
        return {**context, "has_organization": False}
    window = request.GET.get("window", "")
    window = window if window in _WINDOWS else "24h"
    sums = usage.by_subject(usage.WINDOWS[window])
    accounts = {subject_id: row for (kind, subject_id), row in sums.items() if kind == "integration"}
    rules = {subject_id: row for (kind, subject_id), row in sums.items() if kind == "rule"}
    integrations = _integrations(accounts)
    may_write = may(request, Permission.WRITE)
    first_steps = _first_steps()
    return {
        **context,
        "has_organization": True,
        "window": window,
        "windows": list(_WINDOWS.items()),
        "window_name": _WINDOWS[window],
        "attention": attention.items(),
        "chart": chart_of(window),
        "chart_width": WIDTH,
        "chart_height": HEIGHT,
        "backlog": health_of_organization()["backlog"],
        "integrations": integrations,
        "slowest": _slowest([row["id"] for row in integrations if row["calls"]][:_ACCOUNTS_LOOKED_AT]),
        "busiest": _busiest(rules),
        "recent": Run.objects.select_related("rule", "event").order_by("-id")[:_LATELY],
        "first_steps": first_steps,
        "first_steps_done": sum(step["is_done"] for step in first_steps),
        "may_write": may_write,
        "offers_demo": settings.DEMO and bool(first_steps) and not _is_sandbox(request),
    }


def _is_sandbox(request: HttpRequest) -> bool:
    place = place_of(request)
    return place is not None and place.organization.works_in_sandbox


def _integrations(sums: dict[Any, dict[str, int]]) -> list[dict[str, Any]]:
    """Return how the calls of each account went, the busiest first."""
    rows = []
    for row in Integration.objects.select_related("health"):
        counts = sums.get(row.pk) or defaultdict(int)
        ended = counts["succeeded"] + counts["failed"]
        state = health.status_of(row.health) if hasattr(row, "health") else HealthStatus.UNKNOWN
        rows.append(
            {
                "id": row.pk,
                "name": row.name,
                "platform": row.platform,
                "state": state.value if row.is_enabled else "disabled",
                "received": counts["received"],
                "calls": ended,
                "failed": counts["failed"],
                "rate": round(100 * counts["succeeded"] / ended, 1) if ended else None,
                "p95": usage.percentiles(dict(counts))["p95"] if ended else None,
            }
        )
    return sorted(rows, key=lambda row: (-(row["calls"] + row["received"]), row["name"]))[:_MOST_ROWS]


def _busiest(sums: dict[Any, dict[str, int]]) -> list[dict[str, Any]]:
    """Return the rules with the most runs."""
    ordered = sorted((pk for pk in sums if sums[pk]["runs"]), key=lambda pk: -sums[pk]["runs"])[:_MOST_ROWS]
    names = dict(Rule.objects.filter(pk__in=ordered).values_list("pk", "name"))
    most = max((sums[pk]["runs"] for pk in ordered), default=1)
    return [
        {"id": pk, "name": names[pk], "share": round(100 * sums[pk]["runs"] / most), **sums[pk]}
        for pk in ordered
        if pk in names
    ]


def _slowest(integration_ids: list[Any]) -> list[dict[str, Any]]:
    """Return the actions whose steps took longest, among the newest of the busiest accounts."""
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    for integration_id in integration_ids:
        steps = Step.objects.filter(integration_id=integration_id).order_by("-pk")
        for platform, action, start, end in steps.values_list("platform", "action", "started_at", "finished_at")[
            :_STEPS_LOOKED_AT
        ]:
            if start is not None and end is not None:
                took[platform, action].append((end - start).total_seconds() * 1000)
    rows: list[dict[str, Any]] = [
        {
            "platform": platform,
            "action": action,
            "count": len(times),
            "median": sorted(times)[len(times) // 2],
            "p95": sorted(times)[min(len(times) - 1, int(0.95 * len(times)))],
        }
        for (platform, action), times in took.items()
    ]
    return sorted(rows, key=lambda row: -row["p95"])[:_MOST_ROWS]


def _first_steps() -> list[dict[str, Any]]:
    """Return what a new organization does first, each with whether it is done; nothing once all is."""
    rules = Rule.objects.filter(deleted_at__isnull=True)
    has_rule, has_run = rules.exists(), Run.objects.exists()
    steps = [
        (
            _("Connect a platform"),
            _("Where tickets come from, or where work goes to: an account, its credentials, its webhook."),
            "admin:integrations_integration_add",
            Integration.objects.exists(),
        ),
        (
            _("Make a rule"),
            _("When this happens, and these conditions hold, do that."),
            "admin:rules_rule_add",
            has_rule,
        ),
        (
            _("Test it"),
            _("On a sample or on a past delivery: nothing is sent, and each condition says what it saw."),
            "admin:rules_rule_changelist",
            has_rule and (has_run or Delivery.objects.exists()),
        ),
        (
            _("Switch it on"),
            _("From then on each event that fits becomes a run."),
            "admin:rules_rule_changelist",
            has_rule
            and Rule.objects.filter(deleted_at__isnull=True, is_enabled=True).exists()
            and Run.objects.exists(),
        ),
    ]
    if all(done for _title, _text, _place, done in steps):
        return []
    return [
        {"title": title, "text": text, "address": reverse(place), "is_done": done} for title, text, place, done in steps
    ]
