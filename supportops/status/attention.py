"""What waits for a person in the organization in scope, worst first. Each question is one that an index answers."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import health
from integrations.models import Circuit, HealthStatus, Integration
from rules import workers
from rules.models import RuleSchedule, Step
from rules.models.history import FOR_PERSON
from supportops import clock
from webhooks.models import Delivery, DeliveryStatus

# Counts on this page go no further: beyond that the figure would only cost time.
MOST = 1000
# A schedule or a delivery that has waited for so long says that nobody works.
LATE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class Item:
    """One thing that waits: what it is, what to do about it, where; `tone` is bad or warn."""

    title: str
    text: str
    address: str
    tone: str = "bad"


def items() -> list[Item]:
    """Return what waits for somebody."""
    return [*_for_person(), *_integrations(), *_dead_letters(), *_late()]


def shown(count: int) -> str:
    """Return a count as the page says it."""
    return f"{MOST}+" if count >= MOST else str(count)


def _for_person() -> list[Item]:
    """Return what waits for a person in runs: unknown outcomes, decisions, credentials."""
    waiting = Counter(
        Step.objects.filter(waits_for__in=FOR_PERSON).order_by("-pk").values_list("waits_for", flat=True)[:MOST]
    )
    found = []
    if count := waiting["person"]:
        title = ngettext("%(count)s uncertain step", "%(count)s uncertain steps", count) % {"count": shown(count)}
        text = _("sent, but no answer came: say whether it took effect")
        found.append(Item(title, text, _runs(needs="uncertain"), "warn"))
    if count := waiting["approval"]:
        title = ngettext("%(count)s approval waits", "%(count)s approvals wait", count) % {"count": shown(count)}
        found.append(Item(title, _("somebody has to decide before they go on"), _runs(needs="approval"), "warn"))
    if count := waiting["credentials"]:
        said = ngettext("%(count)s step waits for credentials", "%(count)s steps wait for credentials", count)
        text = _("they go on by themselves once the integration has new ones")
        found.append(Item(said % {"count": shown(count)}, text, _runs(needs="credentials")))
    return found


def _integrations() -> list[Item]:
    found = []
    for row in Integration.objects.select_related("health").filter(is_enabled=True):
        state = health.status_of(row.health) if hasattr(row, "health") else HealthStatus.UNKNOWN
        if state not in (HealthStatus.UNHEALTHY, HealthStatus.DEGRADED):
            continue
        about = {"name": row.name, "state": state.value}
        title = _("%(name)s is %(state)s") % about
        if row.health.credentials_rejected_at is not None:
            title = _("%(name)s is %(state)s: its credentials were rejected") % about
        elif row.health.circuit == Circuit.OPEN:
            title = _("%(name)s is %(state)s: calls are stopped for a while") % about
        place = reverse("admin:integrations_integration_change", args=[row.pk])
        tone = "bad" if state == HealthStatus.UNHEALTHY else "warn"
        found.append(Item(title, row.health.message or _("its calls fail"), place, tone))
    return sorted(found, key=lambda item: item.tone)


def _dead_letters() -> list[Item]:
    steps = Step.objects.filter(is_dead_letter=True).order_by()[:MOST].count()
    count = steps + Delivery.objects.filter(status=DeliveryStatus.FAILED).order_by()[:MOST].count()
    if not count:
        return []
    title = ngettext("%(count)s dead letter", "%(count)s dead letters", count) % {"count": shown(count)}
    text = _("failed for good; find the cause, then retry")
    return [Item(title, text, reverse("admin:webhooks_delivery_dead_letters_view"))]


def _late() -> list[Item]:
    """Return what says that workers or the scheduler do not come round."""
    now, found = clock.now(), []
    waiting = (
        Delivery.objects.filter(status=DeliveryStatus.ACCEPTED).order_by("id").values_list("received_at", flat=True)
    )
    oldest = waiting.first()
    if oldest is not None and now - oldest > LATE_AFTER:
        text = _("deliveries are received and not read: the operator should look at the workers")
        place = reverse("admin:webhooks_delivery_changelist") + "?status__exact=accepted"
        minutes = int((now - oldest).total_seconds() // 60)
        found.append(Item(_("A delivery has waited for %(minutes)s minutes") % {"minutes": minutes}, text, place))
    late = RuleSchedule.objects.filter(next_at__lt=now - LATE_AFTER, rule__is_enabled=True).order_by()[:MOST].count()
    if late:
        said = ngettext("%(count)s schedule is late", "%(count)s schedules are late", late) % {"count": shown(late)}
        text = _("the scheduler does not come round: the operator should look at it")
        found.append(Item(said, text, reverse("admin:rules_rule_changelist")))
    if not workers.alive():
        text = _("what is received is kept, and worked off when one is back")
        found.append(
            Item(_("No worker is alive"), text, reverse("admin:rules_run_changelist") + "?status__exact=pending")
        )
    return found


def _runs(**query: Any) -> str:
    return f"{reverse('admin:rules_run_changelist')}?{urlencode(query)}"
