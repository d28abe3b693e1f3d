"""Calls to Twilio's REST API, and what its answers mean.

https://www.twilio.com/docs/messaging/api, https://www.twilio.com/docs/api/errors, read 2026-11. Requests are forms,
answers JSON.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from integrations.errors import CredentialsRejected, Forbidden, IntegrationError, InvalidInput, RateLimited
from integrations.http import path
from integrations.payloads import mapping
from integrations.vendor_message import shortened

if TYPE_CHECKING:
    from integrations.answers import Response
    from integrations.http import PlatformClient

Json = dict[str, Any]
_REJECTED, _TOO_MANY = 20003, 20429
_HINTS = {
    21211: "The number of the recipient is none that exists.",
    21408: "Sending to this country is switched off in the account's geographic permissions.",
    21610: "The person has answered STOP and receives nothing more until START.",
    21612: "The sender cannot reach this number.",
    21614: "The number is no mobile number.",
    21606: "The sender is no number of this account that can send SMS.",
    21659: "The sender is no number of this account.",
    21608: "A trial account sends to verified numbers only.",
}
_FORBIDDEN = frozenset({21408, 21608, 21610, 21612})


class TwilioApi:
    """Twilio as one account sees it."""

    def __init__(self, http: "PlatformClient", account_sid: str) -> None:
        self.http, self._account_sid = http, account_sid

    def account(self) -> Json:
        return dict(self.http.get(f"{path('Accounts', self._account_sid)}.json").json())

    def send(self, message: Json) -> Json:
        return self.http.post(self._place("Messages"), data=message).made(by="sid")

    def numbers(self, **params: Any) -> Iterator[Json]:
        """The account's numbers; those of the first thousand."""
        answer = self.http.get(self._place("IncomingPhoneNumbers"), params={"PageSize": 1000, **params}).json()
        yield from answer.get("incoming_phone_numbers") or []

    def number(self, sid: str) -> Json:
        return dict(self.http.get(self._place("IncomingPhoneNumbers", sid)).json())

    def change_number(self, sid: str, **changes: Any) -> None:
        self.http.post(self._place("IncomingPhoneNumbers", sid), data=changes)

    def _place(self, *parts: str) -> str:
        return f"{path('Accounts', self._account_sid, *parts)}.json"


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means: Twilio's own code says more than the status."""
    if response.is_success:
        return None
    answer, status = mapping(response.json_or_none()), response.status_code
    code = answer.get("code")
    words = f"Twilio answered {status}" + (f" ({code})" if code else "")
    words += f": {shortened(response.message)}" if response.message else "."
    if code == _REJECTED or status == 401:
        return CredentialsRejected(words, status_code=status)
    if code == _TOO_MANY:
        # "Not processed": it may always be sent again; how long to wait is not said.
        return RateLimited(words, status_code=status)
    if isinstance(code, int) and code in _HINTS:
        kind = Forbidden if code in _FORBIDDEN else InvalidInput
        return kind(f"{words} {_HINTS[code]}", status_code=status)
    return None
