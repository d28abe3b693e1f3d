"""Pure: what conditions are asked about, and how a field is found in it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from unicodedata import is_normalized, normalize

from rules.business_time import HoursByName
from supportops import clock


class _Missing:
    """The value of a field that is not there. Not None: null is a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
MAX_FIELD_LENGTH = 256


def nfc(text: str) -> str:
    """Return `text` in the one Unicode form in which texts are compared."""
    if text.isascii() or is_normalized("NFC", text):
        return text
    return normalize("NFC", text)


@lru_cache(maxsize=8192)
def parts_of(field: str) -> tuple[str, ...]:
    """Return the parts of a dotted path."""
    return tuple(field.split("."))


def field_problem(field: str) -> str | None:
    """Return what is wrong with a field's name, None when it can be looked up."""
    if not field:
        return "The name of a field is missing here."
    if len(field) > MAX_FIELD_LENGTH:
        return f"A field's name may have {MAX_FIELD_LENGTH} characters; this one has {len(field)}."
    if any(not part or part != part.strip() for part in field.split(".")):
        return (
            f"'{field}' is no path to a field: write names or positions with single dots between them, "
            "such as ticket.priority or comments.0.body."
        )
    return None


def walk(value: Any, parts: Sequence[str]) -> Any:
    """Return what lies under `parts` in `value`, MISSING where the way ends before. Texts come in NFC."""
    for part in parts:
        if value.__class__ is dict:
            value = value.get(part, MISSING)
        elif isinstance(value, list):
            # ASCII digits alone: int() takes other scripts' digits, signs and underscores too.
            if not (part.isascii() and part.isdigit() and len(part) < 10) or int(part) >= len(value):
                return MISSING
            value = value[int(part)]
        else:
            return MISSING
    return nfc(value) if value.__class__ is str and not value.isascii() else value


# How a value is seen by those who ask in their own way, such as without its case. Pure.
View = Callable[[Any], Any]


# What may be named besides the event itself.
_AROUND = frozenset({"meta", "now"})


class _Values(dict[Any, Any]):
    """The values of an event's fields by name, and by (view, name) as seen so: each found once, when asked for."""

    __slots__ = ("around", "payload", "subject")

    def __init__(self, payload: Mapping[str, Any], subject: str, around: Callable[[], Mapping[str, Any]]) -> None:
        self.payload, self.subject, self.around = payload, subject, around

    def __missing__(self, asked: str | tuple[View, str]) -> Any:
        if asked.__class__ is tuple:
            view, field = asked
            value = self[asked] = view(self[field])
            return value
        parts = parts_of(asked)
        within: Any = self.payload
        if parts[0] not in within:
            main = within.get(self.subject)
            if isinstance(main, dict) and (parts[0] in main or parts[0] not in _AROUND):
                within = main
            elif parts[0] in _AROUND:
                within = self.around()
        value = self[asked] = walk(within, parts)
        return value


class Change:
    """What became of one field: its value before and after."""

    __slots__ = ("after", "before")

    def __init__(self, before: Any, after: Any) -> None:
        self.before, self.after = before, after


class Facts:
    """What conditions are asked about: one event.

    * `payload`: what rules see of it. A path is looked up there; when its first part is no key of the payload and
      the main object `payload[subject]` has it, there
    * `subject`: the name of the main object
    * `changed`: {field of the main object: (before, after)}; None: it is not known what changed
    * `now`: the time that `before: now`, `after: now` and `within` refer to
    * `meta`: type, external_id, occurred_at, platform, late: what expressions find under that name
    * `tables`: lookup tables by name: what expressions find as `vars`
    * `calendars`: the organization's; None where they are not at hand
    * `compared`: where `changed` comes from comparing with an earlier event: when that occurred (`at`), and the fields
      that only one of them has (`gaps`)

    `now` and `meta.occurred_at` (and the rest of `meta`) are fields too, where the event has none of these names.
    """

    __slots__ = (
        "_context",
        "_now",
        "calendars",
        "changed",
        "compared",
        "meta",
        "payload",
        "subject",
        "tables",
        "values",
    )

    def __init__(
        self,
        payload: dict[str, Any],
        subject: str = "",
        changed: Mapping[str, Sequence[Any]] | None = None,
        now: datetime | None = None,
        meta: Mapping[str, Any] | None = None,
        tables: Mapping[str, Any] | None = None,
        calendars: HoursByName | None = None,
        compared: Mapping[str, Any] | None = None,
    ) -> None:
        self.calendars = calendars
        self.payload, self.subject, self.changed, self._now, self.meta = payload, subject, changed, now, meta
        self.tables, self.compared = tables or {}, compared
        self._context: dict[str, Any] | None = None
        self.values = _Values(payload, subject, self._around)

    @property
    def now(self) -> datetime:
        """The present, the same for every condition that is asked about these facts."""
        if self._now is None:
            self._now = clock.now()
        return self._now

    @property
    def context(self) -> dict[str, Any]:
        """What expressions are evaluated over: `event`, its objects by their names, `meta`, `vars` and `now`."""
        if self._context is None:
            roots = {"event": self.payload, "meta": dict(self.meta or {}), "now": self.now.isoformat()}
            self._context = self.payload | roots | {"vars": self.tables}
        return self._context

    def _around(self) -> dict[str, Any]:
        """Return what conditions can name besides the event itself."""
        return {"meta": dict(self.meta or {}), "now": self.now.isoformat()}

    def is_unknown(self, field: str) -> bool:
        """Return whether nothing can be said of a field that `change_of` finds unchanged: it could not be compared."""
        inside = field.removeprefix(f"{self.subject}.") if self.subject else field
        gaps = self.compared["gaps"] if self.compared else ()
        return any(inside == gap or inside.startswith(f"{gap}.") or gap.startswith(f"{inside}.") for gap in gaps)

    def change_of(self, field: str) -> Change | None:
        """Return what became of `field`, None when it stayed as it was. Only to be asked when `changed` is known."""
        changed = self.changed or {}
        inside = field.removeprefix(f"{self.subject}.") if self.subject else field
        for name in (inside, field, f"{self.subject}.{inside}"):
            if name in changed:
                return Change(changed[name][0], changed[name][1])
        parts = parts_of(inside)
        for length in range(len(parts) - 1, 0, -1):
            pair = changed.get(".".join(parts[:length]))
            if pair is not None:
                return Change(walk(pair[0], parts[length:]), walk(pair[1], parts[length:]))
        for name, pair in changed.items():
            # Something inside of the field changed, so the field as a whole did; its whole value is not known.
            if name.startswith(f"{inside}.") and pair[0] != pair[1]:
                return Change(MISSING, self.values[field])
        return None
