"""Who calls: by an organization's token or by a person's session. Gives a Caller as `request.auth`."""

import hashlib
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from supportops import clock
from supportops.addresses import client_ip, is_allowed
from supportops.api.callers import Caller
from supportops.api.errors import ApiProblem
from supportops.context import Actor
from supportops.people.models import ApiToken, User
from supportops.people.second_factor import is_kept_out
from supportops.tenancy.memberships import Place, operated_place, places_of
from supportops.tenancy.roles import Permission
from supportops.tenancy.scope import working_for

# `last_used_at` is for people; once a minute is exact enough and keeps reads from becoming writes.
_USE_IS_NOTED_EVERY = timedelta(minutes=1)


def digest_of(token: str) -> str:
    """Return what is stored of a token. It is random and long, so that a plain hash suffices."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_token(token: str) -> ApiToken | None:
    """Return the living token with this text and its organization. Works across organizations: the token says which."""
    return (
        ApiToken.across_organizations.select_related("organization")
        .filter(digest=digest_of(token), organization__is_active=True)
        .first()
    )


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <token>``. The organization is the token's."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="SupportOps"'

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(text.strip())
        if token is None:
            raise exceptions.AuthenticationFailed("This token is not known, or was deleted.", "invalid_token")
        now = clock.now()
        if token.expires_at is not None and token.expires_at <= now:
            raise exceptions.AuthenticationFailed("This token has expired.", "token_expired")
        if not is_allowed(client_ip(request._request), token.allowed_ips):
            raise exceptions.AuthenticationFailed("This token may not be used from this address.", "ip_not_allowed")
        _note_use(token)
        caller = Caller(
            organization=token.organization,
            permissions=frozenset(Permission(scope) for scope in token.scopes),
            actor=Actor("token", str(token.id), token.name),
            key=f"token:{token.id}",
        )
        return AnonymousUser(), caller


class SessionAuthentication(authentication.SessionAuthentication):
    """A person's browser session, with CSRF protection.

    ``X-Organization: <slug>`` chooses among the person's own organizations; where there is only one it is not
    needed.
    """

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user: User = found[0]
        return user, caller_for(user, request.headers.get("X-Organization", ""))


def caller_for(user: User, slug: str = "") -> Caller:
    """Return what `user` may do in the organization he names by `slug`. Raises where it is not his."""
    place = _choose(user, slug)
    if is_kept_out(user, place.organization):
        raise exceptions.PermissionDenied(
            "This organization asks its members for a second factor: set yours up at /admin/account/second-factor/.",
            "second_factor_required",
        )
    return Caller(
        organization=place.organization,
        permissions=place.permissions,
        actor=Actor("user", str(user.id), user.email),
        key=f"user:{user.id}",
        role=place.role,
    )


def _choose(user: User, slug: str) -> Place:
    places = places_of(user)
    if not slug and len(places) == 1:
        return places[0]
    if slug:
        place = next((place for place in places if place.organization.slug == slug), None)
        if place is None and user.is_superuser:
            place = operated_place(slug)
        if place is None:
            raise exceptions.PermissionDenied(f"You are not a member of an organization '{slug}'.")
        return place
    if not places:
        raise exceptions.PermissionDenied("You are not a member of any organization.")
    names = ", ".join(place.organization.slug for place in places)
    raise ApiProblem(
        None,
        "organization_required",
        f"You belong to several organizations: say which with the header X-Organization (one of {names}).",
    )


def _note_use(token: ApiToken) -> None:
    now = clock.now()
    if token.last_used_at is not None and now - token.last_used_at < _USE_IS_NOTED_EVERY:
        return
    with working_for(token.organization):
        # Conditional, so that of many requests at once one writes.
        ApiToken.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - _USE_IS_NOTED_EVERY), pk=token.pk
        ).update(last_used_at=now)
