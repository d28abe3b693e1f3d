"""Who may decide a step that waits for approval."""

from collections.abc import Mapping
from typing import Any

from supportops.context import current


def why_not(asked: Mapping[str, Any] | None, role: str) -> str:
    """Return why whoever acts now, with this role in the organization, may not decide; "" where he may.

    `asked` are the parameters of the step (rules.kinds.Approval). Where it names roles or people, nobody else may, and
    no token: behind a token stands nobody in particular.
    """
    roles, people = list((asked or {}).get("roles") or ()), list((asked or {}).get("people") or ())
    if not roles and not people:
        return ""
    actor = current().actor
    is_named = actor.type == "user" and actor.name.lower() in {address.lower() for address in people}
    if is_named or (role and role in roles):
        return ""
    return f"This is for {' or '.join([*(f'the role {name}' for name in roles), *people])} to decide."
