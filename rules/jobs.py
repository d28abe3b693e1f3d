"""Long work of this app."""

import uuid
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy

from rules import exchange
from rules.backtest import Backtest, Window, events_in, seen_since
from rules.compiled import compile_rule
from rules.problems import Refused
from supportops.context import current
from supportops.jobs.kinds import JobFailed, JobSteps, Progress, job


@job("rules.import", title=gettext_lazy("Import of rules"))
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


@job("rules.backtest", title=gettext_lazy("Backtest"))
def backtest(parameters: dict[str, Any], cursor: Any) -> JobSteps:
    """Try a document on stored events. Writes nothing but how far it is."""
    rule_id = uuid.UUID(parameters["rule"]) if parameters.get("rule") else None
    compiled = compile_rule(rule_id or uuid.UUID(int=0), uuid.UUID(int=0), parameters["document"])
    since, until = (datetime.fromisoformat(parameters[name]) for name in ("since", "until"))
    done, before = (cursor or {}).get("done", 0), (cursor or {}).get("before")
    test = Backtest(compiled, rule_id, (cursor or {}).get("so_far"))
    window = Window(since, until, parameters["limit"] - done)
    for page in events_in(window, compiled, uuid.UUID(before) if before else None):
        test.ask(page)
        done += len(page)
        yield Progress(
            done=done,
            total=parameters["limit"],
            cursor={"done": done, "before": str(page[-1].pk), "so_far": test.so_far()},
        )
    oldest = seen_since()
    return {**test.result(), "contents_since": oldest.isoformat() if oldest else None}
