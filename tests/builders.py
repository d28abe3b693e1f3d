"""Makes what tests need, in one line each. Every world has Ada's organization and Bo's."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client
from rest_framework.test import APIClient

from supportops.ids import new_key
from supportops.people.authentication import digest_of
from supportops.people.models import ApiToken, User
from supportops.tenancy.models import Environment, Membership, Organization
from supportops.tenancy.roles import SCOPES, Role
from supportops.tenancy.scope import working_for

PASSWORD = "a long enough password"
_numbers = itertools.count(1)


@dataclass
class Tenant:
    """An organization with an owner and a token of all scopes."""

    organization: Organization
    owner: User
    token: str

    @property
    def api(self) -> APIClient:
        """A client that calls with the organization's token."""
        return api_client(self.token)


@dataclass
class World:
    """Ada's organization and Bo's: whatever is done as one must not be seen by the other."""

    ada: Tenant
    bo: Tenant


def make_world() -> World:
    return World(ada=make_tenant("ada"), bo=make_tenant("bo"))


def make_tenant(slug: str) -> Tenant:
    organization = make_organization(slug)
    owner = make_member(organization, Role.OWNER, email=f"{slug}@example.com")
    return Tenant(organization, owner, make_token(organization))


def make_organization(slug: str = "", *, environments: Iterable[str] = ("dev", "staging", "prod")) -> Organization:
    slug = slug or f"organization-{next(_numbers)}"
    organization = Organization.objects.create(slug=slug, name=slug.title())
    with working_for(organization):
        for position, name in enumerate(environments):
            Environment.objects.create(name=name, position=position)
    return organization


def make_user(email: str = "", **fields: Any) -> User:
    return User.objects.create_user(email or f"user{next(_numbers)}@example.com", PASSWORD, **fields)


def make_member(organization: Organization, role: Role | str = Role.EDITOR, *, email: str = "") -> User:
    """Return a new user with `role` in the organization; the password is PASSWORD."""
    user = make_user(email)
    add_member(organization, user, role)
    return user


def add_member(organization: Organization, user: User, role: Role | str = Role.EDITOR) -> Membership:
    """Return the membership of `user`, who exists already."""
    with working_for(organization):
        return Membership.objects.create(user=user, role=Role(role))


def make_token(organization: Organization, scopes: Iterable[str] = SCOPES, **fields: Any) -> str:
    """Return the text of a new token."""
    text = "so_" + new_key(40)
    with working_for(organization):
        ApiToken.objects.create(
            name=fields.pop("name", "test"),
            digest=digest_of(text),
            prefix=text[:8],
            scopes=[str(scope) for scope in scopes],
            **fields,
        )
    return text


def api_client(token: str) -> APIClient:
    """Return a client that calls with `token`."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def browser(user: User, organization: Organization | None = None) -> APIClient:
    """Return a client with `user`'s session, and the organization chosen where one is given.

    The session is simply there: signing in would leave entries in the audit log.
    """
    client = APIClient()
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    if organization is not None:
        client.credentials(HTTP_X_ORGANIZATION=organization.slug)
        session["organization"] = organization.slug
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client


def reader(user: User) -> Client:
    """Return a client for pages, whose posts are forms, with `user`'s session."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = browser(user).cookies[settings.SESSION_COOKIE_NAME].value
    return client
