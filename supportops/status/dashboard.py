"""The admin's first page: what needs somebody's attention first, what happened lately, and where to begin."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from integrations import health, usage
from integrations.models import HealthStatus, Integration
from rules.models import Rule, Run, RunStatus, Step, StepStatus
from supportops import clock
from supportops.tenancy.admin import may, place_of
from supportops.tenancy.roles import Permission
from webhooks.models import Delivery, DeliveryStatus

# Counts on this page go no further: beyond that the figure would only cost time.
_MOST = 1000
_UNFINISHED = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.WAITING)
_LATELY = 8
_BARS = 24


def context_of(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the page's context, with the figures of the organization in scope where there is one."""
    if not may(request, Permission.READ):
        return {**context, "has_organization": False}
    sums = usage.totals(timedelta(hours=24), "integration")
    of_rules = usage.totals(timedelta(hours=24), "rule")
    figures = [
        ("Received", sums["received"]),
        ("Matched", of_rules["matched"]),
        ("Actions succeeded", sums["succeeded"]),
        ("Actions failed", sums["failed"]),
    ]
    return {
        **context,
        "has_organization": True,
        "attention": _attention(),
        "figures": figures,
        "series": _bars(usage.series(timedelta(hours=_BARS), "integration")),
        "recent": Run.objects.select_related("rule").order_by("-id")[:_LATELY],
        "first_steps": (first_steps := _first_steps()),
        "offers_demo": settings.DEMO and bool(first_steps) and not _is_sandbox(request),
        "may_write": may(request, Permission.WRITE),
        "since": clock.now() - timedelta(hours=24),
    }


def _is_sandbox(request: HttpRequest) -> bool:
    place = place_of(request)
    return place is not None and place.organization.works_in_sandbox


def _attention() -> list[dict[str, Any]]:
    """Return what waits for a person, worst first."""
    dead = Step.objects.filter(is_dead_letter=True).order_by()[:_MOST].count()
    failed = Delivery.objects.filter(status=DeliveryStatus.FAILED).order_by()[:_MOST].count()
    # By way of the unfinished runs, which an index finds.
    waiting = Step.objects.filter(status=StepStatus.UNCERTAIN, run__status__in=_UNFINISHED)
    uncertain = waiting.order_by()[:_MOST].count()
    found = []
    if uncertain:
        text = "sent, but no answer came: say whether it took effect"
        found.append(
            _item(uncertain, "uncertain step", text, reverse("admin:rules_run_changelist") + "?needs=uncertain")
        )
    if dead or failed:
        place = reverse("admin:webhooks_delivery_dead_letters_view")
        found.append(_item(dead + failed, "dead letter", "failed for good; find the cause, then retry", place))
    for row in Integration.objects.select_related("health").filter(is_enabled=True):
        state = health.status_of(row.health) if hasattr(row, "health") else HealthStatus.UNKNOWN
        if state in (HealthStatus.UNHEALTHY, HealthStatus.DEGRADED):
            found.append(
                {
                    "title": f"{row.name} is {state.value}",
                    "text": row.health.message or "its calls fail",
                    "address": reverse("admin:integrations_integration_change", args=[row.pk]),
                    "state": state.value,
                }
            )
    return found


def _item(count: int, noun: str, text: str, address: str) -> dict[str, Any]:
    shown = f"{_MOST}+" if count >= _MOST else str(count)
    return {
        "title": f"{shown} {noun}{'' if count == 1 else 's'}",
        "text": text,
        "address": address,
        "state": "uncertain" if noun.startswith("uncertain") else "failed",
    }


def _first_steps() -> list[dict[str, Any]]:
    """Return what a new organization does first, each with whether it is done; nothing once all is."""
    steps = [
        ("Connect a platform", "admin:integrations_integration_add", Integration.objects.exists()),
        ("Make a rule", "admin:rules_rule_add", Rule.objects.filter(deleted_at__isnull=True).exists()),
        ("Receive an event", "admin:integrations_integration_changelist", Delivery.objects.exists()),
        ("See a run", "admin:rules_run_changelist", Run.objects.exists()),
    ]
    if all(done for _, _, done in steps):
        return []
    return [{"title": title, "address": reverse(place), "is_done": done} for title, place, done in steps]


def _bars(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the points as bars of a picture that is 90 high."""
    most = max((point["received"] for point in points), default=0) or 1
    bars = []
    for place, point in enumerate(points):
        height = max(2, round(90 * point["received"] / most)) if point["received"] else 1
        bars.append({**point, "x": place * 20, "y": 90 - height, "height": height})
    return bars
