"""What each connector has of what it should have: a check, recorded traffic, a README. Reads files, calls nothing."""

import inspect
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from integrations.base import BaseIntegration
from integrations.declarations import faults
from integrations.readmes import readme


@dataclass
class Quality:
    """The quality list of one connector. Of an action: whether a success and a failure are recorded."""

    key: str
    name: str
    place: str
    has_check: bool
    has_readme: bool
    # Event → names of its recorded requests.
    events: dict[str, list[str]] = field(default_factory=dict)
    # Action → (recorded successes, recorded failures).
    actions: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def missing(self) -> list[str]:
        """Return what is missing, one sentence each."""
        return list(self._missing())

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "missing": self.missing()}

    def _missing(self) -> Iterator[str]:
        if not self.has_check:
            yield "has no connection test"
        if not self.has_readme:
            yield "has no README.md"
        for event, requests in self.events.items():
            if not requests:
                yield f"has no recorded request of the event {event}"
        for action, (successes, failures) in self.actions.items():
            if not successes:
                yield f"has no recorded success of the action {action}"
            if not failures:
                yield f"has no recorded failure of the action {action}"
        yield from self.faults


def quality_of(connector: type[BaseIntegration], tests: Path) -> Quality:
    """Return what `connector` has. `tests` is the folder of recorded traffic by key; a package may bring its own."""
    folder = recordings_of(connector, tests)
    answers = sorted((folder / "answers").glob("*.json"))
    requests = sorted(path.stem for path in (folder / "requests").glob("*.http"))
    found = Quality(
        key=connector.key,
        name=connector.name,
        place=f"{connector.__module__}:{connector.__qualname__}",
        has_check=connector.test_connection is not BaseIntegration.test_connection,
        has_readme=bool(readme(connector).strip()),
        faults=faults(connector),
    )
    for event in connector.events:
        names = {event.name, event.name.replace(".", "_")}
        found.events[event.name] = [stem for stem in requests if stem.partition("__")[0] in names]
    for action in connector.all_actions():
        own = [path for path in answers if path.stem.partition("__")[0] == action.name]
        failures = [path.stem for path in own if _is_failure(path)]
        found.actions[action.name] = ([path.stem for path in own if path.stem not in failures], failures)
    return found


def recordings_of(connector: type[BaseIntegration], tests: Path) -> Path:
    """Return the folder with the recorded traffic of a connector: beside it in `tests`, else among ours."""
    own = Path(inspect.getfile(connector)).parent / "tests"
    return own if own.is_dir() else tests / connector.key


def _is_failure(path: Path) -> bool:
    """Whether the last answer of a recording is a refusal, or there is none: also by 200 that says no."""
    exchanges = json.loads(path.read_text(encoding="utf-8"))
    last = exchanges[-1] if isinstance(exchanges, list) else exchanges
    body = last.get("body")
    says_no = isinstance(body, dict) and body.get("ok") is False
    return "raise" in last or last.get("status", 200) >= 300 or says_no
