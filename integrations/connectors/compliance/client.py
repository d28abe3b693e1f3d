"""Calls to a compliance system of the organization's own: a check is begun, then asked after until it ends."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.errors import RateLimited, Transient, Unavailable, Uncertain
from integrations.http import path
from integrations.payloads import identifier, mapping

if TYPE_CHECKING:
    from integrations.http import PlatformClient

Json = dict[str, Any]
# What a check's status is called by systems that have none of our own.
PASSED = frozenset({"passed", "pass", "success", "succeeded", "compliant", "approved", "ok"})
FAILED = frozenset({"failed", "fail", "error", "errored", "non_compliant", "noncompliant", "rejected", "denied"})
STOPPED = frozenset({"cancelled", "canceled", "aborted", "expired", "timeout", "timed_out", "skipped"})
# Ended, but how stands elsewhere.
ENDED = frozenset({"completed", "complete", "done", "finished"})
_LONGEST_PAUSE = 10.0
# Kept of a call's time to say that it was not enough.
_RESERVE = 2.0

# Stands in for tests.
pause = time.sleep


class ComplianceApi:
    """The system as one integration sees it. `key` is the same for every attempt at one step."""

    def __init__(self, http: "PlatformClient", key: str) -> None:
        self.http = http
        self._headers = {"Idempotency-Key": key} if key else None

    def begin(self, check: Mapping[str, Any]) -> Json:
        """Begin a check and return what is known of it at once. Raises Uncertain where it has no id."""
        response = self.http.post("/checks", json=dict(check), headers=self._headers)
        begun = dict(mapping(response.json_or_none()))
        if check_id(begun) is None and not has_ended(begun):
            raise Uncertain(
                "The compliance system took the check but told no check_id, so its result cannot be asked for.",
                status_code=response.status_code,
                may_have_reached=True,
            )
        return begun

    def follow(self, begun: Json, seconds: float, interval: float) -> Json:
        """Ask after a check until it has ended or `seconds` are over; return what was heard last."""
        ends_at = time.monotonic() + min(seconds, self.http.remaining() - _RESERVE)
        known, wait = begun, interval
        while not has_ended(known):
            if time.monotonic() + wait > ends_at:
                return known
            pause(wait)
            wait = min(wait * 1.5, _LONGEST_PAUSE)
            try:
                known = {**known, **mapping(self.http.get(path("checks", str(check_id(begun)))).json())}
            except Transient as error:
                # The check goes on meanwhile.
                if isinstance(error, RateLimited | Unavailable) and error.retry_after:
                    wait = max(wait, error.retry_after)
        return known


def check_id(check: Mapping[str, Any]) -> str | None:
    """Return a check's id."""
    return identifier(check.get("check_id")) or identifier(check.get("id"))


def status_of(check: Mapping[str, Any]) -> str:
    """Return a check's status in lower case, "" where it has none."""
    value = check.get("status")
    return value.strip().lower().replace("-", "_").replace(" ", "_") if isinstance(value, str) else ""


def has_ended(check: Mapping[str, Any]) -> bool:
    """Whether a check's status is one of an end."""
    return status_of(check) in PASSED | FAILED | STOPPED | ENDED


def has_passed(check: Mapping[str, Any]) -> bool:
    """Whether an ended check was passed. What says neither was not: a gate that nobody opened stays shut."""
    status = status_of(check)
    if status in ENDED:
        outcome = next((check[name] for name in ("passed", "compliant", "result", "outcome") if name in check), None)
        return outcome is True or (isinstance(outcome, str) and outcome.strip().lower() in PASSED)
    return status in PASSED
