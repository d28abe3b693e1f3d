"""HTTP: one request to any public address, without an account of ours."""

import base64
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.http.outgoing import call, error_for
from integrations.connectors.http.schemas import HttpRequest
from integrations.errors import IntegrationError
from integrations.specs import CREATES, READS, SETS, ActionSpec, Effect, Result
from supportops import odd_json

if TYPE_CHECKING:
    from integrations.http import Response

# RFC 9110, section 9.2.2: what may be sent again without a second effect.
_EFFECTS = {"GET": READS, "HEAD": READS, "OPTIONS": READS, "PUT": SETS, "DELETE": SETS}


def effect_of(data: HttpRequest) -> Effect:
    return _EFFECTS.get(data.method, CREATES)


class Http(BaseIntegration):
    key, name = "http", "HTTP"
    description = "Calls any public address; needs no account."
    is_generic = True
    signature = None
    actions = [
        ActionSpec(
            "http_request",
            "Make an HTTP request; later steps see its status, headers and body.",
            model=HttpRequest,
            handler="http_request",
            effect_of=effect_of,
            goes_to=attrgetter("url"),
            label="HTTP request",
        )
    ]

    def test_connection(self) -> Result:
        """There is no account that could be wrong."""
        return Result(True, "HTTP requests need no account.")

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    def http_request(self, data: HttpRequest) -> Result:
        headers = {name: str(value) for name, value in data.headers.items()}
        names = {name.lower() for name in headers}
        content: bytes | None = None
        if data.json_body is not None or isinstance(data.body, (dict, list, int, float)):
            content = odd_json.dumps(data.body if data.json_body is None else data.json_body)
            kind = "application/json"
        elif isinstance(data.body, str):
            content, kind = data.body.encode(), "text/plain; charset=utf-8"
        if content is not None and "content-type" not in names:
            headers["Content-Type"] = kind
        if data.auth is not None:
            pair = f"{data.auth.username}:{data.auth.password}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            self.http.add_secret(data.auth.password)
        form: dict[str, Any] | None = data.form
        return call(
            self.http,
            data.method,
            data.url,
            data.expected_status,
            params=data.params or None,
            headers=headers or None,
            content=content,
            data=form,
            timeout=data.timeout,
            # What the author sends along may be a secret, and is meant for this host alone.
            follow=data.method in ("GET", "HEAD") and not headers and not self.call.secrets,
        )
