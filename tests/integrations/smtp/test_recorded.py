"""Recorded conversations with mail servers, replayed over a real connection."""

from typing import Any

import pytest
from pytest_django import Settings

from integrations import errors
from integrations.connecting import connect_with
from integrations.connectors.smtp.connector import Smtp
from integrations.specs import Action, Call, Result
from tests.integrations.smtp import scripted

PASSWORD = "s3cret-pass"
MAIL = {"to": "ana@example.com", "subject": "Hi", "body": "Hello\n.a line that begins with a dot\n"}


def perform(name: str, settings: Settings) -> tuple[Result, scripted.ScriptedServer]:
    recorded = scripted.recording(name)
    action = name.partition("__")[0]
    parameters = {**MAIL, **recorded.get("parameters", {})} if action == "send_email" else {}
    with scripted.ScriptedServer(recorded["dialogue"]) as server:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        settings.PUBLIC_URL = "https://ops.example"
        credentials: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "from_address": "Support <support@acme.example>",
            **recorded.get("credentials", {}),
        }
        instance = connect_with(Smtp, credentials, call=Call(deadline=5))
        result = instance.execute(Action(action, parameters))
    return result, server


@pytest.mark.parametrize("name", [name for name in scripted.names() if "data" in scripted.recording(name)])
def test_a_conversation_that_ends_well(name: str, settings: Settings) -> None:
    result, server = perform(name, settings)
    assert server.complaints == []
    told = {field: value for field, value in result.data.items() if field != "message_id"}
    assert result.success and told == scripted.recording(name)["data"]
    if name.startswith("send_email"):
        assert b"\r\n..a line that begins with a dot\r\n" in server.mail


@pytest.mark.parametrize("name", [name for name in scripted.names() if "raise" in scripted.recording(name)])
def test_a_conversation_that_does_not(name: str, settings: Settings) -> None:
    recorded = scripted.recording(name)
    error = getattr(errors, recorded["raise"])
    with pytest.raises(error, match=recorded["says"]) as caught:
        perform(name, settings)
    assert type(caught.value) is error
    assert PASSWORD not in f"{caught.value} {caught.value.detail}" and "AG9wcwBzM2NyZXQtcGFzcw" not in str(caught.value)


def test_who_was_refused_is_told(settings: Settings) -> None:
    result, _ = perform("send_email__250__some_refused", settings)
    assert "2 of 3" in result.message and "nobody@example.com (550" in result.message
    with pytest.raises(errors.InvalidInput) as caught:
        perform("send_email__550__all_refused", settings)
    assert caught.value.data["refused"][0]["address"] == "ana@example.com"


def test_an_uncertain_mail_may_have_reached_somebody(settings: Settings) -> None:
    with pytest.raises(errors.Uncertain) as caught:
        perform("send_email__cut_off", settings)
    assert caught.value.may_have_reached
