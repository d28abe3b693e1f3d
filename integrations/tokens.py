"""Keeps access tokens of integrations: in the process, sealed in the database, fetched by one worker at a time.

A call finds its token in the process's memory and asks nobody. Where that has none, the row is read; where that has
none that is good for two minutes more, whoever gets the row's lease fetches one, outside of any transaction, and
writes it before it is used: platforms that hand out a new refresh token with each access token void the one before.
The others wait for what comes of it.

Calls run in threads that hold no connection to the database. The few that come here open one and close it again.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.db.models import Q
from django.utils.crypto import salted_hmac

from integrations.errors import IntegrationError, Permanent, Unavailable
from integrations.models import Integration, IntegrationToken
from integrations.specs import Token
from supportops import clock, odd_json
from supportops.ids import new_id
from supportops.tenancy.scope import working_for

log = structlog.get_logger()

# A token is not used in its last minutes, so that none runs out on its way.
RESERVE = timedelta(minutes=2)
# Longer than any call may take to fetch one.
LEASE = timedelta(seconds=60)
_LONGEST_WAIT = 40.0
_LOOK_AGAIN = 0.1
_SAVING = (0.0, 0.5, 2.0)


@dataclass
class _Kept:
    """What this process knows of one integration's token; the lock lets one of its threads fetch at a time."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: Token | None = None
    # The last failure to fetch one: whoever waited for it need not try the same again.
    error: IntegrationError | None = None
    failed_at: float = 0.0


_kept: dict[tuple[uuid.UUID, str], _Kept] = {}
_guard = threading.Lock()


def forget() -> None:
    """Forget what this process keeps of tokens, for tests."""
    with _guard:
        _kept.clear()


class Keeper:
    """The tokens of one integration, as long as its credentials are these. See `specs.TokenKeeper`."""

    def __init__(self, integration: Integration, credentials: Mapping[str, Any]) -> None:
        self.integration_id, self.organization_id = integration.pk, integration.organization_id
        self.digest = digest_of(credentials)
        with _guard:
            self._memory = _kept.setdefault((self.integration_id, self.digest), _Kept())

    def get(self, obtain: Callable[[Token | None], Token]) -> Token:
        """Return a token that is valid for two minutes at least. Raises what `obtain` raises."""
        token = self._memory.token
        if _is_good(token):
            return token  # type: ignore[return-value]
        began = time.monotonic()
        with self._memory.lock:
            if _is_good(self._memory.token):
                return self._memory.token  # type: ignore[return-value]
            if self._memory.error is not None and self._memory.failed_at > began:
                raise self._memory.error
            try:
                token = self._fetched(obtain, began + _LONGEST_WAIT)
            except IntegrationError as error:
                self._memory.error, self._memory.failed_at = error, time.monotonic()
                raise
            self._memory.token, self._memory.error = token, None
            return token

    def forget(self, token: str) -> None:
        """The platform refused `token`: the next `get` fetches another, with its refresh token where it has one."""
        with self._memory.lock:
            if self._memory.token is not None and self._memory.token.access_token == token:
                self._memory.token = None
            with self._database():
                row = self._row()
                known = _token_in(row, self.digest)
                if known is not None and known.access_token == token:
                    IntegrationToken.objects.filter(pk=row.pk, obtained_at=row.obtained_at).update(
                        expires_at=clock.now()
                    )

    def put(self, token: Token) -> None:
        """Keep a token that somebody has just been given: by a person who granted access."""
        with self._memory.lock, self._database():
            self._save(self._row(), token)
            self._memory.token, self._memory.error = token, None

    # --- one at a time ---------------------------------------------------------------------------------------
    def _fetched(self, obtain: Callable[[Token | None], Token], until: float) -> Token:
        holder = new_id()
        while True:
            with self._database():
                row = self._row()
                known = _token_in(row, self.digest)
                if known is not None and _is_good(known):
                    return known
                is_mine = self._lease(row, holder)
            if is_mine:
                return self._obtained(row, holder, known, obtain)
            if time.monotonic() > until:
                raise Unavailable("Another worker has been fetching an access token for a long time.")
            time.sleep(_LOOK_AGAIN)

    def _obtained(
        self, row: IntegrationToken, holder: uuid.UUID, last: Token | None, obtain: Callable[[Token | None], Token]
    ) -> Token:
        try:
            token = obtain(last)
        except BaseException:
            with self._database():
                IntegrationToken.objects.filter(pk=row.pk, lease_holder=holder).update(lease_until=None)
            raise
        if token.refresh_token is None and last is not None:
            token = Token(token.access_token, token.expires_at, last.refresh_token)
        for pause in _SAVING:
            time.sleep(pause)
            try:
                with self._database():
                    self._save(row, token)
            except (OperationalError, InterfaceError):
                continue
            return token
        # Used all the same: it is valid, and the one before may not be any more.
        log.error("token.not_saved", integration=str(self.integration_id))
        return token

    # --- the row ---------------------------------------------------------------------------------------------
    @contextmanager
    def _database(self) -> Iterator[None]:
        """Work in the organization's scope; close the connection where this is what opened it."""
        was_open = connection.connection is not None
        try:
            with working_for(self.organization_id):
                yield
        except IntegrityError:
            raise Permanent("The integration is gone.") from None
        except (OperationalError, InterfaceError) as error:
            raise Unavailable(f"The database cannot be asked for the access token: {error}"[:300]) from error
        finally:
            if not was_open:
                connection.close()

    def _row(self) -> IntegrationToken:
        row: IntegrationToken = IntegrationToken.objects.get_or_create(integration_id=self.integration_id)[0]
        return row

    def _lease(self, row: IntegrationToken, holder: uuid.UUID) -> bool:
        now = clock.now()
        free = IntegrationToken.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=row.pk)
        # Nobody has written since we read: what we fetch with is the newest.
        return bool(free.filter(obtained_at=row.obtained_at).update(lease_until=now + LEASE, lease_holder=holder))

    def _save(self, row: IntegrationToken, token: Token) -> None:
        row.value.put({"access_token": token.access_token, "refresh_token": token.refresh_token})
        row.digest, row.expires_at, row.obtained_at = self.digest, token.expires_at, clock.now()
        row.lease_until = row.lease_holder = None
        row.save()


def newest(integration: Integration, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Return credentials with the tokens that were fetched since they were given, where they hold such fields.

    What they hold themselves may have been spent: a refresh token is good once.
    """
    row = IntegrationToken.objects.filter(integration=integration).first()
    token = _token_in(row, digest_of(credentials)) if row is not None else None
    if token is None:
        return dict(credentials)
    fetched = {"access_token": token.access_token, "refresh_token": token.refresh_token}
    return {**credentials, **{k: v for k, v in fetched.items() if v and credentials.get(k)}}


def digest_of(credentials: Mapping[str, Any]) -> str:
    """Return what tells these credentials from others and nothing else about them."""
    text = odd_json.dumps(dict(sorted(credentials.items()))).decode()
    return salted_hmac("integrations.tokens", text, algorithm="sha256").hexdigest()


def _token_in(row: IntegrationToken, digest: str) -> Token | None:
    if row.digest != digest:
        return None
    value = row.value.open() or {}
    if not value.get("access_token"):
        return None
    return Token(value["access_token"], row.expires_at, value.get("refresh_token"))


def _is_good(token: Token | None) -> bool:
    return token is not None and (token.expires_at is None or token.expires_at - RESERVE > clock.now())
