"""A test call of an integration type: what would be sent, what came back, and what an action makes of it.

Nothing is stored but the audit entry. Credentials are those of an integration of the type, or given for this call.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
from django.db import transaction

from audit.recording import record
from integrations import http, lifecycle
from integrations.base import BaseIntegration
from integrations.connecting import connect_with
from integrations.credentials import open_credentials, secret_values
from integrations.errors import IntegrationError
from integrations.lifecycle import Problem, Refused
from integrations.models import Integration, IntegrationType
from integrations.own_types import connector_of_type
from integrations.sandbox_platform.transport import sandbox_transport
from integrations.specs import Action, Call, Result
from integrations.type_documents import TypeDocument
from supportops import odd_json
from supportops.ids import new_id
from supportops.redaction import MASK, Redactor, names_secret, secrets_named_in
from supportops.tenancy.scope import current_organization_id

# How much of a body is shown.
MOST_SHOWN = 16 * 1024
TEST = "test_connection"


@dataclass
class Trial:
    """One test call. `exchanges` are the requests with their answers, in order; everything is masked."""

    result: Result
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    latency_ms: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {**self.result.as_dict(), "exchanges": self.exchanges, "latency_ms": self.latency_ms}


def try_type(
    row: IntegrationType,
    action: str,
    parameters: Mapping[str, Any],
    *,
    credentials: Mapping[str, Any] | None = None,
    integration: str | None = None,
) -> Trial:
    """Make a test call with an action of a type (`test_connection` for its test). Raises Refused.

    What fails at the platform is an answer with `success: false`. Stored credentials are those of `integration` (a
    name or an id), else of the only one there is.
    """
    connector = connector_of_type(TypeDocument.model_validate(row.document))
    if connector is None:
        raise Refused([Problem("", "unknown_module", f"The module '{row.module}' is not installed.")])
    given = lifecycle.checked_credentials(connector, credentials) if credentials is not None else None
    data = lifecycle.checked_parameters(connector, action, parameters)
    values = given if given is not None else _stored(row, connector, integration)
    redactor = Redactor([*secret_values(connector, values), *secrets_named_in(parameters)])
    recorder = _Recorder()
    began = time.monotonic()
    call = Call(organization_id=str(current_organization_id()), action=action, idempotency_key=str(new_id()))
    try:
        instance = connect_with(connector, values, {}, call=call, transport=recorder)
        if data is None:
            result = instance.call_handler(TEST)
        else:
            result = instance.execute(Action(action, data.model_dump(exclude_unset=True)))
    except IntegrationError as failure:
        result = Result(False, failure.message, failure.data)
    shown = Result(result.success, redactor.text(result.message), redactor.value(result.data))
    trial = Trial(shown, recorder.shown(redactor), round((time.monotonic() - began) * 1000))
    with transaction.atomic():
        changes = {"action": action, "parameters": redactor.value(dict(parameters)), "success": shown.success}
        record("integration_type.tried", row, changes={**changes, "message": shown.message})
    return trial


def _stored(row: IntegrationType, connector: type[BaseIntegration], reference: str | None) -> dict[str, Any]:
    rows = list(Integration.objects.filter(platform=row.key))
    if reference:
        rows = [item for item in rows if reference in (item.name, str(item.pk))]
    if len(rows) == 1:
        return open_credentials(rows[0])
    if not rows and not reference and not any(spec.required for spec in connector.secrets):
        return {}
    detail = "Give `credentials` for this call, or name an integration of this type as `integration`."
    raise Refused([Problem("integration", "required" if not reference else "unknown_integration", detail)])


class _Recorder(httpx.BaseTransport):
    """Passes requests on to the guarded transport and keeps what went to and fro."""

    def __init__(self) -> None:
        self._seen: list[tuple[httpx.Request, _Answer]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # The answer is shown as it is, so it must not be packed.
        request.headers["Accept-Encoding"] = "identity"
        answer = _Answer()
        self._seen.append((request, answer))
        response = (sandbox_transport() or http.shared_transport()).handle_request(request)
        answer.status, answer.headers = response.status_code, list(response.headers.multi_items())
        if isinstance(response.stream, httpx.SyncByteStream):
            answer.stream = response.stream
            response.stream = answer
        return response

    def shown(self, redactor: Redactor) -> list[dict[str, Any]]:
        """Return the exchanges, without the call's secrets."""
        return [
            {
                "request": {
                    "method": request.method,
                    "url": _url(request.url, redactor),
                    "headers": _headers(request.headers.multi_items(), redactor),
                    "body": _text(request.content, request.headers.get("content-type", ""), redactor),
                },
                "answer": {
                    "status": answer.status,
                    "headers": _headers(answer.headers, redactor),
                    "body": _text(bytes(answer.kept), "", redactor),
                }
                if answer.status is not None
                else None,
            }
            for request, answer in self._seen
        ]


class _Answer(httpx.SyncByteStream):
    """An answer's body, the beginning of which is kept while it is read."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self.kept = bytearray()
        self.stream: httpx.SyncByteStream = httpx.ByteStream(b"")

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.stream:
            # More than is shown, so that a secret at the cut is seen whole.
            if len(self.kept) < 2 * MOST_SHOWN:
                self.kept += chunk[: 2 * MOST_SHOWN - len(self.kept)]
            yield chunk

    def close(self) -> None:
        self.stream.close()


def _headers(items: Any, redactor: Redactor) -> dict[str, str]:
    hidden = ("authorization", "cookie", "set-cookie", "proxy-authorization")
    return {
        name.lower(): MASK if name.lower() in hidden or names_secret(name) else redactor.text(value)
        for name, value in items
    }


def _text(body: bytes, content_type: str, redactor: Redactor) -> str:
    """Return the beginning of a body as text: masked by value, and by name in JSON and in forms."""
    text = body.decode("utf-8", "replace")
    if content_type.startswith("application/x-www-form-urlencoded"):
        return _pairs(text, redactor)[:MOST_SHOWN]
    try:
        text = odd_json.dumps(redactor.value(odd_json.loads(text))).decode()
    except odd_json.MalformedJson:
        text = redactor.text(text)
    return text[:MOST_SHOWN]


def _pairs(query: str, redactor: Redactor) -> str:
    """Return a query or form, decoded so that it can be read, without secrets."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(f"{name}={MASK if names_secret(name) else redactor.text(value)}" for name, value in pairs)


def _url(url: httpx.URL, redactor: Redactor) -> str:
    query = url.query.decode("ascii", "replace")
    plain = redactor.text(str(url.copy_with(query=None)))
    return f"{plain}?{_pairs(query, redactor)}" if query else plain
