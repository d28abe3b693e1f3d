"""Makes entries readable for people: changes as before and after, resources as addresses; carries a verification on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core import signing
from django.urls import NoReverseMatch, reverse

from audit.recording import resource_type_of
from audit.sealing import Head
from audit.verifying import Part
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.scope import current_organization_id

_signer = signing.TimestampSigner(salt="audit.reading")
# A page that is left open so long begins anew.
_MOST_AGE = 3600


@dataclass(frozen=True)
class Line:
    """One field of what an entry says: its value, or the values before and after."""

    name: str
    value: Any = None
    before: Any = None
    after: Any = None
    is_change: bool = False


def lines_of(action: str, changes: Any) -> list[Line]:
    """Return what an entry says, a line for each field. A pair in an act of changing is before and after."""
    if not isinstance(changes, Mapping):
        return [Line("", value=changes)] if changes else []
    has_pairs = action.endswith((".changed", ".rolled_back"))
    return [
        Line(name, before=value[0], after=value[1], is_change=True)
        if has_pairs and isinstance(value, list) and len(value) == 2
        else Line(name, value=value)
        for name, value in changes.items()
    ]


def address_of(resource_type: str, resource_id: str) -> str:
    """Return the address of a resource's page in the admin; nothing where it has none."""
    for model in apps.get_models():
        if not issubclass(model, OrganizationOwned) or not admin.site.is_registered(model):
            continue
        if resource_id and resource_type_of(model) == resource_type:
            try:
                return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[resource_id])
            except NoReverseMatch:
                return ""
    return ""


def token_of(part: Part) -> str:
    """Return a verification under way as a text that only we can have written."""
    said = [str(current_organization_id()), part.entries, *_pair(part.reached), *_pair(part.end)]
    return _signer.sign_object(said, compress=True)


def part_of(token: str) -> Part | None:
    """Return the verification that a text carries on; None for one that is not ours, or another organization's."""
    try:
        organization, entries, position, reached, end, last = _signer.unsign_object(token, max_age=_MOST_AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if organization != str(current_organization_id()):
        return None
    return Part(Head(position, reached), Head(end, last), entries)


def _pair(head: Head) -> tuple[int, str]:
    return head.position, head.hash
