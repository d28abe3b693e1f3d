"""Recorded traffic of platforms: requests that they send to us, and their answers to our calls.

* ``tests/integrations/<key>/requests/<event>.http``: headers, a blank line, the exact body. The bytes after the blank
  line are the body, to the end of the file.
* ``tests/integrations/<key>/answers/<action>__<status>.json`` (or ``<action>__<status>__<note>.json``): one exchange or
  a list of them in the order of the calls::

      {"request": "POST /api/v2/tickets", "status": 201, "headers": {"Retry-After": "7"}, "body": {...}}

  `request` is method, path and query, and is checked. `status` is 200 when it is left out, `headers` may be; a body
  that is text goes out as it is. A `raise` instead of a status names an httpx error: ``"raise": "ReadTimeout"``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import httpx
import pytest

from integrations.base import BaseIntegration
from integrations.connecting import bare, connect_with
from integrations.signatures import Signature
from integrations.specs import Call, Event, WebhookRequest
from supportops import odd_json

HERE = Path(__file__).parent
PUBLIC_URL = "https://supportops.example/api/webhooks/"


@dataclass(frozen=True)
class RecordedRequest:
    """A request as a platform sent it. Header names are lower case."""

    name: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        """What `handle_webhook` gets: the body, parsed once."""
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        return odd_json.loads(self.body) if self.body.strip() else {}

    def as_request(self, *, url: str = PUBLIC_URL, headers: Mapping[str, str] | None = None) -> WebhookRequest:
        """The request at one of our addresses, with `headers` on top of its own."""
        more = {name.lower(): value for name, value in (headers or {}).items()}
        return WebhookRequest("POST", url, {**self.headers, **more}, self.body)

    def signed(
        self,
        signature: Signature,
        secret: str,
        *,
        now: datetime | None = None,
        url: str = PUBLIC_URL,
        delivery_id: str = "msg_recorded",
        options: Mapping[str, Any] | None = None,
    ) -> WebhookRequest:
        """The request with the headers that its sender would add with `secret`."""
        headers = signature.sign(
            self.body, secret, now or datetime.now(UTC), url=url, delivery_id=delivery_id, options=options
        )
        return self.as_request(url=url, headers=headers)


def request(key: str, name: str) -> RecordedRequest:
    """The recorded request `name` of the platform `key`."""
    raw = (HERE / key / "requests" / f"{name}.http").read_bytes()
    head, separator, body = raw.partition(b"\n\n")
    assert separator, f"{key}/requests/{name}.http has no blank line between headers and body"
    lines = (line.partition(":") for line in head.decode().splitlines())
    return RecordedRequest(name, {header.strip().lower(): value.strip() for header, _, value in lines}, body)


def request_names(key: str) -> list[str]:
    """The names of all recorded requests of a platform: for ``pytest.mark.parametrize``."""
    return sorted(path.stem for path in (HERE / key / "requests").glob("*.http"))


def handle(connector: type[BaseIntegration], recorded: RecordedRequest) -> list[Event]:
    """The events that the connector, without secrets, finds in a recorded request."""
    instance = bare(connector)
    instance.request = recorded.as_request()
    events = instance.handle_webhook(recorded.payload)
    return [events] if isinstance(events, Event) else list(events)


@dataclass(frozen=True)
class Exchange:
    """A call that we are expected to make, and what comes back."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Read one exchange of an answers' file."""
        unknown = set(values) - {"request", "status", "headers", "body", "raise"}
        assert not unknown, f"an exchange has no {sorted(unknown)}"
        method, _, target = values["request"].partition(" ")
        url, body = httpx.URL(f"https://platform.example{target}"), values.get("body")
        return cls(
            method,
            url.path,
            tuple(sorted(url.params.multi_items())),
            values.get("status", 200),
            {"Content-Type": "application/json", **values.get("headers", {})},
            b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode(),
            values.get("raise", ""),
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.error:
            raise getattr(httpx, self.error)("recorded", request=request)
        return httpx.Response(self.status, headers=dict(self.headers), content=self.body, request=request)


def exchanges(key: str, name: str) -> list[Exchange]:
    """The recorded exchanges `name` of the platform `key`."""
    values = json.loads((HERE / key / "answers" / f"{name}.json").read_text(encoding="utf-8"))
    return [Exchange.read(value) for value in (values if isinstance(values, list) else [values])]


def answer_names(key: str, start: str = "") -> list[str]:
    """The names of all recorded answers of a platform that start with `start`."""
    return sorted(path.stem for path in (HERE / key / "answers").glob(f"{start}*.json"))


def parts_of(request: httpx.Request) -> list[tuple[str, str | None, bytes]]:
    """The parts of a form that was sent: name, file name, content."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.content)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            bytes(part.get_payload(decode=True) or b""),
        )
        for part in message.iter_parts()
    ]


class FakePlatform:
    """A platform that answers the planned calls in their order, and fails the test for any other.

    ``with FakePlatform.of("zendesk", "create_ticket__201") as platform:`` checks at the end that each planned call
    was made. `requests` keeps what came, `sent(n)` is the JSON body of the n-th.
    """

    def __init__(self, planned: Iterable[Exchange | Mapping[str, Any]]) -> None:
        self.planned = [item if isinstance(item, Exchange) else Exchange.read(item) for item in planned]
        self.requests: list[httpx.Request] = []
        self.complaints: list[str] = []

    @classmethod
    def of(cls, key: str, *names: str) -> Self:
        """A platform that answers by the recorded exchanges `names`, one after the other."""
        return cls(exchange for name in names for exchange in exchanges(key, name))

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def sent(self, position: int = -1) -> Any:
        """The JSON body of a request that came."""
        body = self.requests[position].content
        return json.loads(body) if body else None

    def connect(
        self,
        connector: type[BaseIntegration],
        credentials: Mapping[str, Any],
        config: Mapping[str, Any] | None = None,
        *,
        call: Call | None = None,
    ) -> Any:
        """The connector, signed in at this platform."""
        return connect_with(connector, dict(credentials), dict(config or {}), call=call, transport=self.transport)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        position = len(self.requests)
        self.requests.append(request)
        came = f"{request.method} {request.url.raw_path.decode()}"
        if position >= len(self.planned):
            # Kept beside the exception, since handlers' exceptions become failures of the action.
            self.complaints.append(f"unplanned call: {came}")
            raise AssertionError(self.complaints[-1])
        plan = self.planned[position]
        params = tuple(sorted(request.url.params.multi_items()))
        if (request.method, request.url.path, params) != (plan.method, plan.path, plan.params):
            wanted = f"{plan.method} {plan.path}" + (f" with {dict(plan.params)}" if plan.params else "")
            self.complaints.append(f"call {position + 1} was {came}, planned was {wanted}")
            raise AssertionError(self.complaints[-1])
        return plan.answer(request)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.complaints:
            pytest.fail("; ".join(self.complaints))
        if error is None and len(self.requests) < len(self.planned):
            missing = self.planned[len(self.requests)]
            pytest.fail(f"never called: {missing.method} {missing.path}")


def shape(value: Any) -> Any:
    """The form of a JSON value without its contents: keys and types. A list has the form of its first item.

    ``None`` fits everything, so it is left to `same_shape`.
    """
    if isinstance(value, Mapping):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "null" if value is None else "number" if type(value) in (int, float) else type(value).__name__


def same_shape(one: Any, other: Any, at: str = "") -> list[str]:
    """What differs in form between two JSON values, as sentences; empty: nothing.

    A null fits anything and an empty list any list, since a sample need not have the same optional values.
    """
    a, b = shape(one), shape(other)
    return list(_differences(a, b, at))


def _differences(a: Any, b: Any, at: str) -> Iterable[str]:
    if "null" in (a, b):
        return
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) ^ set(b)):
            yield f"{at}{key} stands only in the {'first' if key in a else 'second'}"
        for key in sorted(set(a) & set(b)):
            yield from _differences(a[key], b[key], f"{at}{key}.")
    elif isinstance(a, list) and isinstance(b, list):
        if a and b:
            yield from _differences(a[0], b[0], f"{at}0.")
    elif a != b:
        yield f"{at.rstrip('.')} is {a} in the first and {b} in the second"
