"""What an organization's sandbox knows, and what arrived there: in the database, where all processes find it."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from integrations.models import SandboxArrival, SandboxState
from integrations.sandbox_platform import PLATFORMS
from integrations.sandbox_platform.exchange import Asked, Json, Platform, Reply, without_secret, without_secrets
from supportops import odd_json

# Requests kept for each organization, objects kept of each kind.
MOST_ARRIVALS, MOST_OBJECTS = 500, 200
_MOST_BODY_BYTES = 32 * 1024


def answer(platform: str, asked: Asked) -> Reply:
    """Let a platform of the sandbox in scope answer, and keep what it knows from then on."""
    with transaction.atomic():
        row = _locked(platform)
        played = _played(row)
        reply = played.answer(asked)
        # Also after a look alone, at first: what is there from the beginning must stay as it was seen.
        if row.state is None or asked.method not in ("GET", "HEAD"):
            _save(row, played)
    return reply


def put(platform: str, kind: str, item: Json) -> None:
    """Put an object into the sandbox in scope, such as a ticket that a webhook will speak of. It needs an `id`."""
    with transaction.atomic():
        row = _locked(platform)
        played = _played(row)
        played.put(kind, item)
        _save(row, played)


def find(platform: str, kind: str, item_id: object) -> Json | None:
    """Return an object of the sandbox in scope; None where there is none."""
    row = SandboxState.objects.filter(platform=platform).first()
    return _played(row).find(kind, item_id) if row is not None else None


def next_number(platform: str) -> int:
    """Return a number that no object of this platform in the sandbox in scope has yet."""
    with transaction.atomic():
        row = _locked(platform)
        played = _played(row)
        number = 1000 + played.number()
        _save(row, played)
    return number


def keep_arrival(platform: str, asked: Asked, reply: Reply) -> None:
    """Keep a request for people to look at; the oldest go."""
    body: Any = without_secrets(asked.body) if isinstance(asked.body, Mapping) else asked.body
    if len(odd_json.dumps(body)) > _MOST_BODY_BYTES:
        body = {"not_kept": f"More than {_MOST_BODY_BYTES // 1024} KiB."}
    SandboxArrival.objects.create(
        platform=platform,
        method=asked.method,
        path=without_secret(asked.path)[:500],
        query=without_secrets(asked.query),
        body=body,
        status=reply.status,
        has_effect=reply.has_effect,
    )
    over = SandboxArrival.objects.order_by("-id").values_list("pk", flat=True)[MOST_ARRIVALS : MOST_ARRIVALS + 50]
    SandboxArrival.objects.filter(pk__in=list(over)).delete()


def empty() -> None:
    """Forget what arrived and what was made in the sandbox in scope."""
    with transaction.atomic():
        SandboxArrival.objects.all().delete()
        SandboxState.objects.all().delete()


def _locked(platform: str) -> SandboxState:
    SandboxState.objects.get_or_create(platform=platform)
    row: SandboxState = SandboxState.objects.select_for_update().get(platform=platform)
    return row


def _played(row: SandboxState) -> Platform:
    return PLATFORMS[row.platform](row.state)


def _save(row: SandboxState, played: Platform) -> None:
    state = played.state()
    for kind, objects in state["objects"].items():
        state["objects"][kind] = dict(list(objects.items())[-MOST_OBJECTS:])
    row.state = state
    row.save(update_fields=["state"])
