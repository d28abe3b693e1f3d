"""A model field for secrets: holds the sealed bytes, opens only when told to, shows dots."""

from typing import Any, overload

from django.db import models

from supportops import odd_json
from supportops.vault import keyring


class Sealed:
    """A row's secret. `put` seals a JSON value into the row (unsaved), `open` gives it back."""

    def __init__(self, row: models.Model, field: "SealedField") -> None:
        self._row, self._field = row, field

    def open(self) -> Any:
        """Return the value. Raises vault.keyring.CannotOpen. None when nothing was put."""
        sealed = self.bytes
        if not sealed:
            return None
        plain = keyring.open_sealed(
            sealed,
            organization_id=self._row.organization_id,  # type: ignore[attr-defined]
            row_id=self._row.pk,
            label=self._field.label,
        )
        return odd_json.loads(plain)

    def put(self, value: Any) -> None:
        """Seal `value` into the row; the caller saves the row. Raises ValueError for a row without organization."""
        if self._row.organization_id is None:  # type: ignore[attr-defined]
            raise ValueError("A secret is sealed for an organization: give the row its organization first.")
        self._row.__dict__[self._field.attname] = keyring.seal(
            odd_json.dumps(value),
            organization_id=self._row.organization_id,  # type: ignore[attr-defined]
            row_id=self._row.pk,
            label=self._field.label,
        )

    @property
    def is_set(self) -> bool:
        return bool(self.bytes)

    @property
    def bytes(self) -> bytes:
        """The sealed bytes as stored."""
        if self._field.attname not in self._row.__dict__:
            # Left out by only() or defer(): not being loaded must not look like not being set.
            self._row.refresh_from_db(fields=[self._field.attname])
        return bytes(self._row.__dict__.get(self._field.attname) or b"")

    def __repr__(self) -> str:
        return "••••••" if self.is_set else "(not set)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        # What is pickled or copied out of a row (a task's argument, a cache) is the dots, not the row.
        return str, (repr(self),)


class SealedField(models.BinaryField):  # type: ignore[type-arg]
    """Stores a secret JSON value sealed. `label` is part of what it is bound to and must never change.

    The model needs `organization_id` and a primary key that is known before saving.
    """

    def __init__(self, label: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("editable", False)
        kwargs.setdefault("default", b"")
        self.label = label
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["label"] = self.label
        return name, path, args, kwargs

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, name, _Access(self))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(value.bytes if isinstance(value, Sealed) else value, connection, prepared)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        raw = value.bytes if isinstance(value, Sealed) else value
        if raw is not None and not hasattr(raw, "resolve_expression") and not keyring.looks_sealed(raw):
            raise TypeError(f"Only sealed bytes are stored in '{self.name}': seal the value by `row.{self.name}.put`.")
        return super().get_db_prep_save(raw, connection)

    def pre_save(self, model_instance: models.Model, add: bool) -> bytes:
        return bytes(model_instance.__dict__.get(self.attname) or b"")

    def value_from_object(self, obj: models.Model) -> bytes:
        return bytes(obj.__dict__.get(self.attname) or b"")


class _Access:
    """Gives `Sealed` on a row. Only raw sealed bytes, as the database hands them over, may be assigned."""

    def __init__(self, field: SealedField) -> None:
        self.field = field

    @overload
    def __get__(self, row: None, owner: Any = None) -> "_Access": ...
    @overload
    def __get__(self, row: models.Model, owner: Any = None) -> Sealed: ...
    def __get__(self, row: models.Model | None, owner: Any = None) -> "Sealed | _Access":
        return self if row is None else Sealed(row, self.field)

    def __set__(self, row: models.Model, value: Any) -> None:
        if isinstance(value, Sealed):
            value = value.bytes
        if not isinstance(value, (bytes, memoryview)):
            raise TypeError("A secret is sealed by `row.field.put(value)`; assigning it would store it in the open.")
        row.__dict__[self.field.attname] = bytes(value)
