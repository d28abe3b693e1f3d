"""What a run's page shows of the items of steps with `for_each`: how many there are of each kind, and some of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from audit.redaction import Redactor
from rules.models import Run, StepContent, StepStatus
from supportops import odd_json

# So many are shown of each step; first those that have not gone well.
MOST_SHOWN = 100
_LONGEST = 160
_QUIET = (StepStatus.SUCCEEDED, StepStatus.SKIPPED)


def shown_items(run: Run, steps: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by step id what is shown of its items. `steps`: the run's, in the form of the API."""
    of_steps = {step["id"]: _first(step["items"]) for step in steps if step["items"]}
    names = [item["id"] for items in of_steps.values() for item in items]
    if not names:
        return {}
    rows = StepContent.objects.filter(step__run=run, step__name__in=names).values_list("step__name", "item")
    texts = {name: _text(value) for name, value in rows}
    return {
        step["id"]: {
            "counts": sorted(Counter(item["status"] for item in step["items"]).items()),
            "shown": [{**item, "text": texts.get(item["id"], "")} for item in of_steps[step["id"]]],
            "left": len(step["items"]) - len(of_steps[step["id"]]),
        }
        for step in steps
        if step["id"] in of_steps
    }


def _first(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: (item["status"] in _QUIET, item["index"]))[:MOST_SHOWN]


def _text(value: Any) -> str:
    text = odd_json.dumps(Redactor().value(value)).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
