"""Lists of people by environment, for mails, direct messages and SMS: kept by people, read by rules.

A rule writes ``{{ recipients.oncall.emails }}``; the list of the run's environment comes before the one for all.
Needs the organization in scope.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from audit.recording import record
from rules.models import RecipientList
from rules.named import paths_in
from supportops import clock
from supportops.tenancy.models import Environment
from supportops.tenancy.names import unless_taken

FIELDS = ("name", "email", "user", "phone")
MOST_PEOPLE = 500
_MOST_CHARACTERS = 200


class Recipients:
    """All lists of the organization, read with one query when first asked for."""

    @cached_property
    def _rows(self) -> list[RecipientList]:
        # Those without environment first, so that the others replace them.
        rows = RecipientList.objects.select_related("environment")
        return sorted(rows, key=lambda row: row.environment_id is not None)

    def root(self, environment: str) -> dict[str, Any]:
        """Return what `recipients` is for a run of that environment."""
        seen = (row for row in self._rows if row.environment is None or row.environment.name == environment)
        return {row.name: shape_of(row.people) for row in seen}


def shape_of(people: Sequence[Mapping[str, str]]) -> dict[str, list[Any]]:
    """Return a list as rules see it: the people, and each kind of address by itself."""
    return {
        "people": [dict(person) for person in people],
        "emails": [person["email"] for person in people if person.get("email")],
        "users": [person["user"] for person in people if person.get("user")],
        "phones": [person["phone"] for person in people if person.get("phone")],
    }


def are_named_in(parameters: Any, condition: str | None = None) -> bool:
    """Return whether expressions look at `recipients`."""
    return any(path[0] == "recipients" for path in paths_in(parameters, condition))


def create_list(*, name: str, people: Sequence[Mapping[str, Any]], environment: str | None = None) -> RecipientList:
    """Make a list. Raises ValidationError."""
    row = RecipientList(name=name, environment=_environment(environment), people=_checked(people))
    with transaction.atomic():
        _save(row)
        record("recipients.created", row, changes=_shown(row))
    return row


def change_list(row: RecipientList, **changes: Any) -> RecipientList:
    """Change name, people or environment. Raises ValidationError."""
    if "name" in changes:
        row.name = changes["name"]
    if "people" in changes:
        row.people = _checked(changes["people"])
    if "environment" in changes:
        row.environment = _environment(changes["environment"])
    row.updated_at = clock.now()
    with transaction.atomic():
        _save(row)
        record("recipients.changed", row, changes={**_shown(row), "fields": sorted(changes)})
    return row


def delete_list(row: RecipientList) -> None:
    """Delete a list; rules that name it fail from then on."""
    with transaction.atomic():
        record("recipients.deleted", row, changes=_shown(row))
        row.delete()


def _save(row: RecipientList) -> None:
    row.clean_fields(exclude=["organization", "people"])
    place = f"for {row.environment}" if row.environment is not None else "without an environment"
    message = f"There is a list '{row.name}' {place} already."
    with unless_taken(ValidationError({"name": ValidationError(message, "not_unique")})):
        row.save()


def _checked(people: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    if len(people) > MOST_PEOPLE:
        raise _problem(f"A list has at most {MOST_PEOPLE} people.")
    return [_person(place, person) for place, person in enumerate(people, 1)]


def _person(place: int, given: Mapping[str, Any]) -> dict[str, str]:
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise _problem(f"Person {place}: there is no '{unknown[0][:40]}'. There are: {', '.join(FIELDS)}.")
    person = {name: str(given[name]).strip() for name in FIELDS if given.get(name) not in (None, "")}
    if any(len(text) > _MOST_CHARACTERS for text in person.values()):
        raise _problem(f"Person {place}: a text is longer than {_MOST_CHARACTERS} characters.")
    if not person.keys() & {"email", "user", "phone"}:
        raise _problem(f"Person {place}: give an email, a user (for direct messages) or a phone.")
    if "email" in person:
        try:
            validate_email(person["email"])
        except ValidationError:
            raise _problem(f"Person {place}: '{person['email'][:80]}' is no e-mail address.") from None
    return person


def _problem(detail: str) -> ValidationError:
    return ValidationError({"people": ValidationError(detail, "invalid")})


def _environment(name: str | None) -> Environment | None:
    if not name:
        return None
    environment: Environment | None = Environment.objects.filter(name=name).first()
    if environment is None:
        known = ", ".join(Environment.objects.values_list("name", flat=True)) or "none"
        detail = f"There is no environment '{name[:63]}'. Environments: {known}."
        raise ValidationError({"environment": ValidationError(detail, "unknown_environment")})
    return environment


def _shown(row: RecipientList) -> dict[str, Any]:
    # Who they are stays out: entries outlive what they describe.
    place = row.environment.name if row.environment is not None else None
    return {"name": row.name, "environment": place, "count": len(row.people)}
