"""An organization's files: uploaded, read and deleted by people, sent by actions. Needs the organization in scope."""

import hashlib
import mimetypes
import re
import uuid
import weakref
from functools import lru_cache
from typing import Any, get_args

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from pydantic import BaseModel

from audit.recording import record
from integrations.attachments import MOST_BYTES, FileSource, references
from integrations.models import StoredFile, StoredFileContent
from integrations.specs import File
from supportops.context import current
from supportops.tenancy.names import unless_taken

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def create_file(name: str, content: bytes, content_type: str = "") -> StoredFile:
    """Store a file. Its type is guessed by the name where none is given. Raises ValidationError."""
    row = StoredFile(
        name=_checked_name(name),
        content_type=_checked_type(content_type, name),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        created_by=current().actor.name[:254],
    )
    if len(content) > MOST_BYTES:
        raise ValidationError({"file": ValidationError(too_large(), "too_large")})
    with transaction.atomic():
        message = f"There is a file '{row.name}' already. Names are unique: delete it first, or take another name."
        with unless_taken(ValidationError({"name": ValidationError(message, "not_unique")})):
            row.save(force_insert=True)
        StoredFileContent.objects.create(file=row, raw=content)
        record("file.created", row, changes=_shown(row))
    return row


def delete_file(row: StoredFile) -> None:
    """Delete a file. Steps that name it fail from then on."""
    with transaction.atomic():
        record("file.deleted", row, changes=_shown(row))
        row.delete()


def content_of(row: StoredFile) -> bytes:
    """Return a file's bytes."""
    return bytes(row.content.raw)


def too_large() -> str:
    """Return what is said of a file beyond the limit."""
    return f"The file is larger than {MOST_BYTES // 1024 // 1024} MiB."


def files_for(parameters: BaseModel | None) -> dict[str, File]:
    """Return the stored files that validated parameters name, by the name or id given there.

    What does not exist is left out; who opens it says so. Costs no query where a model takes no files.
    """
    if parameters is None or not _takes_files(type(parameters)):
        return {}
    wanted = references(parameters)
    if not wanted:
        return {}
    ids = {text: key for text in wanted if (key := _id_of(text)) is not None}
    rows = StoredFile.objects.filter(Q(name__in=wanted) | Q(pk__in=ids.values()))
    by_name = {row.name: row for row in rows}
    by_id = {row.pk: row for row in rows}
    found = {text: by_name.get(text) or by_id.get(ids.get(text, uuid.UUID(int=0))) for text in wanted}
    return {text: _loaded(row) for text, row in found.items() if row is not None}


# One copy in memory of a file that many calls under way send.
_in_memory: "weakref.WeakValueDictionary[uuid.UUID, File]" = weakref.WeakValueDictionary()


def _loaded(row: StoredFile) -> File:
    # Contents never change: a row is made and deleted, no more.
    file = _in_memory.get(row.pk)
    if file is None:
        file = File(row.name, content_of(row), row.content_type)
        _in_memory[row.pk] = file
    return file


@lru_cache(maxsize=1000)
def _takes_files(model: type[BaseModel]) -> bool:
    return _mentions_files(model, set())


def _mentions_files(annotation: Any, seen: set[Any]) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, FileSource):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen.add(annotation)
        return any(_mentions_files(field.annotation, seen) for field in annotation.model_fields.values())
    return any(_mentions_files(part, seen) for part in get_args(annotation))


def _id_of(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 255 or _CONTROL.search(name):
        message = "The name of a file has between 1 and 255 characters, and no control characters."
        raise ValidationError({"name": ValidationError(message, "invalid")})
    return name


def _checked_type(content_type: str, name: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    if not kind or kind == "application/octet-stream":
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if not _TYPE.fullmatch(kind) or len(kind) > 120:
        message = f"'{kind[:60]}' is no content type such as text/csv."
        raise ValidationError({"content_type": ValidationError(message, "invalid")})
    return kind


def _shown(row: StoredFile) -> dict[str, Any]:
    return {"name": row.name, "content_type": row.content_type, "size": row.size, "sha256": row.sha256}
