"""Every address × every role, from the URL configuration itself: an address without a row in tests/routes.py fails."""

import re
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from supportops.api.errors import no_such_address
from supportops.api.permissions import HasPermission, needed_permission
from supportops.tenancy.admin import ScopedAdmin
from supportops.tenancy.memberships import Place
from supportops.tenancy.models import Organization
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.roles import SCOPES, Permission, Role, permissions_of
from tests import builders
from tests.builders import World, api_client, browser
from tests.routes import ADMIN_PAGES, ROUTES

_METHODS = ("get", "post", "put", "patch", "delete")


def routes() -> dict[str, Any]:
    """Return every address outside of the admin as `METHOD /path/`, with its view. Plain views say ANY."""
    found: dict[str, Any] = {}
    for template, callback in _walk(get_resolver().url_patterns, ""):
        view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
        actions = getattr(callback, "actions", None)
        if view is None:
            methods = ["any"]
        else:
            methods = [method for method in _METHODS if (method in actions if actions else hasattr(view, method))]
        for method in methods:
            found[f"{method.upper()} {template}"] = callback
    return found


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        text = prefix + _template(str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            if pattern.callback is not no_such_address:
                yield f"/{text.strip('/')}/".replace("//", "/"), pattern.callback
        elif text != "admin/":
            yield from _walk(pattern.url_patterns, text)


def _template(pattern: str) -> str:
    text = re.sub(r"\(\?P<(\w+)>[^()]*(?:\([^()]*\)[^()]*)*\)", r"{\1}", pattern)
    text = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", text)
    text = text.removeprefix("^").removesuffix(r"\Z").removesuffix("$").removesuffix("/?")
    return text.replace("\\", "")


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    found = routes()
    missing = {route: _suggestion(found[route], route) for route in found if route not in ROUTES}
    assert not missing, f"add these rows to tests/routes.py, once you have thought about them: {missing}"
    assert not set(ROUTES) - set(found), "these rows of tests/routes.py have no address"


def _suggestion(callback: Any, route: str) -> str:
    view = getattr(callback, "cls", None)
    if view is None or HasPermission not in getattr(view, "permission_classes", []):
        return "public"
    method = route.split()[0]
    actions = getattr(callback, "actions", None)
    fake = SimpleNamespace(permission_map=getattr(view, "permission_map", {}))
    if actions is not None:
        fake.action, fake.action_map = actions.get(method.lower()), actions
    return str(needed_permission(fake, method))


def ask(client: Any, route: str) -> Any:
    method, template = route.split()
    address = re.sub(r"\{\w+\}", lambda match: str(uuid.uuid4()), template)
    if method in ("GET", "ANY"):
        return client.get(address)
    return getattr(client, method.lower())(address, {}, format="json")


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_a_person_may_what_his_role_says(world: World, role: Role) -> None:
    client = browser(builders.make_member(world.ada.organization, role))
    client.raise_request_exception = False
    wrong = []
    for route, needed in ROUTES.items():
        if needed in ("public", "session"):
            continue
        answer = ask(client, route)
        expected = Permission(needed) in permissions_of(role)
        if answer.status_code >= 500 or (answer.status_code != 403) is not expected or answer.status_code == 401:
            wrong.append((route, needed, answer.status_code))
    assert not wrong


@pytest.mark.django_db
@pytest.mark.parametrize("scope", list(SCOPES))
def test_a_token_may_what_its_scope_says(world: World, scope: Permission) -> None:
    client = api_client(builders.make_token(world.ada.organization, [scope]))
    client.raise_request_exception = False
    wrong = []
    for route, needed in ROUTES.items():
        if needed in ("public", "session"):
            continue
        answer = ask(client, route)
        if (answer.status_code != 403) is not (needed == scope) or answer.status_code == 401:
            wrong.append((route, needed, answer.status_code))
    assert not wrong


@pytest.mark.django_db
def test_nobody_may_only_what_is_public(client: Client) -> None:
    stranger = APIClient()
    stranger.raise_request_exception = False
    wrong = []
    for route, needed in ROUTES.items():
        answer = ask(stranger, route)
        if needed == "session":
            is_right = answer.status_code == 302 and answer["Location"].startswith("/admin/login/")
        else:
            is_right = (answer.status_code == 401) is (needed != "public")
        if not is_right:
            wrong.append((route, needed, answer.status_code))
    assert not wrong


# --- the admin: the same roles --------------------------------------------------------------------------------


def test_every_admin_page_of_an_organizations_rows_is_scoped() -> None:
    for model, page in admin.site._registry.items():
        if issubclass(model, OrganizationOwned):
            assert isinstance(page, ScopedAdmin), f"{page} shows rows of organizations: derive it from ScopedAdmin"
            for inline in page.inlines:
                if issubclass(inline.model, OrganizationOwned):
                    assert hasattr(inline, "view_permission"), f"{inline} is not scoped"


def pages() -> dict[str, Any]:
    return {model._meta.label: page for model, page in admin.site._registry.items() if isinstance(page, ScopedAdmin)}


def test_every_admin_page_has_a_row_and_every_row_a_page() -> None:
    missing = {
        label: tuple(
            str(getattr(page, f"{verb}_permission")) if getattr(page, f"{verb}_permission") else None
            for verb in ("view", "add", "change", "delete")
        )
        for label, page in pages().items()
        if label not in ADMIN_PAGES
    }
    assert not missing, f"add these rows to ADMIN_PAGES in tests/routes.py, once you have thought about them: {missing}"
    assert not set(ADMIN_PAGES) - set(pages()), "these rows of tests/routes.py have no page"


@pytest.mark.parametrize("role", [*Role, None])
def test_the_admin_allows_what_the_role_says(role: Role | None) -> None:
    place = Place(Organization(slug="ada"), role) if role else None
    request: Any = SimpleNamespace(place=place, user=SimpleNamespace(is_superuser=False), GET={}, resolver_match=None)
    held = permissions_of(role) if role else frozenset()
    for label, page in pages().items():
        for verb, needed in zip(("view", "add", "change", "delete"), ADMIN_PAGES[label], strict=True):
            allowed = getattr(page, f"has_{verb}_permission")(request)
            assert allowed is (needed is not None and Permission(needed) in held), (label, verb, role)
