"""Bad input is never a 500, and every refusal has the one form of errors, at every address of the API."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from supportops.api.errors import LONGEST_DETAIL
from tests.belongings import make_belongings
from tests.builders import World
from tests.fake_platform import FakePlatform
from tests.hostile import Hostile, requests

pytestmark = pytest.mark.django_db(transaction=True)


def problem_with(answer: Any) -> str | None:
    """Return what is wrong with an answer to a hostile request, None when nothing is."""
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    if answer.status_code < 400 or answer.status_code == 405:
        return None
    try:
        body = answer.json()
    except ValueError:
        return f"{answer.status_code} without JSON: {answer.content[:200]!r}"
    if set(body) != {"type", "errors"} or not body["errors"]:
        return f"another form: {body}"
    if body["type"] not in (("validation_error", "client_error") if answer.status_code == 400 else ("client_error",)):
        return f"another type: {answer.status_code} {body}"
    for entry in body["errors"]:
        if set(entry) != {"code", "detail", "attr"} or not entry["code"] or not entry["detail"]:
            return f"another entry: {entry}"
        if not isinstance(entry["attr"], (str, type(None))):
            return f"another place: {entry}"
        if len(entry["detail"]) > LONGEST_DETAIL + 10:
            return f"it repeats what it got, {len(entry['detail'])} characters: {entry['detail'][:200]}"
        if "Traceback" in entry["detail"]:
            return f"a stack trace: {entry}"
    return None


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    """What calls of ours reach: it answers everything, and nobody counts what arrives."""
    fake = FakePlatform()
    transport = httpx.MockTransport(lambda request: _answered(fake, request))
    monkeypatch.setattr("integrations.http.shared_transport", lambda *_: transport)
    return fake


def _answered(fake: FakePlatform, request: httpx.Request) -> httpx.Response:
    try:
        return fake.handle(request)
    except httpx.ConnectError:
        return httpx.Response(200, json={})


def test_whatever_is_sent_the_answer_is_no_500_and_has_the_one_form(
    world: World, platform: FakePlatform, settings: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = settings.API_ORGANIZATION_REQUESTS_PER_MINUTE = 10**9
    own = make_belongings(world.ada, platform)
    api = world.ada.api
    api.raise_request_exception = False
    found = list(requests(own, api.get("/api/schema/?format=json").json()))
    assert len(found) > 10_000, "every address, every place"

    @hypothesis_settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(found))
    def ask(request: Hostile) -> None:
        answer = api.generic(
            request.method,
            request.path,
            request.body or b"",
            content_type=request.headers.get("Content-Type", "application/json"),
            headers={name: value for name, value in request.headers.items() if name != "Content-Type"},
        )
        problem = problem_with(answer)
        assert problem is None, f"{problem} <- {request}"

    ask()


@pytest.mark.parametrize(
    "address", ["/api/audit/logs/?after=", "/api/deliveries/?received_after=", "/api/runs/?started_before="]
)
def test_times_at_the_ends_of_the_calendar_are_times_or_refused(world: World, address: str) -> None:
    for text, status in (
        ("2026-11-21T11:14:00%2B23:59", 200),
        ("9999-12-31T23:59:59%2B23:59", 200),
        ("0001-01-01T00:00:00%2B02:00", 400),
        ("9999-12-31T23:59:59-02:00", 400),
    ):
        answer = world.ada.api.get(address + text)
        assert answer.status_code == status, (text, answer.content)
