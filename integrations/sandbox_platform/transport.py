"""The network of an organization that works in the sandbox: nothing that it sends leaves this process.

Its platforms are the played ones at `ORIGIN`; whatever goes anywhere else is kept, and answered with what was sent.
"""

import uuid
from urllib.parse import parse_qsl

import httpx
from django.db import InterfaceError, OperationalError, connection

from integrations.sandbox_platform import PLATFORMS, keeping
from integrations.sandbox_platform.exchange import Asked, Reply, parsed_body
from supportops import odd_json
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import current_organization_id, organization_in_scope, working_for

# A host that no name server knows: https://www.rfc-editor.org/rfc/rfc2606#section-2
ORIGIN = "https://sandbox.invalid"
_known: dict[uuid.UUID, bool] = {}


def works_in_sandbox(organization_id: str = "") -> bool:
    """Return whether an organization, else the one in scope, works in the sandbox. That never changes."""
    owner = uuid.UUID(organization_id) if organization_id else organization_in_scope()
    if owner is None:
        return False
    if owner not in _known:
        was_open = connection.connection is not None
        try:
            _known[owner] = Organization.objects.filter(pk=owner, works_in_sandbox=True).exists()
        finally:
            # Calls run in threads that hold no connection.
            if not was_open:
                connection.close()
    return _known[owner]


def sandbox_transport(organization_id: str = "") -> "SandboxTransport | None":
    """Return what takes the network's place for an organization, else for the one in scope; None where it is real."""
    if not works_in_sandbox(organization_id):
        return None
    return SandboxTransport(uuid.UUID(organization_id) if organization_id else current_organization_id())


class SandboxTransport(httpx.BaseTransport):
    """Hands requests to the played platforms of one organization."""

    def __init__(self, organization_id: uuid.UUID) -> None:
        self._organization_id = organization_id

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request. Raises httpx.ConnectError while the database cannot be asked."""
        was_open = connection.connection is not None
        try:
            with working_for(self._organization_id):
                reply = _answered(request)
        except (OperationalError, InterfaceError) as error:
            raise httpx.ConnectError(f"the sandbox is out of reach: {error}"[:300]) from error
        finally:
            if not was_open:
                connection.close()
        content = reply.body.encode() if isinstance(reply.body, str) else odd_json.dumps(reply.body)
        return httpx.Response(
            reply.status,
            headers={"Content-Type": "text/plain" if isinstance(reply.body, str) else "application/json"}
            | reply.headers,
            stream=httpx.ByteStream(b"" if reply.body is None or request.method == "HEAD" else content),
        )


def _answered(request: httpx.Request) -> Reply:
    url = request.url
    platform, _, rest = url.path.lstrip("/").partition("/")
    is_played = url.host == httpx.URL(ORIGIN).host
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = parsed_body(request.content, headers.get("content-type", ""))
    path = f"/{rest}".rstrip("/") or "/"
    query = dict(parse_qsl(url.query.decode(), keep_blank_values=True))
    if not is_played:
        asked = Asked(request.method, f"{url.scheme}://{url.netloc.decode()}{url.path}", query, headers, body, "")
        reply = Reply({"sandbox": True, "received": {"method": request.method, "body": body}}, has_effect=True)
        keeping.keep_arrival("http", asked, reply)
        return reply
    asked = Asked(request.method, path, query, headers, body, f"{ORIGIN}/{platform}")
    if platform in PLATFORMS:
        reply = keeping.answer(platform, asked)
    else:
        names = ", ".join(cls.name for cls in PLATFORMS.values())
        reply = Reply({"message": f"The sandbox plays {names}; this platform it cannot play."}, 404)
    keeping.keep_arrival(platform, asked, reply)
    return reply
