"""The admin's pages of integration types: described by forms alone, tried, and used."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import World, browser, make_member
from tests.fake_platform import FakePlatform, in_place_of_the_network
from tests.forms import errors_of, fields_of

LIST = "/admin/integrations/integrationtype/"
API = "https://crm.example.com/v1"
KEY = "a-long-key-of-the-crm"

pytestmark = pytest.mark.django_db


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with in_place_of_the_network() as fake:
        yield fake


@pytest.fixture
def page(world: World) -> Any:
    return browser(world.ada.owner, world.ada.organization)


def sent(page: Any, address: str, form: str, **changed: str) -> Any:
    """Send a form as it stands, with some fields changed: ``type__name`` is ``type-name``."""
    fields = fields_of(page.get(address), form)
    fields.update({name.replace("__", "-"): [value] for name, value in changed.items()})
    return page.post(address, fields, format="multipart")


def described(page: Any, world: World) -> dict[str, Any]:
    answer = sent(
        page,
        f"{LIST}add/",
        "type_form",
        type__name="Our CRM",
        type__base_url=API,
        type__test_method="GET",
        type__test_path="/me",
        sign__kind="bearer",
        parameters__0__name="region",
        parameters__0__type="select",
        parameters__0__choices="eu, us",
        parameters__0__default="eu",
    )
    assert answer.status_code == 302, errors_of(answer)
    [made] = world.ada.api.get("/api/integration-types/").json()["results"]
    return dict(made)


def test_a_type_is_described_by_forms(page: Any, world: World, platform: FakePlatform) -> None:
    made = described(page, world)
    assert [(item["name"], item["type"]) for item in made["parameters"]] == [
        ("region", "select"),
        ("token", "password"),
    ]
    assert made["sign_in"]["value"] == "{token}" and made["test"]["path"] == "/me"
    answer = sent(
        page,
        f"{LIST}{made['id']}/action/",
        "action_form",
        action__name="add_note",
        action__path="/customers/{customer}/notes",
        action__params="region = {region}",
        action__body='text = {text}\nlabels = ["{text}", 3]',
        action__expected_status="201, 200",
        action__keep="id = note.id",
        parameters__0__name="customer",
        parameters__0__type="number",
        parameters__1__name="text",
    )
    assert answer.status_code == 302, errors_of(answer)
    action = world.ada.api.get(f"/api/integration-types/{made['id']}/").json()["actions"][0]
    assert action["body"] == {"text": "{text}", "labels": ["{text}", 3]} and action["expected_status"] == [201, 200]
    again = sent(page, f"{LIST}{made['id']}/action/?name=add_note", "action_form", action__description="Adds a note.")
    assert again.status_code == 302, errors_of(again)
    changed = world.ada.api.get(f"/api/integration-types/{made['id']}/").json()["actions"]
    assert changed == [{**action, "description": "Adds a note."}]
    assert sent(page, f"{LIST}{made['id']}/change/", "type_form").status_code == 302
    assert world.ada.api.get(f"/api/integration-types/{made['id']}/").json()["actions"] == changed

    add = "/admin/integrations/integration/add/?platform=our_crm"
    connected = sent(page, add, "integration_form", basics__name="CRM", credentials__token=KEY)
    assert connected.status_code == 200 and not errors_of(connected), errors_of(connected)
    platform.on("POST", f"{API}/customers/7/notes", {"note": {"id": 3}, "echo": KEY}, status=201)
    tried = sent(page, f"{LIST}{made['id']}/try/?action=add_note", "try_form", p__customer="7", p__text="<b>hi</b>")
    shown = tried.content.decode()
    assert tried.status_code == 200 and "Success" in shown and KEY not in shown and "<b>hi</b>" not in shown
    assert str(platform.requests[-1].url) == f"{API}/customers/7/notes?region=eu"
    assert 'value="our_crm:add_note"' in page.get("/admin/rules/rule/add/").content.decode()


def test_problems_stand_at_their_fields_and_nothing_is_lost(page: Any, world: World) -> None:
    answer = sent(page, f"{LIST}add/", "type_form", type__name="Slack", type__key="slack", sign__kind="oauth")
    assert answer.status_code == 200 and len(errors_of(answer)) >= 1
    answer = sent(page, f"{LIST}add/", "type_form", type__name="My tool", type__base_url="nonsense")
    assert any("http" in text for text in errors_of(answer)), errors_of(answer)
    assert fields_of(answer, "type_form")["type-base_url"] == ["nonsense"]
    made = described(page, world)
    wrong = sent(page, f"{LIST}{made['id']}/action/", "action_form", action__name="a", action__path="/{nobody}")
    assert any("There is no parameter 'nobody'" in text for text in errors_of(wrong)), errors_of(wrong)
    number = sent(
        page,
        f"{LIST}{made['id']}/change/",
        "type_form",
        parameters__2__name="n",
        parameters__2__type="number",
        parameters__2__default="x",
    )
    assert any("'x' is not a number" in text for text in errors_of(number)), errors_of(number)


def test_moving_it_asks_to_forget_credentials(page: Any, world: World) -> None:
    made = described(page, world)
    body = {"platform": "our_crm", "name": "CRM", "credentials": {"token": KEY}}
    assert world.ada.api.post("/api/integrations/", body, format="json").status_code == 201
    at = f"{LIST}{made['id']}/change/"
    refused = sent(page, at, "type_form", type__base_url="https://elsewhere.example.com")
    assert any("forget_credentials" in text for text in errors_of(refused)), errors_of(refused)
    moved = sent(page, at, "type_form", type__base_url="https://elsewhere.example.com", type__forget_credentials="on")
    assert moved.status_code == 302, errors_of(moved)
    [row] = world.ada.api.get("/api/integrations/").json()["results"]
    assert "token" not in row["credentials_set"]


def test_an_action_is_removed(page: Any, world: World) -> None:
    made = described(page, world)
    at = f"{LIST}{made['id']}/action/"
    assert sent(page, at, "action_form", action__name="ping", action__method="GET").status_code == 302
    assert page.post(f"{at}?name=ping", {"_remove": "1"}, format="multipart").status_code == 302
    assert world.ada.api.get(f"/api/integration-types/{made['id']}/").json()["actions"] == []


def test_a_viewer_sees_and_changes_nothing(page: Any, world: World) -> None:
    made = described(page, world)
    viewer = browser(make_member(world.ada.organization, "viewer"), world.ada.organization)
    at = f"{LIST}{made['id']}/change/"
    assert viewer.get(at).status_code == 200
    assert viewer.post(at, {}, format="multipart").status_code == 403
    assert viewer.get(f"{LIST}{made['id']}/try/").status_code == 403
    assert viewer.get(f"{LIST}{made['id']}/action/").status_code == 403
