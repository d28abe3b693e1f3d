"""Long work of this app."""

from typing import Any

from supportops.jobs.kinds import JobSteps, Progress, job
from webhooks.dead_letters import retried


@job("dead_letters.retry")
def retry_dead_letters(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Retry the dead letters that `parameters` mean, oldest first."""
    done, retries = (cursor or {}).get("done", 0), (cursor or {}).get("retries", 0)
    for last_id, looked_at, count in retried(parameters, (cursor or {}).get("after")):
        done, retries = done + looked_at, retries + count
        yield Progress(done=done, cursor={"after": last_id, "done": done, "retries": retries})
    return {"retried": retries}
