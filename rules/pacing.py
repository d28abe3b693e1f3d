"""How often a step speaks: `throttle: one per 10m per ticket.id`, `digest: 15m per inputs.team`. Pure.

>>> parse_throttle("3 per 1h")
Throttle(text='3 per 1h', seconds=3600.0, key='', count=3)
>>> parse_digest("15m per inputs.team").key.strip()
'inputs.team'
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.document import seconds_of
from rules.expressions import Condition, ExpressionError, Roots, as_text, compile_condition

MOST_TIMES = 1000
LONGEST_THROTTLE, LONGEST_DIGEST = 30 * 86400.0, 7 * 86400.0
MOST_KEY = 200
# What a key can name: what stays the same however often the step is tried, and holds no secret.
KEY_ROOTS = ("event", "meta", "inputs", "steps", "run", "rule")

_WORD = re.compile(r"\S+")
_DURATION = re.compile(r"[1-9]\d{0,6}[smhd]")
_COUNT = re.compile(r"[1-9]\d{0,3}")
_THROTTLE_FORM = "Write it as `one per 10m`, `3 per 1h` or `one per 10m per ticket.id`"
_DIGEST_FORM = "Write it as `15m` or `15m per inputs.team`"


@dataclass(frozen=True)
class Pace:
    """What throttle and digest have in common.

    `text` is as typed, `seconds` the length of the window. `key` is the expression that tells events apart, behind as
    many spaces as bring its columns to where they are in `text`; empty: all events of the rule are counted together.
    """

    text: str
    seconds: float
    key: str

    def condition(self, roots: Roots | None = None) -> Condition | None:
        """Return the key compiled, None where there is none. Raises ExpressionError with its column in `text`."""
        if not self.key:
            return None
        condition = compile_condition(self.key, roots)
        known = (*KEY_ROOTS, *(roots.subjects if roots is not None else ()))
        if roots is not None and (odd := sorted(condition.expression.node.roots().difference(known))):
            column = self.key.find(odd[0]) + 1
            detail = f"A key cannot name '{odd[0]}'. It has {', '.join(known)}."
            raise ExpressionError(detail, 1, column, code="unknown_name")
        return condition


@dataclass(frozen=True)
class Throttle(Pace):
    """At most `count` times in any `seconds`."""

    count: int

    @property
    def limit(self) -> str:
        """The limit without its key: `one per 10m`."""
        return " ".join(self.text.split()[:3])


@dataclass(frozen=True)
class Digest(Pace):
    """Everything within `seconds` of the first is told in one."""


def parse_throttle(text: str) -> Throttle:
    """Return what `text` asks for. Raises ExpressionError with the column of what does not fit."""
    words = list(_WORD.finditer(text))
    count = words[0].group() if words else ""
    if count != "one" and not (_COUNT.fullmatch(count) and int(count) <= MOST_TIMES):
        found = f"'{count[:40]}' is neither `one` nor a number up to {MOST_TIMES}"
        raise _refused(text, words, 0, f"{_THROTTLE_FORM}: {found if words else 'how often is missing'}.")
    if len(words) < 2 or words[1].group() != "per":
        raise _refused(text, words, 1, f"{_THROTTLE_FORM}: `per` comes after how often.")
    seconds = _seconds(text, words, 2, _THROTTLE_FORM, LONGEST_THROTTLE)
    key = _key(text, words, 3, _THROTTLE_FORM)
    return Throttle(text, seconds, key, 1 if count == "one" else int(count))


def parse_digest(text: str) -> Digest:
    """Return what `text` asks for. Raises ExpressionError with the column of what does not fit."""
    words = list(_WORD.finditer(text))
    seconds = _seconds(text, words, 0, _DIGEST_FORM, LONGEST_DIGEST)
    return Digest(text, seconds, _key(text, words, 1, _DIGEST_FORM))


def key_of(condition: Condition | None, roots: Mapping[str, Any]) -> str:
    """Return what tells the event at hand apart from others; "" where there is no key, or what it names is missing.

    Raises ExpressionError where it cannot be worked out.
    """
    if condition is None:
        return ""
    try:
        value = condition.value(roots)
    except ExpressionError as error:
        if error.is_missing:
            return ""
        raise
    text = as_text(value)
    # Long ones, and what no database takes as text, by their digest.
    if len(text) > MOST_KEY or "\0" in text or not text.isprintable():
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return text


def let_through(times: Iterable[float], throttle: Throttle) -> int:
    """Return how many of these times (seconds) a throttle lets through; one key's."""
    taken: list[float] = []
    for at in sorted(times):
        if len(taken) < throttle.count or taken[-throttle.count] <= at - throttle.seconds:
            taken.append(at)
    return len(taken)


def digests_of(times: Iterable[float], digest: Digest) -> int:
    """Return in how many digests these times (seconds) are told; one key's."""
    count, ends_at = 0, float("-inf")
    for at in sorted(times):
        if at >= ends_at:
            count, ends_at = count + 1, at + digest.seconds
    return count


def _seconds(text: str, words: list[re.Match[str]], place: int, form: str, most: float) -> float:
    if len(words) <= place:
        raise _refused(text, words, place, f"{form}: the time is missing.")
    word = words[place].group()
    if not _DURATION.fullmatch(word):
        raise _refused(text, words, place, f"{form}: '{word[:40]}' is no time such as 30s, 10m, 1h or 1d.")
    seconds = float(seconds_of(word))
    if seconds > most:
        raise _refused(text, words, place, f"The time is at most {round(most / 86400)} days, not {word}.")
    return seconds


def _key(text: str, words: list[re.Match[str]], place: int, form: str) -> str:
    if len(words) <= place:
        return ""
    if words[place].group() != "per":
        raise _refused(text, words, place, f"{form}: after the time comes `per` and a field, or nothing.")
    if len(words) <= place + 1:
        raise _refused(text, words, place + 1, f"{form}: after `per` comes the field that tells events apart.")
    start = words[place + 1].start()
    return " " * start + text[start:]


def _refused(text: str, words: list[re.Match[str]], place: int, message: str) -> ExpressionError:
    column = words[place].start() + 1 if place < len(words) else len(text) + 1
    return ExpressionError(message, 1, column)
