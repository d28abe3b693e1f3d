"""Long work of this app."""

from datetime import datetime
from typing import Any

from integrations.errors import IntegrationError
from integrations.models import Integration
from supportops import clock
from supportops.jobs.kinds import JobFailed, JobSteps, Progress, job
from webhooks.dead_letters import retried
from webhooks.demo import history
from webhooks.reconciling import look_between


@job("dead_letters.retry")
def retry_dead_letters(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Retry the dead letters that `parameters` mean, oldest first."""
    done, retries = (cursor or {}).get("done", 0), (cursor or {}).get("retries", 0)
    for last_id, looked_at, count in retried(parameters, (cursor or {}).get("after")):
        done, retries = done + looked_at, retries + count
        yield Progress(done=done, cursor={"after": last_id, "done": done, "retries": retries})
    return {"retried": retries}


@job("integrations.reconcile", atomic=False)
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
