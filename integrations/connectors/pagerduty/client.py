"""Calls to PagerDuty's Events API and REST API, and what their answers mean.

https://developer.pagerduty.com/docs/events-api-v2-overview and .../api-reference, read 2026-11.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from integrations.connectors.pagerduty.schemas import PagerDutyCredentials
from integrations.errors import CredentialsRejected, IntegrationError, InvalidInput, NotFound, RateLimited
from integrations.http import path
from integrations.payloads import mapping

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
MAX_PAGES = 20
# Without a word of how long: https://developer.pagerduty.com/docs/events-api-v2-rate-limits advises half a minute.
WAIT = 30.0


class PagerDutyApi:
    """PagerDuty as one integration sees it, for one call of a handler."""

    def __init__(self, http: "PlatformClient", credentials: PagerDutyCredentials, region: str) -> None:
        self.http, self.credentials = http, credentials
        # None is the API's own base.
        self._rest_host: str | None = "eu" if region == "eu" else None
        self._events_host = "events_eu" if region == "eu" else "events"

    # --- Events API ------------------------------------------------------------------------------------------
    def enqueue(self, event_action: str, dedup_key: str, **body: Any) -> str:
        """Send an event and return its key. 202 means that it was taken: an alert is made of it a moment later."""
        event = {"routing_key": self.credentials.routing_key, "event_action": event_action, "dedup_key": dedup_key}
        sent = self.http.post("/enqueue", host=self._events_host, json={**event, **body})
        answer = sent.made(by="status")
        if answer["status"] != "success":
            # The status is then a short word for what is wrong, whatever the code of the answer.
            raise InvalidInput(f"PagerDuty did not take the event: {sent.message or answer['status']}")
        return str(answer.get("dedup_key") or dedup_key)

    # --- REST API --------------------------------------------------------------------------------------------
    def get(self, *parts: str, **params: Any) -> Any:
        return self._call("GET", *parts, params=params).json()

    def post(self, *parts: str, **body: Any) -> "Response":
        return self._call("POST", *parts, json=body)

    def put(self, *parts: str, **body: Any) -> "Response":
        return self._call("PUT", *parts, json=body)

    def delete(self, *parts: str) -> None:
        self.http.delete(path(*parts), host=self._rest_host, headers=self._headers())

    def paged(self, name: str, **params: Any) -> Iterator[Json]:
        """The objects of a list, page by page."""
        for page in range(MAX_PAGES):
            answer = self.get(name, limit=100, offset=page * 100, **params)
            yield from answer.get(name) or []
            if not answer.get("more"):
                return
        raise NotFound(f"PagerDuty has more than {MAX_PAGES * 100} {name}: name what you mean by its id.")

    def service_id(self, service: str) -> str:
        """Return the id of a service named by name or id. Raises NotFound and InvalidInput."""
        matches = [item for item in self.paged("services", query=service) if item.get("name") == service]
        if len(matches) == 1:
            return str(matches[0]["id"])
        if matches:
            raise InvalidInput(f"PagerDuty has {len(matches)} services named '{service}': name the one by its id.")
        if service.isalnum() and service.isupper():
            return service
        raise NotFound(f"PagerDuty has no service '{service}'.")

    def open_incident(self, incident_key: str) -> Json:
        """Return the incident that has this key, an open one first. Raises NotFound."""
        found = self.get("incidents", incident_key=incident_key, date_range="all", limit=100).get("incidents") or []
        for incident in sorted(found, key=lambda item: item.get("status") == "resolved"):
            return dict(incident)
        raise NotFound(f"PagerDuty has no incident with the key '{incident_key}'.")

    def set_status(self, incident_id: str, status: str, **changes: Any) -> Json:
        body = {"type": "incident_reference", "status": status, **changes}
        return self.put("incidents", incident_id, incident=body).made(inside="incident")

    def _call(self, method: str, *parts: str, **request: Any) -> "Response":
        return self.http.request(method, path(*parts), host=self._rest_host, headers=self._headers(), **request)

    def _headers(self) -> dict[str, str]:
        if not self.credentials.api_token:
            raise InvalidInput("This needs an API key and the e-mail address of a user; the integration has none.")
        return {
            "Authorization": f"Token token={self.credentials.api_token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            # Required on every change with an account's key: whose name it is done in.
            "From": str(self.credentials.from_email),
        }


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means where the status alone does not say it."""
    status, said = response.status_code, response.message
    if status == 429 and not response.headers.get("retry-after") and not response.headers.get("ratelimit-reset"):
        return RateLimited(f"PagerDuty answered 429: {said}", retry_after=WAIT, status_code=status)
    if status == 400 and "routing" in said.lower() and "key" in said.lower():
        return CredentialsRejected(f"PagerDuty refused the integration key: {said}", status_code=status)
    if status == 400 and "requester user not found" in said.lower():
        return CredentialsRejected(
            "PagerDuty knows no user with the e-mail address that the integration writes in the name of.",
            status_code=status,
        )
    return None


def is_refused_as_open(error: InvalidInput) -> bool:
    """Whether PagerDuty refused a new incident because one with its key is open."""
    return "already exists" in error.message.lower()


def is_refused_as_resolved(error: InvalidInput) -> bool:
    """Whether PagerDuty refused a change because the incident is resolved."""
    return "already resolved" in error.message.lower()


def subdomain_of(html_url: Any) -> str:
    """Return the account's part of an address such as https://acme.pagerduty.com/users/P1, "" for others."""
    host = str(html_url or "").removeprefix("https://").partition("/")[0]
    if not host.endswith(".pagerduty.com"):
        return ""
    return host.removesuffix(".pagerduty.com").removesuffix(".eu")


def incident_of(answer: Mapping[str, Any]) -> Json:
    """Return what steps may want to use of an incident."""
    kept = ("id", "incident_number", "incident_key", "title", "status", "urgency", "html_url", "created_at")
    incident = {name: answer.get(name) for name in kept}
    return {**incident, "service": mapping(answer.get("service")).get("summary")}
