"""A request of a rule's author to any public address, and what is kept of its answer."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from integrations.errors import Forbidden, IntegrationError, InvalidInput
from integrations.specs import Result
from integrations.vendor_message import shortened

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response


def call(http: "PlatformClient", method: str, url: str, expected: Collection[int] | None, **options: Any) -> Result:
    """Make the request and return status, headers and body. Raises IntegrationError for a status not expected."""
    host = urlsplit(url).hostname or url
    response = http.request(method, url, expected=expected or (), **options)
    status = response.status_code
    if expected and status not in expected:
        wanted = ", ".join(str(item) for item in expected)
        raise InvalidInput(f"{host} answered {status}; expected was {wanted}.", status_code=status)
    return Result(True, f"{host} answered {status}.", output_of(response))


def output_of(response: "Response") -> dict[str, Any]:
    """Return what later steps see: the body is parsed where it is JSON, and text otherwise."""
    parsed = response.json_or_none() if response.body.strip() else None
    is_null = response.body.strip() == b"null"
    return {
        "status": response.status_code,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "body": parsed if parsed is not None or is_null else response.text,
    }


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error where the common mapping does not fit.

    A 401 is no matter of stored credentials here, whose steps would wait for new ones: the request is the author's.
    """
    if response.status_code != 401:
        return None
    said = shortened(response.message, 200)
    return Forbidden("The address answered 401" + (f": {said}" if said else "."), status_code=401)
