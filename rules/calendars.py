"""The organization's calendars: kept by people, named by rules. Needs the organization in scope."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import F

from audit.recording import record
from rules.business_time import DEFAULT, WEEKDAYS, BusinessHours, UnknownCalendar
from rules.calendar_shape import business_hours
from rules.calendar_uses import rules_naming
from rules.models import Calendar, RuleTimer
from rules.problems import Problem, Refused
from supportops import clock
from supportops.tenancy.models import Organization
from supportops.tenancy.names import unless_taken
from supportops.tenancy.scope import current_organization_id

_MOST_NAME = 63
_MOST_NAMED = 10


class Calendars:
    """All calendars of the organization, read with one query when first asked for."""

    def __init__(self) -> None:
        self._ready: dict[str, BusinessHours] = {}

    @cached_property
    def _rows(self) -> dict[str, Calendar]:
        rows: dict[str, Calendar] = {}
        for row in Calendar.objects.all():
            rows[row.name] = row
            if row.is_default:
                rows[DEFAULT] = row
        return rows

    @property
    def names(self) -> list[str]:
        """Their names; DEFAULT among them where one is marked so."""
        return sorted(self._rows)

    def hours(self, name: str) -> BusinessHours:
        """Return the hours of a calendar; DEFAULT is the one marked so. Raises UnknownCalendar."""
        if name not in self._ready:
            row = self._rows.get(name)
            if row is None:
                raise UnknownCalendar(name)
            self._ready[name] = business_hours(row.zone, row.hours, row.holidays)
        return self._ready[name]


# --- what people do with them -------------------------------------------------------------------------------------


class InUse(Exception):
    """Rules name the calendar, so that it can be neither deleted nor renamed."""


@dataclass(frozen=True)
class Wish:
    """What a calendar shall be; `hours` and `holidays` in the form of the model."""

    name: str
    zone: str
    hours: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    holidays: Sequence[Mapping[str, Any]] = ()
    is_default: bool = False


def check(wish: Wish, row: Calendar | None = None) -> None:
    """Raise Refused, with everything that is wrong, where `create` (or `change`, of `row`) could not do this."""
    problems: list[Problem] = []
    name = wish.name.strip()
    if not name or len(name) > _MOST_NAME or not name.isprintable():
        problems.append(Problem("name", "invalid", f"A calendar needs a name of 1 to {_MOST_NAME} characters."))
    elif name.lower() == DEFAULT:
        detail = f"'{DEFAULT}' means the calendar that is marked so: give this one a name of its own."
        problems.append(Problem("name", "reserved", detail))
    others = Calendar.objects.filter(name=name)
    if (others.exclude(pk=row.pk) if row is not None else others).exists():
        problems += _taken(name).problems
    try:
        business_hours(wish.zone, wish.hours, wish.holidays)
    except Refused as refused:
        problems += refused.problems
    if problems:
        raise Refused(problems)


def create(wish: Wish) -> Calendar:
    """Make a calendar. Raises Refused."""
    check(wish)
    row = Calendar(organization_id=current_organization_id())
    with transaction.atomic():
        _fill(row, wish)
        _save(row, force_insert=True)
        record("calendar.created", row, changes=_shown(row))
        RuleTimer.recompute(rules_naming(row.name, is_default=row.is_default))
    return row


def change(row: Calendar, wish: Wish) -> Calendar:
    """Make a calendar what `wish` says. Raises Refused, and InUse where rules would lose it."""
    check(wish, row)
    with transaction.atomic():
        row = Calendar.objects.select_for_update().get(pk=row.pk)
        before = _shown(row)
        refuse_losing(row, wish)
        _fill(row, wish)
        row.updated_at = clock.now()
        _save(row)
        after = _shown(row)
        changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        record("calendar.changed", row, changes=changes)
        # Another default may have been marked before: who names the default one is asked of this one from now on.
        RuleTimer.recompute(rules_naming(row.name, is_default=True))
    return row


def delete(row: Calendar) -> None:
    """Delete a calendar. Raises InUse, with what names it."""
    with transaction.atomic():
        _refuse_used(row.name, "deleted", is_default=row.is_default)
        record("calendar.deleted", row, changes=_shown(row))
        row.delete()
        _note_change()


def refuse_losing(row: Calendar, wish: Wish) -> None:
    """Raise InUse where `change` would take away a calendar that rules name: its name, or the mark as the default."""
    if row.name != wish.name.strip():
        _refuse_used(row.name, "renamed", is_default=False)
    if row.is_default and not wish.is_default:
        _refuse_used(DEFAULT, "the default one no longer", is_default=False)


def _refuse_used(name: str, what: str, *, is_default: bool) -> None:
    rules = list(rules_naming(name, is_default=is_default).values())
    if rules:
        shown = ", ".join(f"'{rule}'" for rule in rules[:_MOST_NAMED])
        more = f" and {len(rules) - _MOST_NAMED} more" if len(rules) > _MOST_NAMED else ""
        raise InUse(f"It cannot be {what} while rules name it: {shown}{more}.")


def _fill(row: Calendar, wish: Wish) -> None:
    row.name, row.zone, row.is_default = wish.name.strip(), wish.zone, wish.is_default
    row.hours = {day: [dict(span) for span in wish.hours[day]] for day in WEEKDAYS if wish.hours.get(day)}
    holidays = [
        {"date": one["date"], "name": one.get("name", ""), "hours": [dict(span) for span in one.get("hours") or ()]}
        for one in wish.holidays
    ]
    row.holidays = sorted(holidays, key=lambda one: str(one["date"]))


def _save(row: Calendar, **options: bool) -> None:
    if row.is_default:
        # There is one at most: marking this one takes the mark from the one before.
        Calendar.objects.exclude(pk=row.pk).filter(is_default=True).update(is_default=False)
    with unless_taken(_taken(row.name)):
        row.save(**options)
    _note_change()


def _note_change() -> None:
    """Have workers read the calendars anew with the next event."""
    Organization.objects.filter(pk=current_organization_id()).update(rules_version=F("rules_version") + 1)


def _taken(name: str) -> Refused:
    return Refused([Problem("name", "not_unique", f"There is another calendar named '{name}'. Names are unique.")])


def _shown(row: Calendar) -> dict[str, Any]:
    return {
        "name": row.name,
        "zone": row.zone,
        "hours": row.hours,
        "holidays": row.holidays,
        "default": row.is_default,
    }
