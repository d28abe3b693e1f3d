"""Gathers steps that are told together, and lets one of them speak for all.

A step joins the window of its key, or opens one, and waits until its end; then the first that comes speaks, and the
others end once it has. All of it stands in rows: whoever dies in between, the next worker finds out whose turn it is.
What comes while a window is being told opens the next one. Needs the organization in scope.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from rules.compiled import subjects_of
from rules.context import meta_of
from rules.decisions import Told, Waits
from rules.models import DigestItem, DigestWindow, EventContent, Run, RunContent, Step, StepStatus
from rules.models.history import STEP_ENDED
from rules.pacing import Digest
from supportops import locks, odd_json

# What a step waits for.
DIGEST = "digest"
MOST_ITEMS = 100
MOST_ITEM_BYTES = 512 * 1024
# The one that opened the window goes first, so that the others need not be asked twice.
_GRACE = timedelta(seconds=5)
_ASK_AGAIN, _ASK_AGAIN_LATER = timedelta(seconds=15), timedelta(minutes=5)


def item_of(step: Step) -> DigestItem | None:
    """Return the place of a step in a digest, None before it has joined one."""
    found: DigestItem | None = DigestItem.objects.select_related("window").filter(step=step).first()
    return found


def join(step: Step, digest: Digest, key: str, now: datetime) -> DigestItem:
    """Give a step its place in the window of `key` that is open now, or in a new one."""
    with transaction.atomic():
        _hold(step.run.rule_id, step.name, key)
        of_key = DigestWindow.objects.filter(rule_id=step.run.rule_id, step_name=step.name, key=key)
        window = of_key.filter(ends_at__gt=now, speaker_id=None).order_by("-ends_at").first()
        if window is None:
            window = DigestWindow.objects.create(
                rule_id=step.run.rule_id,
                step_name=step.name,
                key=key,
                opened_at=now,
                ends_at=now + timedelta(seconds=digest.seconds),
                opener_id=step.pk,
            )
        item: DigestItem
        item, _ = DigestItem.objects.select_related("window").get_or_create(step=step, defaults={"window": window})
    return item


def turn_of(item: DigestItem, now: datetime) -> dict[str, Any]:
    """Return the roots by which the step speaks for all of its window. Raises a Decision where it does not."""
    window = item.window
    due_at = window.ends_at if window.opener_id == item.step_id else window.ends_at + _GRACE
    if window.speaker_id is None and now < due_at:
        raise _gathers(window, due_at)
    speaker = _speaker(item)
    if speaker is not None:
        if speaker.status in STEP_ENDED or speaker.status == StepStatus.UNCERTAIN:
            count = DigestItem.objects.filter(window=window).count()
            raise Told(speaker.run_id, speaker.name, speaker.status, count)
        again = _ASK_AGAIN if speaker.due_at is not None or speaker.worker_id is not None else _ASK_AGAIN_LATER
        raise _gathers(window, max(now, speaker.due_at or now) + again)
    return roots_of(_items(window), DigestItem.objects.filter(window=window).count())


def roots_of(items: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """Return what the parameters of a digest can name: `items` as far as they are held, `count`, how many `more`."""
    return {"items": items, "count": count, "more": count - len(items)}


def as_item(
    payload: Mapping[str, Any], subjects: tuple[str, ...], meta: Mapping[str, Any], inputs: Mapping[str, Any], run: str
) -> dict[str, Any]:
    """Return what one event gives to a digest: its main object, or the whole payload where it has none, and inputs."""
    main = {name: payload.get(name) for name in subjects} or {"event": payload}
    return {**main, "meta": dict(meta), "inputs": dict(inputs), "run": run}


def _speaker(item: DigestItem) -> Step | None:
    """Return the step that speaks; None where this one does. It may take over from one that was cancelled."""
    with transaction.atomic():
        window = item.window
        _hold(window.rule_id, window.step_name, window.key)
        window.refresh_from_db(fields=["speaker_id"])
        if window.speaker_id == item.step_id:
            return None
        speaker: Step | None = Step.objects.filter(pk=window.speaker_id).first() if window.speaker_id else None
        if speaker is not None and speaker.status != StepStatus.CANCELLED:
            return speaker
        window.speaker_id = item.step_id
        window.save(update_fields=["speaker_id"])
        # What was cancelled while it waited is told by nobody.
        DigestItem.objects.filter(window=window, step__status=StepStatus.CANCELLED).delete()
    return None


def _items(window: DigestWindow) -> list[dict[str, Any]]:
    rows = DigestItem.objects.filter(window=window).order_by("pk").values_list("step__run_id", flat=True)[:MOST_ITEMS]
    run_ids = list(rows)
    runs = {run.pk: run for run in Run.objects.select_related("event").filter(pk__in=run_ids)}
    events = [run.event_id for run in runs.values() if run.event_id]
    payloads = {row.pk: row.payload for row in EventContent.objects.filter(pk__in=events)}
    inputs = {row.pk: row.inputs for row in RunContent.objects.filter(pk__in=run_ids)}
    items: list[dict[str, Any]] = []
    size = 0
    for run in (runs[run_id] for run_id in run_ids if run_id in runs):
        event, payload = run.event, payloads.get(run.event_id)
        subjects = subjects_of(event.platform, event.type) if event is not None else ()
        given = payload if isinstance(payload, Mapping) else {}
        item = as_item(given, subjects, meta_of(event), inputs.get(run.pk) or {}, str(run.pk))
        size += len(odd_json.dumps(item))
        if size > MOST_ITEM_BYTES:
            break
        items.append(item)
    return items


def _gathers(window: DigestWindow, until: datetime) -> Waits:
    return Waits(DIGEST, until=until, shown={"digest": {"key": window.key, "until": window.ends_at.isoformat()}})


def _hold(rule_id: uuid.UUID, step_name: str, key: str) -> None:
    locks.hold([rule_id.bytes + f"digest\0{step_name}\0{key}".encode("utf-8", "surrogatepass")])
