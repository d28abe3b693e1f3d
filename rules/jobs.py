"""Long work of this app."""

from typing import Any

from rules import exchange
from rules.problems import Refused
from supportops.context import current
from supportops.jobs.kinds import JobFailed, JobSteps, Progress, job


@job("rules.import")
def import_rules(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Take documents in, one after the other. All of them were checked before."""
    documents, counts = parameters["documents"], dict((cursor or {}).get("counts", {}))
    author = current().actor.name
    for place in range((cursor or {}).get("done", 0), len(documents)):
        try:
            _, action = exchange.take_in(documents[place], author=author)
        except Refused as refused:
            # Somebody changed what it names since it was checked.
            raise JobFailed(f"'{documents[place].get('name')}' was not taken: {refused}") from None
        counts[action] = counts.get(action, 0) + 1
        yield Progress(done=place + 1, total=len(documents), cursor={"done": place + 1, "counts": counts})
    return {"created": 0, "changed": 0, "unchanged": 0, **counts}
