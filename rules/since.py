"""Pure: what an event says of a rule's timer: that it runs, and until when; that it ends; or that nobody can tell.

The same for live events, for timers that are looked at again, for trials and for backtests.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from rules.business_time import NeverOpen, UnknownCalendar
from rules.document import Since, Trigger
from rules.facts import MISSING, Facts
from rules.nodes import EXPRESSION, Explanation, Node, shown
from rules.times import read_instant

# Of these a missing field is an answer.
_TAKES_MISSING = frozenset({"exists", "empty", "changed", "changed_from", "changed_to", EXPRESSION})


class State(Enum):
    """What an event says of a timer."""

    ARMED = "armed"  # it runs until `due_at`
    OVER = "over"  # there is nothing to wait for
    UNKNOWN = "unknown"  # that cannot be told


@dataclass(frozen=True)
class Look:
    """What an event says of a timer, and why. `due_at`: None where it stays as it was."""

    state: State
    reason: str = ""
    due_at: datetime | None = None
    # The time in the event that it counts back from.
    anchor_at: datetime | None = None


def look(trigger: Trigger, node: Node, event_type: str, facts: Facts, happened_at: datetime) -> Look:
    """Return what an event says of the timer of a rule whose trigger has `since`.

    An event that the rule does not listen to may tell less of the object: what it leaves out is unknown, not missing.
    """
    since = trigger.since
    if since is None:
        raise ValueError("The trigger has no `since`.")
    is_heard = bool({"*", event_type} & set(trigger.events))
    untold = "" if is_heard else _untold(node, since, facts)
    decision = f"An event of this kind does not tell '{untold}'." if untold else node.decide(facts)
    if decision is False:
        return Look(State.OVER, _why_not(node, facts))
    found = _due(since, facts, happened_at)
    if isinstance(decision, str):
        # Whatever it was, the object was touched.
        return Look(State.UNKNOWN, decision, found.due_at if since.for_ is not None else None)
    return found


def _due(since: Since, facts: Facts, happened_at: datetime) -> Look:
    hours = None
    try:
        if since.calendar is not None:
            if facts.calendars is None:
                raise UnknownCalendar(since.calendar)
            hours = facts.calendars.hours(since.calendar)
        if since.for_ is not None:
            duration = timedelta(seconds=since.for_)
            return Look(State.ARMED, "", hours.add(happened_at, duration) if hours else happened_at + duration)
        value = facts.values[since.before or ""]
        if value is MISSING or value is None:
            return Look(State.OVER, f"It has no '{since.before}' to count back from.")
        anchor = read_instant(value) if isinstance(value, str) else None
        if anchor is None:
            return Look(State.UNKNOWN, f"'{since.before}' holds no time such as 2026-01-31T09:30:00Z.")
        ahead = timedelta(seconds=since.by)
        return Look(State.ARMED, "", hours.subtract(anchor, ahead) if hours else anchor - ahead, anchor)
    except (UnknownCalendar, NeverOpen) as error:
        return Look(State.UNKNOWN, str(error))
    except OverflowError:
        return Look(State.UNKNOWN, "The time lies outside of the calendar.")


def _untold(node: Node, since: Since, facts: Facts) -> str:
    """Return the first field that is asked for and that the event does not have; "" where it has all."""
    asked = [leaf.field for leaf in node.leaves() if leaf.operator not in _TAKES_MISSING]
    if since.before is not None:
        asked.append(since.before)
    return next((field for field in asked if facts.values[field] is MISSING), "")


def _why_not(node: Node, facts: Facts) -> str:
    explanation: list[Explanation] = []
    node.explain(facts, explanation)
    failed = next((leaf for leaf in explanation if leaf.passed is False and leaf.field), None)
    if failed is None:
        return "Its conditions are not met any more."
    return f"{failed.field} is {_told(failed.actual)}."


def _told(value: object) -> str:
    text = shown(value)
    return "not there" if text is None else f"'{text}'"[:120] if isinstance(text, str) else str(text)[:120]


def outcome_of(found: Look, now: datetime) -> Literal["matched", "not_matched", "could_not_tell"]:
    """Return the verdict on an event whose conditions are met, by what it says of the timer."""
    if found.state is State.UNKNOWN:
        return "could_not_tell"
    has_passed = found.anchor_at is not None and found.anchor_at <= now
    return "matched" if found.state is State.ARMED and not has_passed else "not_matched"


def at(moment: datetime) -> str:
    """Return a moment as it stands in reasons."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
