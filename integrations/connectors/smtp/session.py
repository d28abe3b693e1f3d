"""A connection to a mail server: to a checked address, encrypted where that is asked for, and over in time.

On the standard library's SMTP client, with another socket and another way of reading: that client connects to names,
reads answers without an end, and would take what a stranger slipped in before the encryption for what came after it.
"""

import contextlib
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

from integrations.connectors.smtp.schemas import SmtpCredentials
from integrations.transport import open_connection, tls_context

MOST_OF_A_LINE, MOST_LINES = 8192, 200
_CHUNK = 4096


class TimeOver(OSError):
    """The time for the whole conversation is over."""


class UnsafeAnswer(smtplib.SMTPException):
    """The server, or somebody in between, sends what it must not."""


class Session(smtplib.SMTP):
    """A conversation with one server, which ends at `ends_at` (of the monotonic clock)."""

    def __init__(self, credentials: SmtpCredentials, client_name: str, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._unread = b""
        self._is_tls_from_start = credentials.security == "tls"
        # Without a host: connecting is `open`'s, which knows what the answer means.
        super().__init__(local_hostname=client_name, timeout=seconds)
        self._host = credentials.host

    def open(self, port: int) -> None:
        """Connect and read the greeting. Raises what connecting raises, and SMTPConnectError for a refusal."""
        code, said = self.connect(self._host, port)
        if code != 220:
            self.close()
            raise smtplib.SMTPConnectError(code, said)

    def start_tls(self) -> None:
        """Encrypt the connection. Raises SMTPNotSupportedError where the server does not offer that."""
        self.ehlo_or_helo_if_needed()
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS")
        code, said = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, said)
        if self._unread:
            # Taken for answers from within the encryption it would let a man in the middle speak for the server.
            raise UnsafeAnswer("the server sent more before the encryption than it was asked for")
        self.sock = self._encrypted(self._socket())
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    # --- what the standard client calls ----------------------------------------------------------------------
    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        connection = open_connection(host, port, self._left())
        return self._encrypted(connection) if self._is_tls_from_start else connection

    def send(self, s: Any) -> None:
        """Send bytes or ASCII text, within what is left of the time."""
        connection = self._socket()
        connection.settimeout(self._left())
        try:
            connection.sendall(s.encode(self.command_encoding) if isinstance(s, str) else s)
        except OSError:
            self.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """Return code and text of the server's answer. Raises SMTPServerDisconnected, UnsafeAnswer and OSError."""
        texts = []
        for _ in range(MOST_LINES):
            line = self._line()
            if not line[:3].isdigit():
                self.close()
                raise UnsafeAnswer(f"the server's answer is none of SMTP: {line[:80]!r}")
            texts.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(texts)
        self.close()
        raise UnsafeAnswer(f"the server's answer has more than {MOST_LINES} lines")

    # --- sockets ---------------------------------------------------------------------------------------------
    def _socket(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        return self.sock

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            if len(self._unread) > MOST_OF_A_LINE:
                self.close()
                raise UnsafeAnswer("a line of the server's answer is too long")
            connection = self._socket()
            connection.settimeout(self._left())
            try:
                came = connection.recv(_CHUNK)
            except OSError:
                self.close()
                raise
            if not came:
                self.close()
                raise smtplib.SMTPServerDisconnected("the server closed the connection")
            self._unread += came
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _encrypted(self, connection: socket.socket) -> ssl.SSLSocket:
        try:
            connection.settimeout(self._left())
            return tls_context().wrap_socket(connection, server_hostname=self._host)
        except BaseException:
            connection.close()
            raise

    def _left(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            self.close()
            raise TimeOver("the time for this call is over")
        return left


@contextlib.contextmanager
def session_of(credentials: SmtpCredentials, client_name: str, seconds: float) -> Iterator[Session]:
    """Give a session that is encrypted and signed in as the credentials say, and say good-bye afterwards."""
    session = Session(credentials, client_name, seconds)
    try:
        session.open(credentials.server_port)
        if credentials.security == "starttls":
            session.start_tls()
        session.ehlo_or_helo_if_needed()
        if credentials.username is not None and credentials.password is not None:
            session.login(credentials.username, credentials.password)
        yield session
        with contextlib.suppress(OSError, smtplib.SMTPException):
            session.quit()
    finally:
        session.close()
