"""Environments of an organization, each change with an audit entry. Needs the organization in scope."""

from django.core.exceptions import ValidationError
from django.db import models, transaction

from audit.recording import record
from supportops.tenancy.models import Environment
from supportops.tenancy.names import unless_taken

DEFAULTS = ("dev", "staging", "prod")


class InUse(Exception):
    """The environment has integrations, so that it cannot be deleted."""


def create_environment(name: str, position: int | None = None) -> Environment:
    """Make an environment, after all others unless `position` says otherwise. Raises ValidationError."""
    if position is None:
        position = (Environment.objects.aggregate(last=models.Max("position"))["last"] or 0) + 1
    environment = Environment(name=name, position=position)
    environment.clean_fields(exclude=["organization"])
    with transaction.atomic():
        _save(environment, force_insert=True)
        record("environment.created", environment, changes={"name": name, "position": position})
    return environment


def change_environment(
    environment: Environment, *, name: str | None = None, position: int | None = None
) -> Environment:
    """Rename or move an environment. Raises ValidationError."""
    before = {"name": environment.name, "position": environment.position}
    after = {
        "name": environment.name if name is None else name,
        "position": environment.position if position is None else position,
    }
    changes = {field: [before[field], after[field]] for field in after if before[field] != after[field]}
    if changes:
        for field, value in after.items():
            setattr(environment, field, value)
        environment.clean_fields(exclude=["organization"])
        with transaction.atomic():
            _save(environment)
            record("environment.changed", environment, changes=changes)
    return environment


def delete_environment(environment: Environment) -> None:
    """Delete an environment. Raises InUse while integrations belong to it."""
    with transaction.atomic():
        record("environment.deleted", environment, changes={"name": environment.name})
        try:
            environment.delete()
        except models.ProtectedError as error:
            names = ", ".join(sorted(str(row) for row in error.protected_objects)[:5])
            raise InUse(f"These still belong to '{environment.name}': {names}.") from None


def _save(environment: Environment, **options: bool) -> None:
    message = f"There is an environment '{environment.name}' already."
    with unless_taken(ValidationError({"name": ValidationError(message, "not_unique")})):
        environment.save(**options)
