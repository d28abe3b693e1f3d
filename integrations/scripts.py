"""An organization's own scripts: kept by people, run by steps that name them. Needs the organization in scope."""

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.recording import record
from integrations.models import Script
from supportops import clock
from supportops.tenancy.names import unless_taken

MOST_CHARACTERS = 256 * 1024
_FIELDS = ("name", "language", "text")


def create_script(*, name: str, text: str, language: str) -> Script:
    """Keep a script. Raises ValidationError."""
    row = Script(name=name, language=language, text=text)
    with transaction.atomic():
        _save(row)
        record("script.created", row, changes=_shown(row))
    return row


def change_script(row: Script, **changes: Any) -> Script:
    """Change name, text or language. Raises ValidationError. Steps run the new text from then on."""
    before = _shown(row)
    for name in _FIELDS:
        if name in changes:
            setattr(row, name, changes[name])
    row.updated_at = clock.now()
    with transaction.atomic():
        _save(row)
        after = _shown(row)
        record(
            "script.changed",
            row,
            changes={key: [before[key], after[key]] for key in after if before[key] != after[key]},
        )
    return row


def delete_script(row: Script) -> None:
    """Delete a script; steps that name it fail from then on."""
    with transaction.atomic():
        record("script.deleted", row, changes=_shown(row))
        row.delete()


def _save(row: Script) -> None:
    row.clean_fields(exclude=["organization"])
    if len(row.text) > MOST_CHARACTERS:
        problem = ValidationError(f"A script has at most {MOST_CHARACTERS} characters.", "too_large")
        raise ValidationError({"text": problem})
    if "\0" in row.text:
        raise ValidationError({"text": ValidationError("A script has no null characters.", "null_character")})
    message = f"There is a script '{row.name}' already."
    with unless_taken(ValidationError({"name": ValidationError(message, "not_unique")})):
        row.save()


def _shown(row: Script) -> dict[str, Any]:
    return {
        "name": row.name,
        "language": row.language,
        "size": len(row.text),
        "sha256": hashlib.sha256(row.text.encode("utf-8", "replace")).hexdigest(),
    }
