"""First stop: a request becomes a Delivery. Verifies the raw bytes, parses once, recognises repeats, commits.

A 2xx is given if and only if the delivery's row is committed. Comes from views, goes to processing.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from integrations import endpoints, registry, usage
from integrations.base import BaseIntegration
from integrations.models import Endpoint
from integrations.specs import HandshakeAnswer, WebhookRequest
from rules import wake
from supportops import clock, odd_json
from supportops.ids import new_id
from supportops.tenancy.scope import working_for
from webhooks import rejections
from webhooks.group_commit import GroupCommit
from webhooks.models import Delivery, DeliveryBody, DeliveryConflict, DeliveryKey, DeliveryStatus

# Headers that say something about a delivery are kept; those that carry secrets never are.
_DROPPED_HEADERS = frozenset({"authorization", "cookie", "x-supportops-token", "proxy-authorization"})


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class _Arrival:
    """A verified request on its way into the database."""

    delivery: Delivery
    body: DeliveryBody
    key: DeliveryKey | None


@dataclass(frozen=True)
class _Stored:
    delivery_id: uuid.UUID
    status: str  # accepted, duplicate, conflict, rejected


def receive(request: WebhookRequest, platform: str, endpoint_key: str | None, trace_id: str = "") -> Answer:
    """Take a request in and return the answer to it. Raises Refused, and DatabaseError when nothing can be kept."""
    connector = _connector(platform)
    unsigned = connector.unsigned_handshake(request)
    endpoint = _endpoint(connector, request, platform, endpoint_key)
    if unsigned is not None:
        return Answer(unsigned.status, handshake=unsigned)
    with working_for(endpoint.organization_id):
        return _take(request, connector, endpoint, trace_id)


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


def _endpoint(connector: type[BaseIntegration], request: WebhookRequest, platform: str, key: str | None) -> Endpoint:
    if key is not None:
        endpoint = endpoints.find_endpoint(platform, key)
        if endpoint is None:
            raise Refused(404, "not_found", "There is no such address.")
        return endpoint
    return _endpoint_of_account(connector, request, platform)


def _endpoint_of_account(connector: type[BaseIntegration], request: WebhookRequest, platform: str) -> Endpoint:
    """Return the endpoint among those of the account that the sender names whose signature fits.

    The account is only claimed; what decides is the signature. When none fits, the first one's rejection counts.
    """
    try:
        payload = parse(connector, request.headers.get("content-type", ""), request.body)
    except odd_json.MalformedJson:
        payload = {}
    account_id = connector.account_key(request.headers, payload)
    candidates = endpoints.find_by_account(platform, account_id) if account_id else []
    if not candidates:
        raise Refused(404, "not_found", "No account is known by what this request names.")
    for endpoint in candidates:
        with working_for(endpoint.organization_id):
            if _is_signed(request, connector, endpoint):
                return endpoint
    return candidates[0]


def _is_signed(request: WebhookRequest, connector: type[BaseIntegration], endpoint: Endpoint) -> bool:
    scheme = connector.scheme(endpoint.scheme)
    if scheme is None:
        return False
    now = clock.now()
    # The registered address, never one rebuilt from the request: proxies change scheme and host.
    registered = WebhookRequest(
        request.method, _registered_url(request, endpoint), request.headers, request.body, request.ip
    )
    return scheme.verify(registered, endpoints.valid_secrets(endpoint, now), now, endpoint.options)


def _registered_url(request: WebhookRequest, endpoint: Endpoint) -> str:
    address = endpoints.address_of(endpoint, endpoint.integration.platform)
    path, _, query = request.url.partition("?")
    slash = "/" if path.endswith("/") else ""
    return f"{address}{slash}?{query}" if query else f"{address}{slash}"


def _take(request: WebhookRequest, connector: type[BaseIntegration], endpoint: Endpoint, trace_id: str) -> Answer:
    if not endpoints.may_send(endpoint, request.ip):
        _reject(endpoint, "address_not_allowed", request.ip)
    if not _is_signed(request, connector, endpoint):
        _reject(endpoint, "invalid_signature", request.ip)
    content_type = request.headers.get("content-type", "")
    try:
        payload = parse(connector, content_type, request.body)
    except odd_json.MalformedJson as error:
        stored = _store(_arrival(request, connector, endpoint, None, trace_id, malformed=str(error)))
        where = f" (line {error.line}, column {error.column})" if error.line else ""
        raise Refused(400, "malformed", f"{error}{where}; kept as rejected delivery {stored.delivery_id}") from None
    handshake = connector.handshake(request, payload)
    if handshake is not None:
        return Answer(handshake.status, handshake=handshake)
    stored = _store(_arrival(request, connector, endpoint, payload, trace_id))
    if stored.status == "accepted":
        taken = {"delivery": str(stored.delivery_id), "status": "accepted"}
        wanted = connector.accepted_answer(request, payload)
        return Answer(wanted.status if wanted else 202, taken, handshake=wanted)
    usage.count("integration", endpoint.integration_id, "duplicate")
    if stored.status == "conflict":
        _keep_conflict(stored.delivery_id, request)
    return Answer(200, {"delivery": str(stored.delivery_id), "status": stored.status})


def _reject(endpoint: Endpoint, reason: str, ip: str) -> None:
    """Count the rejection and refuse with no word of why beyond `invalid_signature`."""
    rejections.note(endpoint, reason, ip)
    raise Refused(401, "invalid_signature", "The signature is missing or wrong.")


def _arrival(
    request: WebhookRequest,
    connector: type[BaseIntegration],
    endpoint: Endpoint,
    payload: Any,
    trace_id: str,
    malformed: str = "",
) -> _Arrival:
    now = clock.now()
    delivery_id = new_id()
    sender_id = None if malformed else connector.delivery_key(request.headers, payload)
    own = {"organization_id": endpoint.organization_id}
    delivery = Delivery(
        id=delivery_id,
        **own,
        integration_id=endpoint.integration_id,
        endpoint_id=endpoint.id,
        platform=endpoint.integration.platform,
        # PostgreSQL holds no zero byte in a text.
        external_id=(sender_id or "").replace("\0", "\ufffd")[:200],
        status=DeliveryStatus.REJECTED if malformed else DeliveryStatus.ACCEPTED,
        reason=malformed[:1000],
        received_at=now,
        due_at=None if malformed else now,
        ip=request.ip,
        trace_id=trace_id or delivery_id.hex,
    )
    body = DeliveryBody(
        delivery_id=delivery_id,
        headers={name: value for name, value in request.headers.items() if name not in _DROPPED_HEADERS},
        raw=request.body,
        content_type=request.headers.get("content-type", "")[:200],
        created_at=now,
    )
    key = None
    if sender_id:
        key = DeliveryKey(
            **own,
            source=str(endpoint.integration_id),
            digest=hashlib.sha256(sender_id.encode("utf-8", "replace")).digest(),
            body_digest=hashlib.sha256(request.body).digest(),
            delivery_id=delivery_id,
            created_at=now,
        )
    return _Arrival(delivery, body, key)


def _write(arrivals: Sequence[_Arrival]) -> list[_Stored | DatabaseError]:
    """Commit arrivals of any organizations together. One that cannot be written takes no other down: its place holds
    the error. Raises OperationalError and InterfaceError, which are everybody's."""
    try:
        return [*_write_together(arrivals)]
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as error:
        return [error] if len(arrivals) == 1 else [_write([arrival])[0] for arrival in arrivals]


def _write_together(arrivals: Sequence[_Arrival]) -> list[_Stored]:
    # In the order of their digests, so that two groups with the same keys wait for each other in one direction.
    keys = sorted((a.key for a in arrivals if a.key is not None), key=lambda key: bytes(key.digest))
    with transaction.atomic(durable=_is_outermost()):
        first = _claim_keys(keys)
        new = [a for a in arrivals if a.key is None or first[_place(a.key)].delivery_id == a.delivery.id]
        Delivery.across_organizations.bulk_create([arrival.delivery for arrival in new])
        DeliveryBody.objects.bulk_create([arrival.body for arrival in new])
        if any(a.delivery.due_at for a in new):
            wake.plan()
    return [_outcome(arrival, first) for arrival in arrivals]


def _is_outermost() -> bool:
    return not transaction.get_connection().in_atomic_block


def _claim_keys(keys: Sequence[DeliveryKey]) -> dict[tuple[uuid.UUID, str, bytes], DeliveryKey]:
    """Insert what is new among `keys` and return for each place the key that holds it."""
    if not keys:
        return {}
    DeliveryKey.across_organizations.bulk_create(keys, ignore_conflicts=True)
    rows = DeliveryKey.across_organizations.filter(
        digest__in=[key.digest for key in keys], source__in={key.source for key in keys}
    )
    return {_place(row): row for row in rows}


def _place(key: DeliveryKey) -> tuple[uuid.UUID, str, bytes]:
    return key.organization_id, key.source, bytes(key.digest)


def _outcome(arrival: _Arrival, first: dict[tuple[uuid.UUID, str, bytes], DeliveryKey]) -> _Stored:
    if arrival.key is None:
        return _Stored(arrival.delivery.id, arrival.delivery.status)
    holder = first[_place(arrival.key)]
    if holder.delivery_id == arrival.delivery.id:
        return _Stored(arrival.delivery.id, "accepted")
    same = bytes(holder.body_digest) == bytes(arrival.key.body_digest)
    return _Stored(holder.delivery_id, "duplicate" if same else "conflict")


_group: GroupCommit[_Arrival, _Stored | DatabaseError] = GroupCommit(_write)


def _store(arrival: _Arrival) -> _Stored:
    outcome = _group.submit(arrival)
    if isinstance(outcome, DatabaseError):
        raise outcome
    return outcome


def _keep_conflict(delivery_id: uuid.UUID, request: WebhookRequest, most: int = 20) -> None:
    """Keep another body under a known id for the tenant to see; a sender that goes on is not kept without end.

    Keys outlive deliveries: where the first one is forgotten there is nobody left to show the other to.
    """
    if not Delivery.objects.filter(pk=delivery_id).exists():
        return
    if DeliveryConflict.objects.filter(delivery_id=delivery_id).count() < most:
        DeliveryConflict.objects.create(delivery_id=delivery_id, raw=request.body, ip=request.ip)
