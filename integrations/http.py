"""The one door to the network: every call to a platform goes through a `PlatformClient`.

Checked addresses, verified TLS, no proxies from the environment, no redirects with credentials, a deadline over the
whole call, a cap on the answer, and one mapping of what can go wrong (integrations.answers). What stands in errors and
logs has been masked.
"""

import base64
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote

import httpx
from django.conf import settings

from integrations.addresses import (
    AddressRefused,
    Allowances,
    allowance_of_url,
    allowed_by_operator,
    default_port,
    is_allowed,
)
from integrations.answers import (
    MOST_BYTES,
    MOST_BYTES_OF_ERROR,
    SAFE_METHODS,
    Response,
    TooBig,
    Unreadable,
    error_of,
    read_body,
)
from integrations.base import BaseIntegration
from integrations.credentials import secret_values
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
from integrations.places import base_urls, checked_url, is_under, joined
from integrations.rate_headers import rate_limit
from integrations.sandbox_platform.transport import ORIGIN as SANDBOX
from integrations.sandbox_platform.transport import sandbox_transport, works_in_sandbox
from integrations.specs import Call
from integrations.transport import Exchange, exchange_of, shared_transport
from integrations.vendor_message import shortened
from supportops import clock
from supportops.redaction import Redactor

__all__ = ["PlatformClient", "Response", "client_for", "path", "shared_transport"]

log = logging.getLogger("integrations.http")

MOST_REDIRECTS = 5
_MOST_LOGGED = 4096
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def path(*parts: object) -> str:
    """Return a path of `parts`, each encoded so that it stays one part: ``path("tickets", ticket_id)``.

    Raises InvalidInput for an empty part or one that means another folder.
    """
    texts = [str(part) for part in parts]
    for text in texts:
        if text.strip() in ("", ".", ".."):
            raise InvalidInput(f"'{text}' cannot be part of an address.")
    return "/" + "/".join(quote(text, safe="") for text in texts)


class PlatformClient:
    """Calls one platform for one call of ours. Not shared between threads; the connections under it are.

    A connector's `authorize` sets `headers`, `params` or `auth`, which go with every request that is signed in, or
    `bearer`, which is asked for a token when the first of them is made.
    `rate_limit` is what the last answer's headers said; `has_written` whether a request that changes something was
    taken by the platform, or left without an answer: from then on the call as a whole cannot simply be made again.
    `last_status` is the HTTP status of the last answer.
    """

    def __init__(
        self,
        *,
        platform: str = "The platform",
        bases: Mapping[str, str] | None = None,
        call: Call | None = None,
        secrets: Iterable[str] = (),
        has_credentials: bool = False,
        allowances: Allowances = frozenset(),
        classify: Callable[[Response], IntegrationError | None] | None = None,
        rate_limit_of: Callable[[Response], dict[str, Any] | None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.platform = platform
        self.headers: httpx.Headers = httpx.Headers()
        self.params: dict[str, Any] = {}
        self.auth: tuple[str, str] | None = None
        self.bearer: Callable[[], str] | None = None
        self.has_credentials = has_credentials
        self.rate_limit: dict[str, Any] | None = None
        self.has_written = False
        self.last_status: int | None = None
        self._bases = dict(bases or {})
        self._call = call or Call()
        self._secrets = set(secrets)
        self._allowances = allowances
        self._classify = classify
        self._rate_limit_of = rate_limit_of
        self._transport = transport
        self._ends_at: float | None = None
        self._token = ""
        self._fetches_bearer: Callable[[], str] | None = None
        # A token was fetched during this very call.
        self._has_signed_in = False

    # --- what authors call -----------------------------------------------------------------------------------
    def get(self, path_or_url: str, **options: Any) -> Response:
        return self.request("GET", path_or_url, **options)

    def post(self, path_or_url: str, **options: Any) -> Response:
        return self.request("POST", path_or_url, **options)

    def put(self, path_or_url: str, **options: Any) -> Response:
        return self.request("PUT", path_or_url, **options)

    def patch(self, path_or_url: str, **options: Any) -> Response:
        return self.request("PATCH", path_or_url, **options)

    def delete(self, path_or_url: str, **options: Any) -> Response:
        return self.request("DELETE", path_or_url, **options)

    def fetch(self, url: str, *, max_bytes: int = MOST_BYTES, headers: Mapping[str, str] | None = None) -> Response:
        """Return what stands at any public URL (a file that a parameter names), asked for without credentials."""
        return self.request("GET", url, headers=headers, signed_in=False, max_bytes=max_bytes)

    def request(
        self,
        method: str,
        path_or_url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        content: bytes | str | None = None,
        files: Any = None,
        headers: Mapping[str, str] | None = None,
        host: str | None = None,
        expected: Collection[int] | None = None,
        signed_in: bool = True,
        signs_in: bool = False,
        follow: bool = True,
        timeout: float | None = None,
        max_bytes: int = MOST_BYTES,
    ) -> Response:
        """Make a request and return its answer.

        * `path_or_url`: appended to the base URL (of `host`, a name in `other_urls`); an absolute URL only when it
          lies under one of this client's bases, or for a client without any
        * `expected`: further statuses than 2xx that are returned and not raised
        * `signed_in=False`: leaves headers, params and auth of the client out, and may go to any public https URL
        * `signs_in=True`: the request itself fetches a token with credentials in it: nothing is added to it, it goes
          to the platform's own hosts only, and never unencrypted
        * `follow=False`: a redirect is an answer and not followed; with credentials it never is
        * `timeout`: less than what is left of the call's time; the whole exchange ends with it

        Raises the classes of integrations.errors; Forbidden for addresses that may not be called.
        """
        url = self._url(path_or_url, host, signed_in)
        adds_credentials = signed_in and not signs_in
        self._has_signed_in = self._has_signed_in or signs_in

        def sent() -> Response:
            if adds_credentials and self.bearer is not None:
                self._fetch_bearer()
            request = self._built(method.upper(), url, params, json, data, content, files, headers, adds_credentials)
            secret_bound = (signed_in and self._carries_secrets) or any(name in _SENSITIVE for name in request.headers)
            self._refuse_plain_http(request.url, secret_bound)
            with exchange_of(min(timeout, self.remaining()) if timeout else self.remaining()) as exchange:
                response = self._exchanged(request, exchange, max_bytes, follow=follow and not secret_bound)
            return self._judged(response, expected or (), signed_in)

        try:
            return sent()
        except CredentialsRejected as error:
            if not (adds_credentials and self._let_go_of_token(error)):
                raise
        return sent()

    def address_of(self, path_or_url: str, host: str | None = None) -> str:
        """Return the whole address that `request` would call for a path: for links, and for signatures that cover it.

        Raises what `request` raises for addresses.
        """
        return str(self._url(path_or_url, host, signed_in=True))

    def address(self, path_or_url: str, host: str = "") -> str:
        """Return the whole address of a path, for a browser to go to. Raises what a request to it would."""
        return str(self._url(path_or_url, host or None, signed_in=True))

    def remaining(self) -> float:
        """Return the seconds left of the call's time (`Call.deadline`), which runs from its first request."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + self._call.deadline
        return max(self._ends_at - time.monotonic(), 0.0)

    def add_secret(self, value: str) -> None:
        """Keep a secret that came up during the call (a fetched token) out of errors and logs too."""
        self._secrets.add(value)

    def mask(self, text: str) -> str:
        """Return `text` without any of the call's secrets."""
        return Redactor(self._all_secrets()).text(text)

    # --- building --------------------------------------------------------------------------------------------
    def _fetch_bearer(self) -> None:
        """Have the token that the client signs in with, once; `bearer` stays to be asked anew where that fails."""
        fetch = self._fetches_bearer = self.bearer
        self.bearer = None
        try:
            token = fetch() if fetch is not None else ""
        except BaseException:
            self.bearer = fetch
            raise
        self._token = token
        self.add_secret(token)
        self.headers["Authorization"] = f"Bearer {token}"

    def _let_go_of_token(self, error: CredentialsRejected) -> bool:
        """Return whether to make a refused request once again: its token had been kept, and may have been revoked.

        A request that is answered with 401 was refused before it did anything.
        """
        keeper = self._call.tokens
        if keeper is None or not self._token or self._has_signed_in or error.status_code != 401:
            return False
        keeper.forget(self._token)
        self._token, self.bearer = "", self._fetches_bearer
        return True

    @property
    def _carries_secrets(self) -> bool:
        return self.has_credentials or self.auth is not None

    def _all_secrets(self) -> set[str]:
        found = set(self._secrets)
        if self.auth is not None:
            found.update((self.auth[1], base64.b64encode(":".join(self.auth).encode()).decode()))
        return found

    def _url(self, path_or_url: str, host: str | None, signed_in: bool) -> httpx.URL:
        if "://" in path_or_url.split("?", 1)[0]:
            url = checked_url(path_or_url)
            if signed_in and self._bases and not any(is_under(url, base) for base in self._bases.values()):
                raise Forbidden(
                    f"{self.platform}: the address at {url.host} is not one of this platform's; nothing was sent."
                )
            return url
        base = self._bases.get(host or "")
        if not base:
            raise Permanent(
                f"{self.platform} has no address named '{host}'." if host else f"'{path_or_url}' is no URL."
            )
        return joined(base, path_or_url)

    def _built(
        self,
        method: str,
        url: httpx.URL,
        params: Mapping[str, Any] | None,
        json: Any,
        data: Mapping[str, Any] | None,
        content: bytes | str | None,
        files: Any,
        headers: Mapping[str, str] | None,
        signed_in: bool,
    ) -> httpx.Request:
        if not _TOKEN.fullmatch(method):
            raise InvalidInput(f"'{method[:20]}' is no HTTP method.")
        merged = httpx.Headers({"Accept": "application/json", "User-Agent": "SupportOps"})
        # Only what can be decompressed within bounds.
        merged["Accept-Encoding"] = "gzip, deflate"
        if signed_in:
            merged.update(_checked_headers(self.headers))
            if self.auth is not None:
                merged["Authorization"] = "Basic " + base64.b64encode(":".join(self.auth).encode()).decode()
        merged.update(_checked_headers(headers or {}))
        query = {**(self.params if signed_in else {}), **_present(params)}
        if query:
            url = url.copy_merge_params(query)
        request = httpx.Request(
            method,
            url,
            json=json,
            data=data,
            content=content,
            files=files,
            headers=merged,
        )
        request.read()
        return request

    def _refuse_plain_http(self, url: httpx.URL, secret_bound: bool) -> None:
        """Secrets travel unencrypted only to hosts that the operator allows."""
        if url.scheme == "https" or not secret_bound:
            return
        port = url.port or default_port(url.scheme)
        if not is_allowed(url.host, port, allowed_by_operator() | self._allowances):
            raise Forbidden(
                f"Credentials are not sent to {url.host} over plain http. Use https, "
                f"or let an operator allow the host by SUPPORTOPS_OUTBOUND_ALLOW."
            )

    # --- sending ---------------------------------------------------------------------------------------------
    def _exchanged(self, request: httpx.Request, exchange: Exchange, max_bytes: int, *, follow: bool) -> Response:
        for _ in range(MOST_REDIRECTS + 1):
            response = self._sent(request, exchange, max_bytes)
            next_request = _redirected(request, response) if follow else None
            if next_request is None:
                return response
            request = next_request
        raise Permanent(
            f"{self.platform} redirected more than {MOST_REDIRECTS} times.", status_code=response.status_code
        )

    def _sent(self, request: httpx.Request, exchange: Exchange, max_bytes: int) -> Response:
        left = exchange.remaining
        if left <= 0:
            raise Unreachable(f"The time for calling {self.platform} was over before this request.")
        transport = (
            self._transport or sandbox_transport(self._call.organization_id) or shared_transport(self._allowances)
        )
        request.extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), left)}
        started = time.monotonic()
        try:
            answer = transport.handle_request(request)
            try:
                response = self._read(request, answer, exchange, max_bytes)
            finally:
                answer.close()
        except AddressRefused as error:
            raise Forbidden(f"{self.platform}: {error}") from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._broken_off(request, error, exchange) from None
        response.elapsed = time.monotonic() - started
        self.last_status = response.status_code
        self._logged(request, response)
        return response

    def _read(self, request: httpx.Request, answer: httpx.Response, exchange: Exchange, max_bytes: int) -> Response:
        response = Response(answer.status_code, answer.headers, method=request.method, platform=self.platform)
        is_error = answer.status_code >= 300
        most = MOST_BYTES_OF_ERROR if is_error else max_bytes
        try:
            response.body = read_body(_chunks(answer, exchange), answer.headers.get("content-encoding", ""), most)
        except (TooBig, Unreadable, httpx.TransportError) as error:
            # What went wrong is known from the status; its words are missing, no more.
            if not is_error:
                raise self._half_read(request, answer, error, max_bytes) from None
        return response

    def _broken_off(self, request: httpx.Request, error: Exception, exchange: Exchange) -> IntegrationError:
        host, kind = request.url.host, type(error).__name__
        why = shortened(self.mask(str(error)), 150)
        detail = f"{kind}: {why}" if why else kind
        if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)):
            return InvalidInput(f"{self.platform}: the request is not valid HTTP: {why}", detail=detail)
        if not exchange.is_sent and not isinstance(error, _AFTER_SENDING):
            what = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "could not be reached"
            words = f"{self.platform} {what} ({host})" + (f": {why.rstrip('.')}" if why else "")
            return Unreachable(f"{words}. Nothing was sent.", detail=detail)
        what = "no answer came in time" if isinstance(error, httpx.TimeoutException) else "the connection broke"
        return self._unanswered(request, f"{self.platform}: the request was sent to {host}, but {what}.", detail)

    def _half_read(
        self, request: httpx.Request, answer: httpx.Response, error: Exception, max_bytes: int
    ) -> IntegrationError:
        detail = f"{type(error).__name__}: {self.mask(str(error))}"
        if isinstance(error, TooBig):
            words = f"{self.platform} answered {answer.status_code} with more than {max_bytes // 1024} KiB."
        elif isinstance(error, Unreadable):
            words = f"{self.platform} answered {answer.status_code} in a form that cannot be read ({error})."
        else:
            words = f"{self.platform} answered {answer.status_code}, but the answer broke off."
            return self._unanswered(request, words, detail, status_code=answer.status_code)
        if request.method in SAFE_METHODS:
            return Permanent(words, detail=detail, status_code=answer.status_code)
        return self._unanswered(request, words, detail, status_code=answer.status_code)

    def _unanswered(
        self, request: httpx.Request, words: str, detail: str, status_code: int | None = None
    ) -> IntegrationError:
        """A request that only reads may be made again; what another one did nobody knows."""
        if request.method in SAFE_METHODS:
            return Unavailable(words, detail=detail, status_code=status_code)
        self.has_written = True
        return Uncertain(
            f"{words} It may have had its effect.", detail=detail, status_code=status_code, may_have_reached=True
        )

    # --- judging ---------------------------------------------------------------------------------------------
    def _judged(self, response: Response, expected: Collection[int], signed_in: bool) -> Response:
        now = clock.now()
        limit = self._rate_limit_of(response) if self._rate_limit_of else rate_limit(response.headers, now)
        self.rate_limit = limit or self.rate_limit
        if response.status_code in expected and not response.is_success:
            return response
        error = self._classify(response) if self._classify is not None and signed_in else None
        if error is not None:
            error.message = shortened(self.mask(error.message), 1000)
            error.detail = self.mask(error.detail)
            error.args = (error.message,)
            error.status_code = error.status_code or response.status_code
        else:
            error = error_of(response, now, mask=self.mask)
            if isinstance(error, CredentialsRejected) and not signed_in:
                # No credentials went along: what a stranger's address wants of us says nothing about ours.
                error = Forbidden(error.message, status_code=error.status_code)
        if error is None:
            # Only now: some platforms say 200 and mean no.
            if response.method not in SAFE_METHODS and response.is_success:
                self.has_written = True
            return response
        raise error

    def _logged(self, request: httpx.Request, response: Response) -> None:
        if not settings.INTEGRATION_DEBUG:
            return
        answer = "(an answer with secrets)" if self._call.hides_answers else self.mask(response.text)
        log.info(
            "%s %s -> %s in %.0f ms\n> %s\n< %s",
            request.method,
            self.mask(unquote(str(request.url.copy_with(query=None)))),
            response.status_code,
            response.elapsed * 1000,
            shortened(self.mask(request.content.decode("utf-8", errors="replace")), _MOST_LOGGED),
            shortened(answer, _MOST_LOGGED),
        )


# Whatever holds one of these counts as a request with credentials, whoever put it there.
_SENSITIVE = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})

# Signs that a request had left us, also where a transport of tests raises them.
_AFTER_SENDING = (
    httpx.ReadTimeout,
    httpx.ReadError,
    httpx.WriteTimeout,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
)


def client_for(
    connector: type[BaseIntegration],
    credentials: Mapping[str, Any],
    *,
    call: Call | None = None,
    classify: Callable[[Response], IntegrationError | None] | None = None,
    rate_limit_of: Callable[[Response], dict[str, Any] | None] | None = None,
    transport: httpx.BaseTransport | None = None,
) -> PlatformClient:
    """Return the client with which `connector` calls its platform. Makes no call.

    `transport` replaces the network, for tests. Raises InvalidInput when a credential cannot stand in the platform's
    address (a domain with a path in it).
    """
    replacement = _replacement(connector, call, is_network=transport is None)
    return PlatformClient(
        platform=connector.name,
        bases=base_urls(connector, credentials, replacement),
        call=call,
        secrets=[
            *secret_values(connector, dict(credentials)),
            *((*call.secrets, *call.masked) if call else ()),
        ],
        has_credentials=any(value not in (None, "") for value in credentials.values()) or bool(call and call.secrets),
        allowances=frozenset({allowance_of_url(replacement)}) if replacement else frozenset(),
        classify=classify,
        rate_limit_of=rate_limit_of,
        transport=transport,
    )


def _replacement(connector: type[BaseIntegration], call: Call | None, *, is_network: bool) -> str | None:
    """Return the address that stands in for a platform's own: the sandbox's, or the one that the operator set."""
    if connector.is_own:
        return None
    if is_network and not connector.is_generic and works_in_sandbox(call.organization_id if call else ""):
        return f"{SANDBOX}/{connector.key}"
    replacement: str | None = settings.PLATFORM_URLS.get(getattr(connector, "key", ""))
    return replacement


def _checked_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as bytes. Raises InvalidInput for names and values that would end a header early."""
    checked = []
    for name, value in headers.items():
        text = str(value)
        if not _TOKEN.fullmatch(name):
            raise InvalidInput(f"'{shortened(name, 40)}' is no name of a header.")
        if _CONTROL.search(text):
            raise InvalidInput(f"The header {name} holds a line break or another control character.")
        checked.append((name.encode("ascii"), text.strip().encode("utf-8")))
    return checked


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _chunks(answer: httpx.Response, exchange: Exchange) -> Iterable[bytes]:
    """The answer's bytes as they come. The clock is also read here, for transports that keep no deadline."""
    stream = answer.stream
    if not isinstance(stream, httpx.SyncByteStream):
        raise TypeError("a transport for tests must be a synchronous one")
    for chunk in stream:
        if exchange.remaining <= 0:
            raise httpx.ReadTimeout("the time for this call is over")
        yield chunk


def _redirected(request: httpx.Request, response: Response) -> httpx.Request | None:
    """Return the request that a redirect asks for, None when the answer is none."""
    place = response.headers.get("location")
    if response.status_code not in (301, 302, 303, 307, 308) or not place:
        return None
    try:
        url = checked_url(str(request.url.join(place)))
    except httpx.InvalidURL:
        raise Permanent("A redirect names an address that is none.", status_code=response.status_code) from None
    if request.url.scheme == "https" and url.scheme != "https":
        raise Forbidden("A redirect leads from https to plain http; it is not followed.")
    headers = httpx.Headers([(k, v) for k, v in request.headers.raw if k.lower() not in _OF_ONE_REQUEST])
    keeps_body = response.status_code in (307, 308) or request.method in SAFE_METHODS
    if keeps_body:
        return httpx.Request(request.method, url, headers=headers, content=request.content or None)
    headers.pop("content-type", None)
    return httpx.Request("GET", url, headers=headers)


_OF_ONE_REQUEST = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"authorization", b"cookie", b"proxy-authorization"}
)
