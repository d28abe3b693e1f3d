"""Mails to a real server: what arrives there, and who is never spoken to."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from integrations.connecting import connect_with
from integrations.connectors.smtp.connector import Smtp
from integrations.connectors.smtp.schemas import SmtpCredentials
from integrations.credentials import place_fields, secret_fields
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    Permanent,
    Unreachable,
)
from integrations.specs import Action, Call, File, Result
from supportops import clock
from tests.integrations.certificates import self_signed
from tests.integrations.raw_server import RawServer
from tests.integrations.smtp.conftest import PASSWORD, USER, MailServer

Start = Callable[..., MailServer]
ROOT = Path(__file__).resolve().parents[3]
STEP = "01a1b1d2-73e4-7f00-8a1b-2c2d3e4f6071"
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SENDER = "Support <support@acme.example>"
MAIL = {"to": "ana@example.com", "subject": "Hi", "body": "Hello"}
SIGNED_IN = {"username": USER, "password": PASSWORD}
FILES = {"report.pdf": File("report.pdf", b"%PDF\r\n.\r\n", "application/pdf")}


def send(
    server: MailServer, parameters: dict[str, Any], credentials: dict[str, Any], config: dict[str, Any] | None = None
) -> Result:
    whole = {"host": "localhost", "port": server.port, "security": "none", "from_address": SENDER, **credentials}
    call = Call(idempotency_key=STEP, deadline=10, files=FILES)
    with clock.frozen(NOW):
        return connect_with(Smtp, whole, config, call=call).execute(Action("send_email", parameters))


# --- what arrives ---------------------------------------------------------------------------------------------
def test_a_mail_arrives_encrypted_and_signed_in(mail_server: Start, certificate: Path) -> None:
    server = mail_server(certificate, security="starttls", signs_in=True)
    result = send(server, MAIL, {**SIGNED_IN, "security": "starttls"})
    [mail], [envelope], [session] = server.mails, server.envelopes, server.sessions
    assert session.ssl is not None and session.authenticated
    assert (envelope.mail_from, envelope.rcpt_tos) == ("support@acme.example", ["ana@example.com"])
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, "ana@example.com", "Hi")
    assert mail["Message-ID"] == result.data["message_id"] == f"<{STEP}@acme.example>"
    assert mail["Date"].datetime == NOW and mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().splitlines() == ["Hello"]
    assert result.data == {"message_id": f"<{STEP}@acme.example>", "recipients": 1, "refused": []}


def test_tls_from_the_start(mail_server: Start, certificate: Path) -> None:
    server = mail_server(certificate, security="tls", signs_in=True)
    assert send(server, MAIL, {**SIGNED_IN, "security": "ssl"}).success
    assert len(server.mails) == 1


def test_everything_that_a_mail_can_have(mail_server: Start) -> None:
    server = mail_server()
    parameters = {
        "to": ["Ana Größer <ana@example.com>", "Bo <bo@exämple.com>"],
        "cc": "ANA@example.com, cy@example.com",
        "bcc": "dee@example.com",
        "from": '"Byron, Ada" <ada@acme.example>',
        "reply_to": "tickets@acme.example",
        "subject": "Zahlung schlägt fehl ☃ " + "x" * 200,
        "body": "Grüße\n.\n" + "y" * 2000,
        "html": "<b>Grüße</b>",
        "attachments": [
            "report.pdf",
            {"content": "a,b", "filename": "Größe.csv"},
            {"content": "x", "filename": "x.eml"},
        ],
    }
    result = send(server, parameters, {}, {"default_reply_to": "other@acme.example"})
    [mail], [envelope] = server.mails, server.envelopes
    assert envelope.rcpt_tos == ["ana@example.com", "bo@xn--exmple-cua.com", "cy@example.com", "dee@example.com"]
    assert envelope.mail_from == "ada@acme.example" and result.data["recipients"] == 4
    assert [(address.display_name, address.addr_spec) for address in mail["To"].addresses] == [
        ("Ana Größer", "ana@example.com"),
        ("Bo", "bo@xn--exmple-cua.com"),
    ]
    assert mail["Cc"] == "cy@example.com" and "dee" not in str(mail) and mail["Bcc"] is None
    assert mail["From"].addresses[0].display_name == "Byron, Ada"
    assert (mail["Reply-To"], mail["Subject"]) == ("tickets@acme.example", parameters["subject"])
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and text.get_content().splitlines() == ["Grüße", ".", "y" * 2000]
    assert html is not None and html.get_content().splitlines() == ["<b>Grüße</b>"]
    pdf, csv, eml = mail.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content_type(), pdf.get_content()) == (
        "report.pdf",
        "application/pdf",
        b"%PDF\r\n.\r\n",
    )
    assert (csv.get_filename(), csv.get_content_type()) == ("Größe.csv", "text/csv")
    assert eml.get_content_type() == "application/octet-stream"
    assert isinstance(envelope.content, bytes)
    assert envelope.content.isascii() and max(map(len, envelope.content.split(b"\r\n"))) <= 998


def test_html_alone_and_the_configurations_reply_address_and_name(mail_server: Start) -> None:
    server = mail_server()
    config = {"default_reply_to": "Tickets <tickets@acme.example>", "client_name": "mail.acme.example"}
    send(server, {"to": "ana@example.com", "subject": "Hi", "html": "<i>Hello</i>"}, {}, config)
    [mail], [session] = server.mails, server.sessions
    assert mail.get_content_type() == "text/html" and mail["Reply-To"] == "Tickets <tickets@acme.example>"
    assert session.host_name == "mail.acme.example"


def test_every_attempt_at_a_step_has_the_same_id(mail_server: Start) -> None:
    server = mail_server()
    for _ in range(2):
        send(server, MAIL, {})
    assert len({mail["Message-ID"] for mail in server.mails}) == 1 and len(server.mails) == 2


@pytest.mark.parametrize(
    "parameters",
    [
        {"subject": "Hi\r\nBcc: eve@evil.example"},
        {"to": "ana@example.com\r\nRCPT TO:<eve@evil.example>"},
        {"cc": ["Ana\nX: y <ana@example.com>"]},
        {"to": "größe@example.com"},
        {"from": "a@" + "x" * 70 + ".exämple"},
    ],
)
def test_nothing_is_slipped_into_headers_or_commands(mail_server: Start, parameters: dict[str, Any]) -> None:
    server = mail_server()
    with pytest.raises(InvalidInput):
        send(server, {**MAIL, **parameters}, {})
    assert server.envelopes == []


# --- who is not spoken to -------------------------------------------------------------------------------------
def test_a_certificate_must_be_trusted_and_for_the_host(mail_server: Start, certificate: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(self_signed("localhost"))
    for pem, host in ((other, "localhost"), (certificate, "127.0.0.1")):
        for security in ("starttls", "tls"):
            server = mail_server(pem, security=security, signs_in=True)
            with pytest.raises(Permanent, match="certificate"):
                send(server, MAIL, {**SIGNED_IN, "security": security, "host": host})
            assert server.envelopes == []


def test_wrong_credentials_are_told_without_them(mail_server: Start, certificate: Path) -> None:
    server = mail_server(certificate, security="starttls", signs_in=True)
    with pytest.raises(CredentialsRejected) as caught:
        send(server, MAIL, {"username": USER, "password": "wrong-password", "security": "starttls"})
    assert "535" in caught.value.message and "wrong-password" not in caught.value.message


def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        for host in ("127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "0x7f.1"):
            instance = connect_with(Smtp, {"host": host, "from_address": SENDER}, call=Call(deadline=3))
            with pytest.raises((Forbidden, Unreachable)) as caught:
                instance.execute(Action("send_email", MAIL))
            if host != "0x7f.1":
                assert type(caught.value) is Forbidden and "SUPPORTOPS_OUTBOUND_ALLOW" in caught.value.message
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    "credentials",
    [
        {"port": 6379},
        {"port": 80},
        {"port": 0},
        {"security": "none", **SIGNED_IN},
        {"username": "ops"},
        {"password": "x"},
        {"security": "maybe"},
        {"host": "smtp://mail.example"},
        {"host": "mail.example:25"},
        {"host": "mail.example\r\nX"},
        {"host": "/var/run/mail.sock"},
        {"host": ""},
        {"from_address": "nobody"},
        {"username": "a\r\nMAIL FROM:<x@y>", "password": "x"},
    ],
)
def test_credentials_that_lead_elsewhere_are_refused(credentials: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        connect_with(Smtp, {"host": "mail.example", "from_address": SENDER, **credentials})


def test_an_operator_can_allow_a_port_and_a_password_in_the_clear(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["mail.example:1025"]
    credentials = {"host": "mail.example", "port": 1025, "security": "none", "from_address": SENDER, **SIGNED_IN}
    connect_with(Smtp, credentials)
    with pytest.raises(InvalidInput, match=r"SUPPORTOPS_OUTBOUND_ALLOW=mail\.example:1026"):
        connect_with(Smtp, {**credentials, "port": 1026})


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_a_port_has_its_usual_number(security: str, port: int) -> None:
    credentials = SmtpCredentials(host="mail.example", security=security, from_address=SENDER, port=" ")
    assert credentials.server_port == port


def test_server_port_and_encryption_are_places_that_secrets_are_bound_to() -> None:
    assert place_fields(Smtp) == {"host", "port", "security"} and secret_fields(Smtp) == {"password"}


# --- time -----------------------------------------------------------------------------------------------------
def test_a_server_that_drips_does_not_hold_us(settings: Settings) -> None:
    stopped = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while not stopped.wait(0.05):
                try:
                    connection.sendall(b"2")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        credentials = {"host": "127.0.0.1", "port": port, "security": "none", "from_address": SENDER}
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"time for this call is over|timed out"):
            connect_with(Smtp, credentials, call=Call(deadline=0.6)).execute(Action("send_email", MAIL))
        assert time.monotonic() - began < 3
        stopped.set()


def test_nobody_there_is_unreachable(settings: Settings) -> None:
    with RawServer(b"") as server:
        port = server.port
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
    credentials = {"host": "127.0.0.1", "port": port, "security": "none", "from_address": SENDER}
    with pytest.raises(Unreachable, match="No mail was sent"):
        connect_with(Smtp, credentials, call=Call(deadline=3)).execute(Action("send_email", MAIL))


# --- connection test, second wall -----------------------------------------------------------------------------
def test_the_connection_test_signs_in_and_sends_nothing(mail_server: Start, certificate: Path) -> None:
    server = mail_server(certificate, security="starttls", signs_in=True)
    credentials = {"host": "localhost", "port": server.port, "from_address": SENDER, **SIGNED_IN}
    result = connect_with(Smtp, credentials, call=Call(deadline=10)).execute(Action("test_connection", {}))
    assert result.success and USER in result.message and server.envelopes == []


WALLED = """
import json, smtplib, sys
import django
django.setup()
from django.conf import settings
from integrations import second_wall
from integrations.connecting import connect_with
from integrations.connectors.smtp.connector import Smtp
from integrations.specs import Action
credentials = json.loads(sys.argv[1])
place = f"{credentials['host']}:{credentials['port']}"
settings.OUTBOUND_ALLOW = [place]
second_wall.install([])
mail = Action("send_email", {"to": "ana@example.com", "subject": "Hi", "body": "Hello"})
ours = connect_with(Smtp, credentials)
for call, allowed in (
    (lambda: ours.execute(mail), [place]),
    (lambda: ours.execute(mail), []),
    (lambda: smtplib.SMTP(credentials["host"], credentials["port"], timeout=5).quit(), []),
):
    settings.OUTBOUND_ALLOW = allowed
    try:
        call()
        print("passed")
    except Exception as error:
        print(type(error).__name__)
"""


def test_the_wall_lets_checked_addresses_pass_and_no_others(mail_server: Start) -> None:
    server = mail_server()
    credentials = {"host": "127.0.0.1", "port": server.port, "security": "none", "from_address": SENDER}
    command = [sys.executable, "-c", WALLED, json.dumps(credentials)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.split() == ["passed", "Forbidden", "ConnectionBlocked"]
    assert len(server.envelopes) == 1
