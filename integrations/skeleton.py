"""The files of a new connector: complete, with recorded traffic and tests that pass, to be changed piece by piece."""

from collections.abc import Iterator
from pathlib import Path

_SCHEMAS = '''"""What __Name__ is given: credentials, and the parameters of its actions."""

from typing import Annotated

from pydantic import Field

from integrations.parameters import Parameters
from integrations.specs import Credential, CredentialFields


class __Class__Credentials(CredentialFields):
    """How we sign in."""

    api_key: Annotated[str, Credential(where="__Name__ → Settings → API")] = Field(title="API key", min_length=1)


class SendReply(Parameters):
    """A reply to a message."""

    message_id: int = Field(title="Message", description="The message's number.")
    text: str = Field(title="Text", min_length=1, max_length=5000)
'''
_CLIENT = '''"""Calls to __Name__: one method each, nothing about rules."""

from typing import Any

from integrations.http import PlatformClient, path


class __Class__Client:
    """Calls the API through the one door to the network."""

    def __init__(self, http: PlatformClient) -> None:
        self.http = http

    def me(self) -> Any:
        """Return who we are there."""
        return self.http.get("/me").json()

    def reply(self, message_id: int, text: str, idempotency_key: str) -> Any:
        """Return the reply that was made; the same key makes it once."""
        headers = {"Idempotency-Key": idempotency_key}
        return self.http.post(path("messages", message_id, "replies"), json={"text": text}, headers=headers).json()
'''
_CONNECTOR = '''"""__Name__: what is true of the platform."""

from typing import Any

from integrations.base import BaseIntegration
from integrations.http import PlatformClient
from integrations.specs import CREATES, Account, ActionSpec, Event, EventSpec, Limit, Result

from .client import __Class__Client
from .schemas import __Class__Credentials, SendReply


class __Class__(BaseIntegration):
    """Messages of a __Name__ account."""

    key, name = "__key__", "__Name__"
    description = "Messages of a __Name__ account."
    Credentials = __Class__Credentials
    base_url = "https://api.__key__.example/v1"
    limits = [Limit("account", calls=60, seconds=60, burst=10)]

    # Without a `signature` of its own a connector receives by Standard Webhooks, with a secret that we make.
    events = [
        EventSpec(
            "message.created",
            "Somebody wrote a message.",
            subject="message",
            sample={"message": {"id": 7, "text": "Hello"}},
        )
    ]
    actions = [
        # Say the truth about repeating: here the platform takes our key, so a call that was cut off may be repeated.
        ActionSpec("send_reply", "Reply to a message.", SendReply, "send_reply", CREATES, idempotent_by="key"),
    ]

    def authorize(self, http: PlatformClient) -> None:
        http.headers["Authorization"] = f"Bearer {self.credentials.api_key}"

    def test_connection(self) -> Result:
        me = __Class__Client(self.http).me()
        return Result(True, f"Signed in as {me['name']}.", {"account": Account(id=str(me["account_id"]))})

    def send_reply(self, data: SendReply) -> Any:
        return __Class__Client(self.http).reply(data.message_id, data.text, self.call.idempotency_key)

    def handle_webhook(self, payload: Any) -> list[Event]:
        if not isinstance(payload, dict) or payload.get("type") != "message.created":
            return []
        message = payload.get("message") or {}
        return [Event("message.created", str(message.get("id", "")), {"message": message})]
'''
_README = """# __Name__

## Connect an account

1. In __Name__ open *Settings → API* and make a key.
2. In SupportOps choose *Integrations → Add*, __Name__, and enter it. *Test connection* says who you are there.

## Receive events

1. Save the integration: its page shows a webhook address and a secret.
2. In __Name__ open *Settings → Webhooks*, enter both, and choose the events.

## Known quirks

None yet.
"""
_TESTS = '''"""__Name__ with recorded traffic: the calls it makes, what it makes of answers, and the events it reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.connecting import bare, connect_with
from integrations.declarations import faults, unusable
from integrations.errors import IntegrationError
from integrations.specs import Action, Call

from ..connector import __Class__

HERE = Path(__file__).parent


def connected(answer: str, seen: list[httpx.Request]) -> Any:
    """Return the connector behind a network that gives one recorded answer."""
    recorded = json.loads((HERE / "answers" / f"{answer}.json").read_text())

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        assert f"{request.method} {request.url.path}" == recorded["request"]
        return httpx.Response(recorded["status"], json=recorded["body"])

    call = Call(idempotency_key="key-1")
    return connect_with(__Class__, {"api_key": "a-secret-key"}, call=call, transport=httpx.MockTransport(handle))


def test_its_declaration_holds() -> None:
    assert unusable(__Class__) is None and faults(__Class__) == []


def test_the_connection_test_says_who_we_are() -> None:
    seen: list[httpx.Request] = []
    result = connected("test_connection__200", seen).call_handler("test_connection")
    assert result.success and result.message == "Signed in as Ada."
    assert seen[0].headers["Authorization"] == "Bearer a-secret-key"


def test_a_reply_is_sent_once() -> None:
    seen: list[httpx.Request] = []
    action = Action("send_reply", {"message_id": 7, "text": "Hi"})
    result = connected("send_reply__201", seen).execute(action)
    assert result.data == {"id": 70}
    assert json.loads(seen[0].content) == {"text": "Hi"} and seen[0].headers["Idempotency-Key"] == "key-1"


@pytest.mark.parametrize(
    ("answer", "do"),
    [
        ("send_reply__404", lambda it: it.execute(Action("send_reply", {"message_id": 7, "text": "Hi"}))),
        ("test_connection__401", lambda it: it.call_handler("test_connection")),
    ],
)
def test_failures_say_why_and_keep_the_secret(answer: str, do: Callable[[Any], Any]) -> None:
    with pytest.raises(IntegrationError) as caught:
        do(connected(answer, []))
    assert caught.value.message and "a-secret-key" not in caught.value.message


def test_a_message_is_an_event() -> None:
    _, _, body = (HERE / "requests" / "message_created.http").read_bytes().partition(b"\\n\\n")
    [event] = bare(__Class__).handle_webhook(json.loads(body))
    assert (event.type, event.external_id) == ("message.created", "7")
    assert event.payload == dict(__Class__.events[0].sample)


@pytest.mark.parametrize("payload", [{}, [], None, "text", {"type": "something.else"}])
def test_odd_payloads_are_no_events(payload: Any) -> None:
    assert bare(__Class__).handle_webhook(payload) == []
'''
_REQUEST = """Content-Type: application/json
Webhook-Id: msg_1

{"type": "message.created", "message": {"id": 7, "text": "Hello"}}"""
_ANSWERS = {
    "test_connection__200": '{"request": "GET /v1/me", "status": 200, "body": {"account_id": 1, "name": "Ada"}}\n',
    "test_connection__401": '{"request": "GET /v1/me", "status": 401, "body": {"message": "Who are you?"}}\n',
    "send_reply__201": '{"request": "POST /v1/messages/7/replies", "status": 201, "body": {"id": 70}}\n',
    "send_reply__404": '{"request": "POST /v1/messages/7/replies", "status": 404, "body": {"message": "No message"}}\n',
}


def files_of(key: str, name: str) -> Iterator[tuple[Path, str]]:
    """Yield the path below the connector's folder and the text of each of its files."""
    texts = {
        "__init__.py": "",
        "schemas.py": _SCHEMAS,
        "client.py": _CLIENT,
        "connector.py": _CONNECTOR,
        "README.md": _README,
        "tests/__init__.py": "",
        f"tests/test_{key}.py": _TESTS,
        "tests/requests/message_created.http": _REQUEST,
        **{f"tests/answers/{answer}.json": text for answer, text in _ANSWERS.items()},
    }
    marks = {"__Class__": "".join(part.capitalize() for part in key.split("_")), "__Name__": name, "__key__": key}
    for path, text in texts.items():
        for mark, value in marks.items():
            text = text.replace(mark, value)
        yield Path(path), text
