"""Why a ticket was handled, or was not: everything about one object, in the order in which it happened."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import Endpoint, Integration
from rules.about import name_in
from rules.models import Event, EventContent, Run, RunStatus, Step, StepStatus, VerdictOutcome
from rules.models.history import FOR_PERSON
from rules.verdicts import verdicts_of
from supportops import clock
from webhooks.models import Delivery, DeliveryBody, DeliveryStatus, RejectionMinute

# Events to a page: each is asked about again with all rules that heard it.
EVENTS = 10
# Deliveries without an event are looked through for the number: so many of the newest of each kind.
LOOKED_THROUGH = 100
_WITHOUT_EVENT = (DeliveryStatus.FAILED, DeliveryStatus.IGNORED, DeliveryStatus.REJECTED, DeliveryStatus.ACCEPTED)
_SIGNS = {"eq": "=", "ne": "≠", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}
_MOST_CHARACTERS = 80


@dataclass
class Chapter:
    """One event about the object: how it came, what each rule said, what was done, and all that in a sentence."""

    event: Event
    name: str
    delivery: Delivery | None
    verdicts: list[dict[str, Any]]
    runs: list[Run]
    answer: str = ""
    tone: str = "plain"


@dataclass
class Silence:
    """What may explain that there is no event: deliveries that mention the object, accounts, refused requests."""

    mentions: list[Delivery] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Story:
    """What is known about one object, the oldest first."""

    term: str
    chapters: list[Chapter]
    earlier: uuid.UUID | None
    silence: Silence | None
    mentions: list[Delivery]


def story_of(term: str, before: uuid.UUID | None = None) -> Story:
    """Return the story of the object with this id at its platform, in the organization in scope.

    `before`: the oldest event of the page that was seen; what came before it is returned.
    """
    external_id = term.strip().removeprefix("#").strip()[:200]
    rows = Event.objects.filter(external_id=external_id)
    found = list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: EVENTS + 1])
    earlier, events = (found[EVENTS - 1].pk if len(found) > EVENTS else None), found[:EVENTS][::-1]
    mentions = _mentions(external_id) if before is None else []
    silence = _silence(mentions) if not events and before is None else None
    return Story(external_id, _chapters(events), earlier, silence, mentions)


def _chapters(events: list[Event]) -> list[Chapter]:
    contents = EventContent.objects.in_bulk([event.pk for event in events])
    deliveries = Delivery.objects.select_related("integration").in_bulk(
        [event.delivery_id for event in events if event.delivery_id]
    )
    runs: dict[uuid.UUID, list[Run]] = {}
    for run in Run.objects.select_related("rule").filter(event__in=events).order_by("pk"):
        runs.setdefault(run.event_id, []).append(run)
    troubles = _troubles([run for several in runs.values() for run in several])
    chapters = []
    for event in events:
        content = contents.get(event.pk)
        chapter = Chapter(
            event,
            name_in(event, content.payload) if content else "",
            deliveries.get(event.delivery_id) if event.delivery_id else None,
            [_in_words(verdict) for verdict in verdicts_of(event, content)],
            runs.get(event.pk, []),
        )
        for run in chapter.runs:
            run.trouble = troubles.get(run.pk, "")  # type: ignore[attr-defined]
        chapter.answer, chapter.tone = _answer(chapter)
        chapters.append(chapter)
    return chapters


def _troubles(runs: list[Run]) -> dict[uuid.UUID, str]:
    """Return by run what went wrong in it or waits, with one query."""
    states = {run.pk: run.status for run in runs if run.status in (RunStatus.FAILED, RunStatus.WAITING)}
    found: dict[uuid.UUID, str] = {}
    # Of items of a step with `for_each` only those that need somebody: their failures are told by their step.
    telling = Q(status=StepStatus.FAILED, parent_step_id__isnull=True) | Q(waits_for__in=FOR_PERSON)
    for step in Step.objects.filter(telling, run_id__in=states).order_by("position"):
        if states[step.run_id] == RunStatus.FAILED and step.status == StepStatus.FAILED:
            found.setdefault(step.run_id, f"{step.name}: {step.error_class} {step.error}".strip())
        elif states[step.run_id] == RunStatus.WAITING and step.waits_for in FOR_PERSON:
            found.setdefault(step.run_id, _("%(step)s waits for a person.") % {"step": step.name})
    return found


def _in_words(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return a verdict with the conditions that were not met, each in a few words."""
    missed = [line for line in verdict["explanation"] if not line["passed"]]
    return {**verdict, "missed": [condition_in_words(line) for line in missed]}


def condition_in_words(line: dict[str, Any]) -> str:
    """Return one line of an explanation as people say it: what was expected, and what was there."""
    name = line.get("field") or line.get("at") or ""
    operator = str(line["operator"])
    expected, actual = _short(line["expected"]), _short(line["actual"])
    asked = f"{name} {_SIGNS.get(operator, operator.replace('_', ' '))} {expected}"
    return _("%(asked)s (it was %(actual)s)") % {"asked": asked, "actual": actual}


def _short(value: Any) -> str:
    text = _("empty") if value is None or value == "" else str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _answer(chapter: Chapter) -> tuple[str, str]:
    """Return in a sentence what came of an event, and how good that is: good, bad, warn, busy or plain."""
    if chapter.runs:
        return _answer_of_runs(chapter.runs)
    outcomes = {verdict["outcome"] for verdict in chapter.verdicts}
    if VerdictOutcome.SUPPRESSED in outcomes:
        held = next(v for v in chapter.verdicts if v["outcome"] == VerdictOutcome.SUPPRESSED)
        return _("“%(rule)s” matched but was held back: %(why)s") % {
            "rule": held["rule_name"], "why": held["reason"],
        }, "warn"  # fmt: skip
    if VerdictOutcome.COULD_NOT_TELL in outcomes:
        held = next(v for v in chapter.verdicts if v["outcome"] == VerdictOutcome.COULD_NOT_TELL)
        return _("“%(rule)s” could not tell whether it matches: see its conditions.") % {
            "rule": held["rule_name"]
        }, "warn"  # fmt: skip
    if not chapter.verdicts:
        return _answer_without_rules(chapter.event), "plain"
    said = ngettext(
        "No rule matched: %(count)s listened, and its conditions were not met.",
        "No rule matched: %(count)s listened, and their conditions were not met.",
        len(chapter.verdicts),
    )
    return said % {"count": len(chapter.verdicts)}, "plain"


def _answer_of_runs(runs: list[Run]) -> tuple[str, str]:
    states = {run.status for run in runs}
    names = ", ".join(dict.fromkeys(f"“{run.rule.name}”" for run in runs))
    if RunStatus.FAILED in states:
        failed = next(run for run in runs if run.status == RunStatus.FAILED)
        return _("“%(rule)s” matched, but its run failed. %(why)s") % {
            "rule": failed.rule.name, "why": getattr(failed, "trouble", "") or failed.reason,
        }, "bad"  # fmt: skip
    if RunStatus.WAITING in states:
        waiting = next(run for run in runs if run.status == RunStatus.WAITING)
        return _("“%(rule)s” matched; its run waits. %(why)s") % {
            "rule": waiting.rule.name, "why": getattr(waiting, "trouble", "") or waiting.reason,
        }, "warn"  # fmt: skip
    if states & {RunStatus.PENDING, RunStatus.RUNNING}:
        return _("%(rules)s matched; what follows is being done.") % {"rules": names}, "busy"
    if states == {RunStatus.SUCCEEDED}:
        return _("Handled by %(rules)s.") % {"rules": names}, "good"
    others = ", ".join(sorted(str(state) for state in states - {RunStatus.SUCCEEDED}))
    return _("%(rules)s matched; of the runs some ended otherwise: %(states)s.") % {
        "rules": names, "states": others,
    }, "warn"  # fmt: skip


def _answer_without_rules(event: Event) -> str:
    if event.rules_considered:
        return _("No rule matched. What each of them said cannot be shown any more: the event's content was removed.")
    return _("No rule listened to %(event)s of %(platform)s when it came.") % {
        "event": event.type, "platform": event.platform,
    }  # fmt: skip


# --- where there is no event ---------------------------------------------------------------------------------------


def _mentions(external_id: str) -> list[Delivery]:
    """Return the newest deliveries without an event in whose body the id stands as a word of its own."""
    if not external_id:
        return []
    sought = external_id.encode(errors="replace")
    ids: list[uuid.UUID] = []
    for status in _WITHOUT_EVENT:
        ids += Delivery.objects.filter(status=status).order_by("-pk").values_list("pk", flat=True)[:LOOKED_THROUGH]
    bodies = DeliveryBody.objects.filter(pk__in=ids).values_list("pk", "raw")
    named = [pk for pk, raw in bodies.iterator() if _names(bytes(raw), sought)]
    rows = Delivery.objects.select_related("integration").filter(pk__in=named).order_by("-pk")[:EVENTS]
    return list(rows)[::-1]


def _names(raw: bytes, sought: bytes) -> bool:
    """Say whether `sought` stands in `raw` and is no part of a longer number or word."""
    place = raw.find(sought)
    while place >= 0:
        around = raw[place - 1 : place] if place else b"", raw[place + len(sought) : place + len(sought) + 1]
        if not any(part.isalnum() for part in around):
            return True
        place = raw.find(sought, place + 1)
    return False


def _silence(mentions: list[Delivery]) -> Silence:
    accounts = [
        {"integration": row, "last": _last_of(row)}
        for row in Integration.objects.order_by("name")[:20]
        if row.is_enabled or mentions
    ]
    return Silence(mentions, accounts, _refused())


def _last_of(integration: Integration) -> datetime | None:
    newest = Delivery.objects.filter(integration=integration).order_by("-pk")
    found: datetime | None = newest.values_list("received_at", flat=True).first()
    return found


def _refused() -> list[dict[str, Any]]:
    """Return how many requests were refused within a day, by endpoint and reason."""
    since = clock.now() - timedelta(days=1)
    rows: Iterable[dict[str, Any]] = (
        RejectionMinute.objects.filter(minute__gte=since)
        .values("endpoint_id", "reason")
        .annotate(count=Sum("refused"))
        .order_by("-count")[:5]
    )
    rows = list(rows)
    endpoints = Endpoint.objects.select_related("integration").in_bulk([row["endpoint_id"] for row in rows])
    return [{**row, "endpoint": endpoints.get(row["endpoint_id"])} for row in rows]
