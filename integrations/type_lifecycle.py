"""What people do with integration types: create, change, delete, try. Each a change and an audit entry.

Where a type's requests go is a place that the secrets of its integrations are bound to. Moving it would send them
elsewhere, so it is refused until somebody says that they shall be forgotten and given again.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from pydantic import ValidationError

from audit.recording import record
from integrations import health, registry
from integrations.credentials import open_credentials, put_credentials
from integrations.errors import CredentialsRejected
from integrations.lifecycle import Problem, Refused, touch_rules
from integrations.models import Integration, IntegrationType
from integrations.own_types import module_of
from integrations.parameters import sentence
from integrations.type_documents import TypeDocument, problems_of
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.scope import current_organization_id

MOST_TYPES = 200


def create(given: Mapping[str, Any]) -> IntegrationType:
    """Create a type of the organization in scope. Raises Refused with every problem found."""
    document = checked(given)
    if IntegrationType.objects.filter(key=document.key).exists():
        raise Refused([Problem("key", "not_unique", f"There is an integration type '{document.key}' already.")])
    if IntegrationType.objects.count() >= MOST_TYPES:
        raise Refused([Problem("", "too_many", f"An organization has up to {MOST_TYPES} integration types.")])
    row = IntegrationType(id=new_id(), organization_id=current_organization_id(), key=document.key)
    _put(row, document)
    with transaction.atomic():
        row.save(force_insert=True)
        touch_rules()
        record("integration_type.created", row, changes={"key": row.key, "name": row.name, "module": row.module})
    return row


def change(row: IntegrationType, given: Mapping[str, Any], *, forget_credentials: bool = False) -> IntegrationType:
    """Change what is given of a type. Raises Refused; `credentials_required` where secrets would go elsewhere.

    `forget_credentials`: the secrets of its integrations are removed, and their steps wait until new ones are given.
    """
    before = TypeDocument.model_validate(row.document)
    document = checked({**row.document, **given}, row)
    bound = integrations_of(row) if is_moved(before, document) else []
    if bound and not forget_credentials:
        names = ", ".join(f"'{item.name}'" for item in bound[:5])
        detail = (
            f"This decides where the credentials of {names} are sent. Repeat it with `forget_credentials`: they are "
            "removed and must be given again."
        )
        raise Refused([Problem(_moved_part(before, document), "credentials_required", detail)])
    changes = {
        name: [row.document.get(name), value]
        for name, value in document.model_dump(mode="json").items()
        if row.document.get(name) != value
    }
    _put(row, document)
    row.revision += 1
    row.updated_at = clock.now()
    with transaction.atomic():
        row.save()
        for integration in bound:
            _forget_secrets(integration, before)
        touch_rules()
        if bound:
            changes["credentials_forgotten"] = [item.name for item in bound]
        record("integration_type.changed", row, changes=changes)
    return row


def delete(row: IntegrationType) -> None:
    """Remove a type. Raises Refused while integrations are of it."""
    names = list(Integration.objects.filter(platform=row.key).values_list("name", flat=True)[:5])
    if names and not _is_shared(row.key):
        shown = ", ".join(f"'{name}'" for name in names)
        raise Refused([Problem("", "in_use", f"These integrations are of this type: {shown}. Delete them first.")])
    with transaction.atomic():
        record("integration_type.deleted", row, changes={"key": row.key, "name": row.name})
        touch_rules()
        row.delete()


def checked(given: Mapping[str, Any], row: IntegrationType | None = None) -> TypeDocument:
    """Return a document that holds together, completed. Raises Refused with every problem found.

    A new type without a key gets one from its name; named like a plain module it describes that.
    """
    wanted = {**given}
    if row is not None:
        wanted["key"] = row.key
        if given.get("key", row.key) != row.key:
            raise Refused([Problem("key", "read_only", "The key of a type never changes: integrations name it.")])
    elif not wanted.get("key"):
        wanted["key"] = _key_from(str(wanted.get("name") or ""))
    if row is None and "module" not in wanted and module_of(str(wanted["key"])) is not None:
        wanted["module"] = wanted["key"]
    try:
        document = TypeDocument.model_validate(wanted)
    except ValidationError as error:
        raise Refused(
            [
                Problem(".".join(str(part) for part in item["loc"]), item["type"], sentence(item["type"], item["msg"]))
                for item in error.errors(include_input=False, include_url=False)
            ]
        ) from None
    problems = [Problem(at, code, detail) for at, code, detail in problems_of(document)]
    problems += _problems_of_names(document, row)
    if problems:
        raise Refused(problems)
    return document


def integrations_of(row: IntegrationType) -> list[Integration]:
    """Return the integrations of a type that have credentials."""
    return [item for item in Integration.objects.filter(platform=row.key) if item.credentials_set]


def is_moved(before: TypeDocument, after: TypeDocument) -> bool:
    """Return whether secrets given for `before` would go elsewhere, or be shown, in `after`."""
    return bool(_moved_part(before, after))


def _moved_part(before: TypeDocument, after: TypeDocument) -> str:
    if before.base_url != after.base_url:
        return "base_url"
    if before.sign_in.token_url != after.sign_in.token_url:
        return "sign_in.token_url"
    if before.module != after.module:
        return "module"
    kept = {parameter.name for parameter in after.parameters}
    shown = (before.secret_names & kept) - after.secret_names
    unbound = (before.place_names & kept) - after.place_names
    return "parameters" if shown or unbound else ""


def _forget_secrets(integration: Integration, before: TypeDocument) -> None:
    hidden = before.secret_names
    stored = open_credentials(integration)
    put_credentials(integration, {name: value for name, value in stored.items() if name not in hidden})
    integration.updated_at = clock.now()
    integration.save()
    rejected = CredentialsRejected("Its integration type was changed: give the credentials again.")
    health.note_outcomes([health.CallOutcome(integration.pk, rejected, None)])


def _put(row: IntegrationType, document: TypeDocument) -> None:
    row.name, row.module = document.name, document.module
    row.document = document.model_dump(mode="json")


def _problems_of_names(document: TypeDocument, row: IntegrationType | None) -> list[Problem]:
    found = []
    if document.module and module_of(document.module) is None:
        known = ", ".join(module.key for module in registry.plain_modules()) or "none"
        detail = f"There is no plain module '{document.module}' here. There are: {known}."
        found.append(Problem("module", "unknown_module", detail))
    # A connector that came later does not take the key from a type that has it already.
    if row is None and _is_shared(document.key) and document.key != document.module:
        detail = f"'{document.key}' is the key of a platform that there is already: choose another."
        found.append(Problem("key", "not_unique", detail))
    return found


def _is_shared(key: str) -> bool:
    return any(connector.key == key for connector in registry.all_connectors())


def _key_from(name: str) -> str:
    key = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")[:63]
    return f"type_{key}"[:63] if key[:1].isdigit() else key
