"""Calls to a monitoring system of the organization's own: plain HTTP, JSON and a bearer token."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.payloads import mapping

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]


class MonitoringApi:
    """The system as one integration sees it. `key` is the same for every attempt at one step."""

    def __init__(self, http: "PlatformClient", key: str) -> None:
        self.http = http
        # For systems that know it; the others take no harm.
        self._headers = {"Idempotency-Key": key} if key else None

    def health(self) -> Json:
        """Return what the system says of itself; what is no JSON says no more than that it answers."""
        return dict(mapping(self.http.get("/health").json_or_none()))

    def register(self, environment: Mapping[str, Any]) -> tuple[Json, bool]:
        """Register an environment and return what the system says of it, and whether it was registered just now."""
        response = self._post("/environments", environment, expected=(409,))
        return _answer(response), response.status_code != 409

    def send(self, metric: Mapping[str, Any]) -> Json:
        """Send one measurement and return what the system says, if anything."""
        return _answer(self._post("/metrics", metric))

    def _post(self, path: str, body: Mapping[str, Any], *, expected: tuple[int, ...] = ()) -> "Response":
        return self.http.post(path, json=dict(body), headers=self._headers, expected=expected)


def _answer(response: "Response") -> Json:
    """The answer's object; {} for 204 and for texts: the status has said that it worked."""
    return dict(mapping(response.json_or_none()))
