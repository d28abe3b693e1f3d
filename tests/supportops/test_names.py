"""Of two who take one name at the same moment the second is told so, in the words of who came later."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from integrations import lifecycle
from rules import authoring
from supportops.people.models import User
from supportops.tenancy.models import Environment
from supportops.tenancy.names import unless_taken
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db

RULE = {"name": "one", "steps": [{"action": "http_request", "parameters": {"url": "https://example.com"}}]}
SLACK = {"platform": "slack", "name": "one", "credentials": {"bot_token": "xoxb-1234567890-abcdef"}}
# Kind of object, address, and what makes one of them.
KINDS = [
    pytest.param("/api/rules/", RULE, id="rule"),
    pytest.param("/api/integrations/", SLACK, id="integration"),
    pytest.param("/api/environments/", {"name": "one"}, id="environment"),
]


@pytest.fixture
def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for two at once: each looks before the other has written."""
    monkeypatch.setattr(authoring, "_free_name", lambda name, own=None: name)
    monkeypatch.setattr(lifecycle, "_free_name", lambda name, own=None: name)


@pytest.mark.usefixtures("nobody_looks")
@pytest.mark.parametrize(("address", "body"), KINDS)
def test_the_second_creation_of_a_name_is_refused(world: World, address: str, body: dict[str, Any]) -> None:
    assert world.ada.api.post(address, body, format="json").status_code == 201
    again = world.ada.api.post(address, body, format="json")
    assert (again.status_code, again.json()["type"]) == (400, "validation_error")
    assert [(entry["attr"], entry["code"]) for entry in again.json()["errors"]] == [("name", "not_unique")]
    # Names are unique within an organization only.
    assert world.bo.api.post(address, body, format="json").status_code == 201


@pytest.mark.usefixtures("nobody_looks")
@pytest.mark.parametrize(("address", "body"), KINDS)
def test_taking_a_name_by_a_change_is_refused_and_changes_nothing(
    world: World, address: str, body: dict[str, Any]
) -> None:
    world.ada.api.post(address, body, format="json")
    other = world.ada.api.post(address, {**body, "name": "two"}, format="json").json()
    changed = world.ada.api.patch(f"{address}{other['id']}/", {"name": "one"}, format="json")
    assert changed.status_code == 400, changed.content
    assert [(entry["attr"], entry["code"]) for entry in changed.json()["errors"]] == [("name", "not_unique")]
    assert world.ada.api.get(f"{address}{other['id']}/").json()["name"] == "two"


def test_a_person_invited_by_two_at_once_is_one_person(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[..., Any] = User.objects.filter

    def before_the_other(**wanted: Any) -> Any:
        monkeypatch.setattr(User.objects, "filter", found)
        User.objects.create_user("new@example.com")
        return User.objects.none()

    monkeypatch.setattr(User.objects, "filter", before_the_other)
    user, is_new = User.objects.get_or_create_by_email("New@example.com")
    assert (user.email, is_new, User.objects.count()) == ("new@example.com", False, 1)


def test_only_a_taken_name_is_called_so(world: World) -> None:
    with working_for(world.ada.organization), transaction.atomic():
        with pytest.raises(IntegrityError), unless_taken(ValueError("taken")):
            Environment.objects.create(name="x", position=None)
        with pytest.raises(ValueError, match="taken"), unless_taken(ValueError("taken")):
            Environment.objects.create(name="prod")
        assert Environment.objects.filter(name="prod").count() == 1, "the transaction is still usable"
