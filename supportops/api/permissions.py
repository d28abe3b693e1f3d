"""Who may call what: each view names the permission that each of its methods or actions needs."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from supportops.api.callers import Caller
from supportops.tenancy.roles import Permission


def needed_permission(view: Any, method: str) -> Permission:
    """Return what `method` of `view` needs.

    `view.permission_map` says it by action (of a view set) or by method in lower case; what it does not name
    needs `read` to look and `write` to change.
    """
    permission_map: dict[str, Permission] = getattr(view, "permission_map", {})
    action = getattr(view, "action", None)
    for name in (action, method.lower()):
        if name and name in permission_map:
            return permission_map[name]
    # A method that the view does not have is answered with 405 to everybody who may read.
    is_unknown = hasattr(view, "action_map") and action is None
    return Permission.READ if method in SAFE_METHODS or is_unknown else Permission.WRITE


class HasPermission(BasePermission):
    """Lets a caller in whose role or scopes hold the needed permission."""

    message = "You may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        needed = needed_permission(view, request.method or "")
        if caller.may(needed):
            return True
        held = ", ".join(sorted(caller.permissions)) or "none"
        self.message = f"This needs the permission '{needed}'; you have: {held}."
        return False
