"""API tokens: made, changed and revoked, each with an audit entry. Needs the organization in scope."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.recording import record
from supportops import clock
from supportops.addresses import check_networks
from supportops.api.json import rfc3339
from supportops.context import current
from supportops.ids import new_key
from supportops.people.authentication import digest_of
from supportops.people.models import ApiToken
from supportops.tenancy.roles import SCOPES

PREFIX = "so_"


def create_token(
    name: str, scopes: Iterable[str], *, allowed_ips: Iterable[str] = (), expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token and return it with its text, which is stored nowhere. Raises ValidationError."""
    text = PREFIX + new_key(40)
    token = ApiToken(
        name=_checked_name(name),
        digest=digest_of(text),
        prefix=text[:8],
        scopes=_checked_scopes(scopes),
        allowed_ips=_checked_ips(allowed_ips),
        expires_at=_checked_expiry(expires_at),
        created_by=current().actor.name[:254],
    )
    with transaction.atomic():
        token.save(force_insert=True)
        record("token.created", token, changes=_shown(token))
    return token, text


def change_token(token: ApiToken, **changes: Any) -> ApiToken:
    """Change name, allowed_ips or expires_at. What a token may do never changes. Raises ValidationError."""
    checks: dict[str, Callable[[Any], Any]] = {
        "name": _checked_name,
        "allowed_ips": _checked_ips,
        "expires_at": _checked_expiry,
    }
    before = _shown(token)
    for field, value in changes.items():
        setattr(token, field, checks[field](value))
    after = _shown(token)
    differences = {field: [before[field], after[field]] for field in after if before[field] != after[field]}
    if differences:
        with transaction.atomic():
            token.save(update_fields=list(differences))
            record("token.changed", token, changes=differences)
    return token


def revoke_token(token: ApiToken) -> None:
    """Delete a token; from then on it is unknown."""
    with transaction.atomic():
        record("token.revoked", token, changes=_shown(token))
        token.delete()


def _shown(token: ApiToken) -> dict[str, Any]:
    return {
        "name": token.name,
        "scopes": token.scopes,
        "allowed_ips": token.allowed_ips,
        "expires_at": rfc3339(token.expires_at) if token.expires_at else None,
    }


def _checked_name(name: str) -> str:
    if not name.strip():
        raise ValidationError({"name": ValidationError("A token needs a name to be recognised by.", "blank")})
    return name.strip()[:200]


def _checked_scopes(scopes: Iterable[str]) -> list[str]:
    given = set(scopes)
    unknown = sorted(given - {scope.value for scope in SCOPES})
    if unknown or not given:
        wrong = f"unknown: {', '.join(unknown)}" if unknown else "none given"
        raise ValidationError(
            {"scopes": ValidationError(f"Scopes are {', '.join(SCOPES)}; {wrong}.", "invalid_choice")}
        )
    return [scope.value for scope in SCOPES if scope in given]


def _checked_ips(values: Iterable[object]) -> list[str]:
    try:
        return check_networks(values)
    except ValueError as error:
        raise ValidationError({"allowed_ips": ValidationError(f"{error}.", "invalid")}) from None


def _checked_expiry(at: datetime | None) -> datetime | None:
    if at is not None and at <= clock.now():
        raise ValidationError({"expires_at": ValidationError("This time has passed already.", "in_the_past")})
    return at
