"""Seals and opens secrets: AES-256-GCM with random nonces under a data key per organization.

A sealed value is ``version (1) | data key id (16) | nonce (12) | ciphertext and tag``. Associated data are
organization, row and a fixed label, so a ciphertext that is copied to another row, field or tenant does not open.
Source: NIST SP 800-38D (GCM); envelope encryption as key-management services do it.
"""

import base64
import binascii
import secrets
import uuid
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction

from supportops import clock
from supportops.vault.models import DataKey

_VERSION = b"\x01"
_NONCE = 12
_HEADER = 1 + 16 + _NONCE


class CannotOpen(Exception):
    """A sealed value does not open: another row's, tampered with, or its key is gone."""


def seal(plain: bytes, *, organization_id: uuid.UUID, row_id: uuid.UUID, label: str) -> bytes:
    """Return `plain` sealed for this organization, row and label."""
    key_id, key = _current_key(organization_id)
    nonce = secrets.token_bytes(_NONCE)
    bound_to = _associated_data(organization_id, row_id, label)
    return _VERSION + key_id.bytes + nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def open_sealed(sealed: bytes, *, organization_id: uuid.UUID, row_id: uuid.UUID, label: str) -> bytes:
    """Return what was sealed. Raises CannotOpen for anything that was not sealed for exactly this place."""
    sealed = bytes(sealed)
    if len(sealed) < _HEADER + 16 or sealed[:1] != _VERSION:
        raise CannotOpen("the sealed value is damaged")
    key = _key(key_of(sealed))
    nonce, ciphertext = sealed[17:_HEADER], sealed[_HEADER:]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, _associated_data(organization_id, row_id, label))
    except InvalidTag:
        raise CannotOpen(f"a sealed '{label}' does not belong to this row or was changed") from None


def key_of(sealed: bytes) -> uuid.UUID:
    """Return the id of the data key that a value is sealed with."""
    return uuid.UUID(bytes=bytes(sealed[1:17]))


def looks_sealed(value: object) -> bool:
    """Return whether `value` has the form of sealed bytes, or is empty: a last guard against storing plain text."""
    if not isinstance(value, (bytes, memoryview)):
        return False
    return len(value) == 0 or (len(value) >= _HEADER + 16 and bytes(value[:1]) == _VERSION)


def sealed_with(key_id: uuid.UUID) -> tuple[bytes, bytes]:
    """Return the first and last-but-one prefix of what is sealed with a key: low <= sealed < high."""
    low = _VERSION + key_id.bytes
    return low, (int.from_bytes(low, "big") + 1).to_bytes(len(low), "big")


def new_data_key(organization_id: uuid.UUID) -> DataKey:
    """Make a fresh data key the organization's current one and return it. Raises IntegrityError when somebody else
    does the same at this moment."""
    name, master = master_keys()[0]
    plain = secrets.token_bytes(32)
    row = DataKey(organization_id=organization_id, master=name)
    row.wrapped = _wrap(master, plain, row.associated_data())
    with transaction.atomic():
        DataKey.objects.filter(organization_id=organization_id, is_current=True).update(
            is_current=False, retired_at=clock.now()
        )
        row.save(force_insert=True)
    return row


def rewrap(row: DataKey) -> bool:
    """Wrap `row` with the newest master key. Returns False when it already is. The key itself stays the same.

    Raises CannotOpen when the master key that wraps it is not to be had.
    """
    name, master = master_keys()[0]
    if row.master == name:
        return False
    wrapped = _wrap(master, _unwrap(row), row.associated_data())
    # Only over what was read: somebody else may have done it in the meantime.
    return DataKey.objects.filter(pk=row.pk, master=row.master).update(master=name, wrapped=wrapped) == 1


def master_keys() -> list[tuple[str, bytes]]:
    """Return the operator's master keys, newest first. Raises ImproperlyConfigured for a key that is none."""
    return _parse_master_keys(tuple(settings.MASTER_KEYS))


@lru_cache(maxsize=8)
def _parse_master_keys(texts: tuple[str, ...]) -> list[tuple[str, bytes]]:
    keys = []
    for text in texts:
        name, _, encoded = text.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not name or len(key) != 32:
            raise ImproperlyConfigured(
                "SUPPORTOPS_MASTER_KEYS: each key is `<name>:<base64 of exactly 32 random bytes>`."
            )
        keys.append((name, key))
    return keys


# Data keys opened by this process: id → key. Small, and only ever grows by keys in use. What an id stands for never
# changes, so an entry can be missing but not wrong.
_opened: dict[uuid.UUID, bytes] = {}


def _current_key(organization_id: uuid.UUID) -> tuple[uuid.UUID, bytes]:
    # Asked of the database each time, by an index: a process that went on sealing with a key that another one
    # retired would keep that key from ever being removed. The key itself is opened once.
    row = DataKey.objects.filter(organization_id=organization_id, is_current=True).first()
    if row is None:
        try:
            with transaction.atomic():
                row = new_data_key(organization_id)
        except IntegrityError:  # another process was first
            row = DataKey.objects.get(organization_id=organization_id, is_current=True)
    return row.id, _key(row.id, row)


def _key(key_id: uuid.UUID, row: DataKey | None = None) -> bytes:
    key = _opened.get(key_id)
    if key is None:
        row = row or DataKey.objects.filter(pk=key_id).first()
        if row is None:
            raise CannotOpen("the data key of a sealed value is gone")
        key = _opened[key_id] = _unwrap(row)
    return key


def _wrap(master: bytes, plain: bytes, bound_to: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(master).encrypt(nonce, plain, bound_to)


def _unwrap(row: DataKey) -> bytes:
    wrapped = bytes(row.wrapped)
    for name, master in master_keys():
        if name == row.master:
            try:
                return AESGCM(master).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], row.associated_data())
            except InvalidTag:
                raise CannotOpen(f"master key '{name}' is not the one that wrapped this data key") from None
    raise CannotOpen(f"master key '{row.master}' is not among SUPPORTOPS_MASTER_KEYS")


def _associated_data(organization_id: uuid.UUID, row_id: uuid.UUID, label: str) -> bytes:
    return uuid.UUID(str(organization_id)).bytes + uuid.UUID(str(row_id)).bytes + label.encode()


def forget_opened_keys() -> None:
    """Drop opened data keys from memory, such as after a rotation or between tests."""
    _opened.clear()
