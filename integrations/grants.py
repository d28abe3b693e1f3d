"""OAuth 2.0 as connectors need it: the client that an installation or account has, and tokens from answers."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings

from integrations.errors import CredentialsRejected, InvalidInput, Permanent
from integrations.specs import Token
from supportops import clock

if TYPE_CHECKING:
    from integrations.base import BaseIntegration
    from integrations.http import PlatformClient


def client_of(connector: "type[BaseIntegration]", credentials: Mapping[str, Any]) -> tuple[str, str]:
    """Return id and secret of the OAuth client: the account's own, else the operator's for this platform.

    Raises InvalidInput where there is none.
    """
    own = credentials.get("client_id"), credentials.get("client_secret")
    if own[0] and own[1]:
        return str(own[0]), str(own[1])
    operators = settings.OAUTH_CLIENTS.get(connector.key)
    if operators is None:
        raise InvalidInput(
            f"There is no OAuth client for {connector.name}: give client_id and client_secret, "
            "or let the operator set SUPPORTOPS_OAUTH_CLIENTS."
        )
    return str(operators["client_id"]), str(operators["client_secret"])


def has_client(connector: "type[BaseIntegration]", credentials: Mapping[str, Any]) -> bool:
    """Return whether there is an OAuth client with which a person can be asked to grant access."""
    try:
        client_of(connector, credentials)
    except InvalidInput:
        return False
    return connector.oauth is not None


def ask(http: "PlatformClient", path: str, *, host: str = "", **request: Any) -> dict[str, Any]:
    """Ask a token address, and return its answer. Raises CredentialsRejected for a refusal (RFC 6749, 5.2)."""
    response = http.post(path, host=host or None, signs_in=True, expected={400, 401}, **request)
    answer = response.json_or_none()
    if not response.is_success or not isinstance(answer, dict) or "error" in answer or answer.get("ok") is False:
        said = http.mask(response.message) or "no reason given"
        raise CredentialsRejected(
            f"{response.platform} refused to give an access token: {said}", status_code=response.status_code
        )
    return answer


def token_of(answer: Mapping[str, Any]) -> Token:
    """Return the token in an answer of a token address (RFC 6749, 5.1). Raises Permanent where there is none."""
    token, refresh, seconds = (answer.get(name) for name in ("access_token", "refresh_token", "expires_in"))
    if not isinstance(token, str) or not token:
        raise Permanent("The platform answered without an access token.")
    lasts = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None
    return Token(
        token,
        clock.now() + timedelta(seconds=lasts) if lasts is not None else None,
        refresh if isinstance(refresh, str) and refresh else None,
    )
