"""A mail on its way to a server, and what the server's answers mean.

https://www.rfc-editor.org/rfc/rfc5321, sections 4.2 and 4.5.3; sign-in: https://www.rfc-editor.org/rfc/rfc4954.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from integrations.addresses import AddressRefused, NameNotResolved
from integrations.connectors.smtp.schemas import SmtpCredentials
from integrations.connectors.smtp.session import Session, UnsafeAnswer, session_of
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    Permanent,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.vendor_message import shortened

# Signing in is required, too weak or wrong; the mechanism or its strength is not taken.
_ABOUT_SIGNING_IN = frozenset({530, 534, 535, 538})
# The mailbox, the address, the size or a parameter: another mail would pass.
_ABOUT_THE_MAIL = frozenset({501, 504, 550, 551, 552, 553, 555})
_LINE_START_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class Refused:
    """A recipient that the server did not take."""

    address: str
    code: int
    message: str


class SmtpApi:
    """A mail server as one integration sees it. Connects for each mail, within `seconds` in all."""

    def __init__(
        self, credentials: SmtpCredentials, client_name: str, seconds: float, mask: Callable[[str], str] = str
    ) -> None:
        self._credentials, self._client_name, self._seconds, self._mask = credentials, client_name, seconds, mask

    def check(self) -> str:
        """Sign in and do nothing; return the server's greeting of us."""
        with self._session() as session:
            self._expect(session.noop(), 250)
            return shortened(self._mask(_text(session.ehlo_resp or session.helo_resp or b"")), 100)

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> list[Refused]:
        """Hand a mail over (lines end in CR LF) and return who was refused, where others were taken.

        Raises Uncertain where the mail had left us and no answer came.
        """
        with self._session() as session:
            self._refuse_too_large(session, content)
            options = [f"size={len(content)}"] if session.has_extn("size") else []
            self._expect(session.mail(sender, options), 250)
            refused = self._recipients(session, recipients)
            self._expect(session.docmd("DATA"), 354)
            session.send(_LINE_START_DOT.sub(b"..", content))
            self._end(session)
            return refused

    def _recipients(self, session: Session, recipients: Sequence[str]) -> list[Refused]:
        refused: list[Refused] = []
        for address in recipients:
            code, said = session.rcpt(address)
            if code == 421:
                self._fail(code, said)
            if code not in (250, 251, 252):
                refused.append(Refused(address, code, shortened(self._mask(_text(said)), 200)))
        if len(refused) == len(recipients):
            # One that may pass later decides: trying again then is not in vain.
            worst = min(refused, key=lambda item: item.code)
            error = _error_for(worst.code, worst.message)
            error.data = {"refused": as_data(refused)}
            raise error
        return refused

    def _end(self, session: Session) -> None:
        """Send the final dot. From here on only the server's answer tells what became of the mail."""
        try:
            session.send(b".\r\n")
            answer = session.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise Uncertain(
                "The mail was sent to the server, but no answer came. It may have been delivered.",
                detail=f"{type(error).__name__}: {self._mask(str(error))}",
                may_have_reached=True,
            ) from None
        self._expect(answer, 250)

    def _refuse_too_large(self, session: Session, content: bytes) -> None:
        most = session.esmtp_features.get("size", "")
        if most.isdigit() and 0 < int(most) < len(content):
            raise InvalidInput(f"The mail has {len(content)} bytes; the server takes at most {most}.")

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Give a session; whatever happens in it becomes one of our errors."""
        server = f"{self._credentials.host}:{self._credentials.server_port}"
        try:
            with session_of(self._credentials, self._client_name, self._seconds) as session:
                yield session
        except AddressRefused as error:
            raise Forbidden(f"SMTP: {error}") from None
        except NameNotResolved as error:
            raise Unreachable(f"SMTP: {error} Nothing was sent.") from None
        except smtplib.SMTPAuthenticationError as error:
            self._fail(error.smtp_code, error.smtp_error, CredentialsRejected)
        except smtplib.SMTPResponseException as error:
            self._fail(error.smtp_code, error.smtp_error)
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(f"The mail server {server} cannot do what is needed: {self._mask(str(error))}.") from None
        except UnsafeAnswer as error:
            raise Permanent(f"The conversation with {server} was ended: {self._mask(str(error))}.") from None
        except ssl.SSLCertVerificationError as error:
            raise Permanent(
                f"The certificate of {server} is not valid for {self._credentials.host}: {error.verify_message}."
            ) from None
        except ssl.SSLError as error:
            raise Permanent(f"No encrypted connection to {server} came about: {error.reason}.") from None
        except (OSError, smtplib.SMTPException) as error:
            # The final dot has not left us: what the server has of a mail it throws away.
            why = shortened(self._mask(str(error)), 150).rstrip(".")
            raise Unreachable(f"The conversation with {server} broke off: {why}. No mail was sent.") from None

    def _expect(self, answer: tuple[int, bytes], wanted: int) -> None:
        if answer[0] != wanted:
            self._fail(*answer)

    def _fail(self, code: int, said: bytes | str, sign_in: type[IntegrationError] | None = None) -> NoReturn:
        text = shortened(self._mask(_text(said)))
        if sign_in is not None and code >= 500:
            raise sign_in(f"The mail server refused the user name or password: {code} {text}", status_code=code)
        raise _error_for(code, text)


def as_data(refused: Sequence[Refused]) -> list[dict[str, object]]:
    """Return refused recipients as a step's output shows them."""
    return [{"address": item.address, "code": item.code, "message": item.message} for item in refused]


def _error_for(code: int, said: str) -> IntegrationError:
    """Return the error that a reply code means: 4xx may pass later, 5xx will not."""
    words = f"The mail server answered {code}: {said}"
    if 400 <= code < 500:
        return Unavailable(words, status_code=code)
    if code in _ABOUT_SIGNING_IN:
        return CredentialsRejected(words, status_code=code)
    return (InvalidInput if code in _ABOUT_THE_MAIL else Permanent)(words, status_code=code)


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", errors="replace") if isinstance(said, bytes) else said
