"""Access that a person grants at the platform (OAuth 2.0, authorization code with PKCE), in two acts.

`start` gives the address to send a person to; `finish` takes what he brings back. In between stands one row: good
for ten minutes and for one return, bound to the integration (hence the organization) and to the browser's session.
"""

import base64
import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from django.conf import settings
from django.db import transaction

from audit.recording import record
from integrations import grants, lifecycle
from integrations.base import BaseIntegration
from integrations.credentials import open_credentials
from integrations.errors import InvalidInput
from integrations.http import PlatformClient, client_for
from integrations.models import Integration, OAuthRequest
from integrations.refusals import Problem, Refused
from integrations.specs import Call, OAuth
from integrations.tokens import Keeper
from integrations.types import connector_of
from supportops import clock
from supportops.ids import new_id

_LASTS = timedelta(minutes=10)


@dataclass(frozen=True)
class Pending:
    """A request that somebody came back for: which integration, of which organization, and which session asked."""

    id: uuid.UUID
    organization_id: uuid.UUID
    session: str


def redirect_address() -> str:
    """Return where platforms send people back to; it must be registered there."""
    return f"{settings.PUBLIC_URL}/api/oauth/callback"


def start(row: Integration, session_key: str = "") -> str:
    """Return the address at which a person grants access to `row`. Raises Refused where the platform knows no such way.

    `session_key` is the browser's session, which then is the only one that may come back.
    """
    connector, credentials = connector_of(row.platform), open_credentials(row)
    spec = _spec(connector)
    try:
        client_id, _ = grants.client_of(connector, credentials)
        place = _http(connector, credentials).address(spec.authorize_path, spec.authorize_host)
    except InvalidInput as error:
        raise Refused([Problem("", "no_oauth_client", error.message)]) from None
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48) if spec.pkce else ""
    request = OAuthRequest(
        organization_id=row.organization_id,
        integration=row,
        state=_digest(state),
        session=_digest(session_key) if session_key else "",
        expires_at=clock.now() + _LASTS,
    )
    request.verifier.put(verifier)
    with transaction.atomic():
        OAuthRequest.objects.filter(expires_at__lt=clock.now()).delete()
        request.save(force_insert=True)
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_address(),
        "state": state,
        **({"scope": spec.separator.join(spec.scopes)} if spec.scopes else {}),
        **({"code_challenge": _challenge(verifier), "code_challenge_method": "S256"} if verifier else {}),
        **spec.parameters,
    }
    return str(httpx.URL(place).copy_merge_params(query)) if "?" in place else f"{place}?{urlencode(query)}"


def pending(state: str) -> Pending | None:
    """Return whose request a state is, None where there is none that is still good.

    Works across organizations: who comes back from a platform brings nothing but the state.
    """
    found = (
        OAuthRequest.across_organizations.filter(state=_digest(state), expires_at__gt=clock.now())
        .values_list("pk", "organization_id", "session")
        .first()
    )
    return Pending(*found) if found is not None else None


def is_of_session(request: Pending, session_key: str) -> bool:
    """Return whether the browser that comes back is the one that left; any may where no browser had asked."""
    return not request.session or secrets.compare_digest(request.session, _digest(session_key))


def finish(request: Pending, code: str) -> Integration:
    """Take the granted access into the integration's credentials. The request is spent, whatever comes of it.

    Needs the organization in scope. Raises Refused for a request that is spent, and IntegrationError.
    """
    row = OAuthRequest.objects.select_related("integration__environment").filter(pk=request.id).first()
    if row is None or not OAuthRequest.objects.filter(pk=request.id).delete()[0]:
        raise Refused([Problem("state", "spent", "This way back was taken before. Begin again.")])
    integration: Integration = row.integration
    connector, credentials = connector_of(integration.platform), open_credentials(integration)
    spec = _spec(connector)
    answer = _exchanged(connector, spec, credentials, code, row.verifier.open())
    granted = connector.granted_credentials(answer)
    with transaction.atomic():
        lifecycle.change(integration, credentials=granted)
        record("integration.authorized", integration, changes={"granted": sorted(granted)})
    if connector.can("obtain_token"):
        # With the time at which it runs out, which credentials do not tell.
        Keeper(integration, open_credentials(integration)).put(grants.token_of(answer))
    return integration


def _exchanged(
    connector: type[BaseIntegration], spec: OAuth, credentials: dict[str, Any], code: str, verifier: str
) -> dict[str, Any]:
    client_id, client_secret = grants.client_of(connector, credentials)
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_address(),
        **({"code_verifier": verifier} if verifier else {}),
    }
    headers = {}
    if spec.client_in_header:
        pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    else:
        body |= {"client_id": client_id, "client_secret": client_secret}
    http = _http(connector, credentials)
    for secret in (client_secret, code, verifier):
        if secret:
            http.add_secret(secret)
    encoded: dict[str, Any] = {"json": body} if spec.takes_json else {"data": body}
    return grants.ask(http, spec.token_path, host=spec.token_host, headers=headers, **encoded)


def _spec(connector: type[BaseIntegration]) -> OAuth:
    if connector.oauth is None:
        detail = f"{connector.name} grants no access by OAuth here: give its credentials."
        raise Refused([Problem("", "no_oauth", detail)])
    return connector.oauth


def _http(connector: type[BaseIntegration], credentials: dict[str, Any]) -> PlatformClient:
    return client_for(connector, credentials, call=Call(action="oauth", idempotency_key=str(new_id())))


def _challenge(verifier: str) -> str:
    """Return what RFC 7636 makes of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
