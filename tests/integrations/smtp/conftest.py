"""Real mail servers on the loopback, with certificates that this process trusts or does not."""

import ssl
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from pytest_django import Settings

from integrations import transport
from tests.integrations.certificates import self_signed

USER, PASSWORD = "ops@acme.example", "correct horse battery"


class MailServer:
    """Takes mails and keeps them: `envelopes`, and `mails` as they can be read."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.sessions: list[Session] = []
        self.controller: Any = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        self.sessions.append(session)
        return "250 2.0.0 Ok: queued"

    @property
    def port(self) -> int:
        return int(self.controller.server.sockets[0].getsockname()[1])

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(envelope.content, policy=default) for envelope in self.envelopes]  # type: ignore[arg-type, misc]


def _signed_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    is_good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_good, handled=False)


class _Controller(Controller):
    def _trigger_server(self) -> None:
        # The standard one knocks at the port that was asked for, which is none here.
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A certificate for localhost with its key, which this process trusts."""
    place = tmp_path / "localhost.pem"
    place.write_bytes(self_signed("localhost"))
    monkeypatch.setenv("SSL_CERT_FILE", str(place))
    transport.tls_context.cache_clear()
    yield place
    transport.tls_context.cache_clear()


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[Callable[..., MailServer]]:
    """Start a server: ``mail_server(pem, security="starttls", signs_in=True)``. The operator allows it."""
    running: list[Any] = []

    def start(pem: Path | None = None, *, security: str = "none", signs_in: bool = False) -> MailServer:
        context = None
        if pem is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
        server = MailServer()
        options: dict[str, Any] = {"authenticator": _signed_in, "auth_required": True} if signs_in else {}
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        elif security == "tls":
            options |= {"ssl_context": context, "auth_require_tls": False, "auth_required": False}
        server.controller = _Controller(server, hostname="127.0.0.1", port=0, ready_timeout=10, **options)
        server.controller.start()
        running.append(server.controller)
        settings.OUTBOUND_ALLOW = [f"localhost:{server.port}", f"127.0.0.1:{server.port}"]
        return server

    yield start
    for controller in running:
        controller.stop()
