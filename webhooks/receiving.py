"""First stop: a request becomes a Delivery. Verifies the raw bytes, parses once, has it stored.

A 2xx is given if and only if the delivery's row is committed. Comes from door, goes to storing and then processing.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from integrations import endpoint_cache, handshakes, registry
from integrations.asking import asked, asked_for_text
from integrations.base import BaseIntegration
from integrations.endpoint_cache import KnownEndpoint
from integrations.specs import HandshakeAnswer, WebhookRequest
from supportops import clock, odd_json
from supportops.tenancy.scope import working_for
from webhooks import rejections
from webhooks.models import Delivery, DeliveryConflict
from webhooks.storing import Outcome, Stored, arrival_of, store

# How often an endpoint may change under one request before its sender is asked to come again.
_MOST_CHANGES = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender gets: a status, and either JSON or a handshake's bytes."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    handshake: HandshakeAnswer | None = None


class Refused(Exception):
    """The request is not taken; nothing of it is kept but a count."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


class _Changed(Exception):
    """The endpoint is no longer what the request was verified with."""


def receive(request: WebhookRequest, platform: str, endpoint_key: str | None, trace_id: str = "") -> Answer:
    """Take a request in and return the answer to it. Raises Refused, and DatabaseError when nothing can be kept."""
    connector = _connector(platform)
    unsigned = asked(connector.unsigned_handshake, request, kind=HandshakeAnswer)
    if unsigned is not None:
        _read_endpoint(connector, request, platform, endpoint_key)
        return Answer(unsigned.status, handshake=unsigned)
    endpoint = endpoint_cache.remembered(platform, endpoint_key) if endpoint_key is not None else None
    for _ in range(_MOST_CHANGES):
        reason = _why_not(request, connector, endpoint) if endpoint is not None else ""
        if endpoint is None or reason:
            # Before somebody is refused: it may have changed since this process last saw it.
            endpoint = _read_endpoint(connector, request, platform, endpoint_key)
            reason = _why_not(request, connector, endpoint)
        with working_for(endpoint.organization_id):
            if reason and endpoint.awaits_handshake and _is_handshake(request, connector, endpoint):
                return Answer(200, handshake=HandshakeAnswer())
            if reason:
                rejections.note(endpoint, reason, request.ip)
                # With no word of why beyond this.
                raise Refused(401, "invalid_signature", "The signature is missing or wrong.")
            try:
                return _take(request, connector, endpoint, trace_id)
            except _Changed:
                endpoint = None
    raise Refused(503, "unavailable", "This address is being changed at the moment. Send it again.")


def parse(connector: type[BaseIntegration], content_type: str, body: bytes) -> Any:
    """Return the payload of a body: JSON, or the platform's form encoding as texts. Raises MalformedJson."""
    if not body.strip():
        return {}
    if connector.accepts_forms and content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000))
    return odd_json.loads(body)


def _connector(platform: str) -> type[BaseIntegration]:
    try:
        connector = registry.get(platform)
    except registry.UnknownPlatform:
        raise Refused(404, "not_found", "There is no such address.") from None
    if not connector.scheme_names():
        raise Refused(404, "not_found", "There is no such address.")
    return connector


def _read_endpoint(
    connector: type[BaseIntegration], request: WebhookRequest, platform: str, key: str | None
) -> KnownEndpoint:
    """Return the endpoint that is meant, as it is now. Raises Refused when there is none."""
    if key is None:
        return _endpoint_of_account(connector, request, platform)
    endpoint = endpoint_cache.read(platform, key)
    if endpoint is None:
        raise Refused(404, "not_found", "There is no such address.")
    return endpoint


def _endpoint_of_account(connector: type[BaseIntegration], request: WebhookRequest, platform: str) -> KnownEndpoint:
    """Return the endpoint among those of the account that the sender names whose signature fits.

    The account is only claimed; what decides is the signature. When none fits, the first one's rejection counts.
    """
    try:
        payload = parse(connector, request.headers.get("content-type", ""), request.body)
    except odd_json.MalformedJson:
        payload = {}
    account_id = asked_for_text(connector.account_key, request.headers, payload)
    candidates = endpoint_cache.read_of_account(platform, account_id) if account_id else []
    if not candidates:
        raise Refused(404, "not_found", "No account is known by what this request names.")
    return next((endpoint for endpoint in candidates if _is_signed(request, connector, endpoint)), candidates[0])


def _is_signed(request: WebhookRequest, connector: type[BaseIntegration], endpoint: KnownEndpoint) -> bool:
    scheme = connector.scheme(endpoint.scheme)
    if scheme is None:
        return False
    now = clock.now()
    # The registered address, never one rebuilt from the request: proxies change scheme and host.
    registered = WebhookRequest(
        request.method, _registered_url(request, endpoint), request.headers, request.body, request.ip
    )
    return asked(scheme.verify, registered, endpoint.valid_secrets(now), now, endpoint.options, kind=bool) is True


def _registered_url(request: WebhookRequest, endpoint: KnownEndpoint) -> str:
    path, _, query = request.url.partition("?")
    slash = "/" if path.endswith("/") else ""
    return f"{endpoint.address}{slash}?{query}" if query else f"{endpoint.address}{slash}"


def _why_not(request: WebhookRequest, connector: type[BaseIntegration], endpoint: KnownEndpoint) -> str:
    """Return why a request may not come in at an endpoint; empty when it may."""
    if not endpoint.may_send(request.ip):
        return "address_not_allowed"
    return "" if _is_signed(request, connector, endpoint) else "invalid_signature"


def _is_handshake(request: WebhookRequest, connector: type[BaseIntegration], endpoint: KnownEndpoint) -> bool:
    """Return whether a request that nobody signed carried the signing secret, which is kept for a person to confirm."""
    if not endpoint.may_send(request.ip):
        return False
    try:
        payload = parse(connector, request.headers.get("content-type", ""), request.body)
    except odd_json.MalformedJson:
        return False
    secret = connector.handshake_secret(request, payload)
    return secret is not None and handshakes.take(endpoint.id, connector, secret)


def _take(request: WebhookRequest, connector: type[BaseIntegration], endpoint: KnownEndpoint, trace_id: str) -> Answer:
    """Take in what is rightly signed. Raises _Changed when it is so no longer."""
    try:
        payload = parse(connector, request.headers.get("content-type", ""), request.body)
    except odd_json.MalformedJson as error:
        stored = _store(request, endpoint, None, trace_id, malformed=str(error))
        where = f" (line {error.line}, column {error.column})" if error.line else ""
        raise Refused(400, "malformed", f"{error}{where}; kept as rejected delivery {stored.delivery_id}") from None
    handshake = asked(connector.handshake, request, payload, kind=HandshakeAnswer)
    if handshake is not None:
        if not all(endpoint_cache.current([endpoint])):
            raise _Changed
        return Answer(handshake.status, handshake=handshake)
    sender_id = asked_for_text(connector.delivery_key, request.headers, payload)
    stored = _store(request, endpoint, sender_id, trace_id)
    if stored.outcome == Outcome.CONFLICT:
        _keep_conflict(stored.delivery_id, request)
    taken = {"delivery": str(stored.delivery_id), "status": stored.outcome.value}
    # A repeat is answered in the platform's form as well: it shows our answer to a person each time.
    wanted = asked(connector.accepted_answer, request, payload, kind=HandshakeAnswer)
    if wanted is not None:
        return Answer(wanted.status, taken, handshake=wanted)
    return Answer(202 if stored.outcome == Outcome.ACCEPTED else 200, taken)


def _store(
    request: WebhookRequest, endpoint: KnownEndpoint, sender_id: str | None, trace_id: str, malformed: str = ""
) -> Stored:
    stored = store(arrival_of(request, endpoint, sender_id, trace_id, malformed))
    if stored.outcome == Outcome.STALE:
        raise _Changed
    return stored


def _keep_conflict(delivery_id: uuid.UUID, request: WebhookRequest, most: int = 20) -> None:
    """Keep another body under a known id for the tenant to see; a sender that goes on is not kept without end.

    Keys outlive deliveries: where the first one is forgotten there is nobody left to show the other to.
    """
    if not Delivery.objects.filter(pk=delivery_id).exists():
        return
    if DeliveryConflict.objects.filter(delivery_id=delivery_id).count() < most:
        DeliveryConflict.objects.create(delivery_id=delivery_id, raw=request.body, ip=request.ip)
