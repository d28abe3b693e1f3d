"""Long work of this app."""

import uuid
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy

from integrations.errors import IntegrationError
from integrations.models import Integration
from rules.replay import ContentForgotten
from supportops import clock
from supportops.jobs.kinds import JobFailed, JobSteps, Progress, job
from webhooks.dead_letters import retried
from webhooks.demo import history
from webhooks.models import Delivery
from webhooks.reconciling import look_between
from webhooks.replaying import CannotReplay, replay

_MOST_REASONS = 10


@job("dead_letters.retry", title=gettext_lazy("Retry of dead letters"))
def retry_dead_letters(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Retry the dead letters that `parameters` mean, oldest first."""
    done, retries = (cursor or {}).get("done", 0), (cursor or {}).get("retries", 0)
    for last_id, looked_at, count in retried(parameters, (cursor or {}).get("after")):
        done, retries = done + looked_at, retries + count
        yield Progress(done=done, cursor={"after": last_id, "done": done, "retries": retries})
    return {"retried": retries}


@job("integrations.reconcile", atomic=False, title=gettext_lazy("Search for what no webhook told of"))
def reconcile(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Ask a platform what changed since a time, and plan what nobody had told us."""
    row = Integration.objects.select_related("health", "environment").filter(pk=parameters["integration"]).first()
    if row is None:
        raise JobFailed("The integration is gone.")
    try:
        found = look_between(row, datetime.fromisoformat(parameters["since"]), clock.now())
    except IntegrationError as error:
        raise JobFailed(error.message) from None
    yield Progress(done=1)
    return {"listed": found.listed, "planned": found.planned}


@job("demo.history", atomic=False)
def make_demo_history(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Send a demo organization the tickets of its past."""
    return (yield from history.send_tickets(cursor or 0))


@job("demo.move_back")
def move_demo_history_back(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Move what came of them to the days on which they came."""
    return (yield from history.move_back(parameters["looks"]))


@job("deliveries.replay", title=gettext_lazy("Replay of deliveries"))
def replay_deliveries(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Replay deliveries one after the other, the oldest first, for all rules or those that `parameters` name."""
    ids = sorted(parameters["ids"])
    rules = [uuid.UUID(item) for item in parameters["rules"]] if parameters.get("rules") else None
    so_far = {"done": 0, "replayed": 0, "runs": 0, "not_replayed": 0, "reasons": [], **(cursor or {})}
    for place in range(so_far["done"], len(ids)):
        delivery = Delivery.objects.filter(pk=ids[place]).first()
        try:
            if delivery is None:
                raise CannotReplay("The delivery is gone.")
            planned = replay(delivery, rules)
            so_far["replayed"] += 1
            so_far["runs"] += sum(len(one.run_ids) for one in planned)
        except (CannotReplay, ContentForgotten) as error:
            so_far["not_replayed"] += 1
            so_far["reasons"] = sorted({*so_far["reasons"], str(error)})[:_MOST_REASONS]
        so_far["done"] = place + 1
        yield Progress(done=place + 1, total=len(ids), cursor=dict(so_far))
    return {name: so_far[name] for name in ("replayed", "runs", "not_replayed", "reasons")}
