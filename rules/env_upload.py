"""Carries a `.env` file from the page of its plan to the confirmation: sealed, for one person, half an hour."""

import base64
import binascii
import uuid
from datetime import datetime, timedelta

from supportops import clock, odd_json
from supportops.tenancy.scope import current_organization_id
from supportops.vault import keyring

_LABEL = "variables.import"
VALID_FOR = timedelta(minutes=30)


class NoLongerValid(Exception):
    """What the page brought back was not sealed for this person and organization, or too long ago."""


def sealed_text(text: str, person_id: uuid.UUID) -> str:
    """Return a text that the page may carry: nobody reads it there, and only this person brings it back."""
    plain = odd_json.dumps({"at": clock.now().isoformat(), "text": text})
    sealed = keyring.seal(plain, organization_id=current_organization_id(), row_id=person_id, label=_LABEL)
    return base64.b64encode(sealed).decode()


def opened_text(sealed: str, person_id: uuid.UUID) -> str:
    """Return the text again. Raises NoLongerValid."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        plain = keyring.open_sealed(raw, organization_id=current_organization_id(), row_id=person_id, label=_LABEL)
    except (binascii.Error, ValueError, keyring.CannotOpen):
        raise NoLongerValid from None
    carried = odd_json.loads(plain)
    if clock.now() - datetime.fromisoformat(carried["at"]) > VALID_FOR:
        raise NoLongerValid
    return str(carried["text"])
