"""One connection to a PostgreSQL server, for one statement: to a checked address, within bounds of time and size."""

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import certifi
import psycopg
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

from integrations.addresses import (
    AddressRefused,
    Checked,
    NameNotResolved,
    allowed_by_operator,
    checked_addresses,
    is_allowed,
)
from integrations.connectors.postgresql import values
from integrations.connectors.postgresql.meaning import broken_off, connection_error, query_error
from integrations.connectors.postgresql.schemas import PostgresqlConfig, PostgresqlCredentials
from integrations.errors import Forbidden, IntegrationError, InvalidInput, Unreachable

CONNECT_SECONDS = 5
# What a server may send us in all. A single cell can have a gigabyte, and libpq would keep it whole in memory.
MOST_RECEIVED = 8 * 1024 * 1024
# Kept of a call's time to cancel what still runs.
_RESERVE = 2.0
# `tcpi_bytes_received` in struct tcp_info of <linux/tcp.h>, since Linux 4.1.
_RECEIVED_AT = 128

T = TypeVar("T")


class _TimeOver(Exception):
    """The call's time is over while the server still works."""


class _TooMuch(Exception):
    """The server sends more than we are ready to hold."""


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose every wait ends at `ends_at` (of the monotonic clock), and when too much has come."""

    ends_at: float = 0.0

    def wait(self, gen: PQGen[T], interval: float = 0.0, timeout: float | None = None) -> T:
        """Drive one of psycopg's operations to its end. Raises _TimeOver and _TooMuch."""
        try:
            wanted = next(gen)
            while True:
                ready = self._ready(wanted)
                if self._received() > MOST_RECEIVED:
                    raise _TooMuch
                wanted = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result

    def _ready(self, wanted: Wait) -> Ready:
        left = self.ends_at - time.monotonic()
        poll = select.poll()
        wishes = (select.POLLIN if wanted & Wait.R else 0) | (select.POLLOUT if wanted & Wait.W else 0)
        poll.register(self.pgconn.socket, wishes)
        # Something is also ready when the connection has ended: psycopg then finds out.
        found = poll.poll(left * 1000) if left > 0 else []
        came = found[0][1] if found else 0
        ready = (Ready.R if came & ~select.POLLOUT else 0) | (Ready.W if came & select.POLLOUT else 0)
        if not ready:
            raise _TimeOver
        return Ready(ready)

    def _received(self) -> int:
        """How many bytes have come by now, as the kernel counts them; 0 where it does not say."""
        if not hasattr(socket, "TCP_INFO"):
            return 0
        with socket.socket(fileno=self.pgconn.socket) as handle:
            try:
                known = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED_AT + 8)
            finally:
                # The descriptor is libpq's.
                handle.detach()
        return int(struct.unpack_from("=Q", known, _RECEIVED_AT)[0]) if len(known) == _RECEIVED_AT + 8 else 0


@dataclass(frozen=True)
class Answer:
    """What a statement gave: names of columns (None: it gives no rows), rows, and how many rows it changed."""

    columns: list[str] | None
    rows: Sequence[Sequence[Any]]
    affected: int


class PostgresqlApi:
    """A database as one integration sees it. Connects for each statement, within `seconds` in all."""

    def __init__(self, credentials: PostgresqlCredentials, config: PostgresqlConfig, seconds: float) -> None:
        self.credentials, self.config = credentials, config
        self.ends_at = time.monotonic() + seconds

    def read(self, query: str, parameters: Any = None, most_rows: int = 1) -> Answer:
        """Return at most `most_rows` rows of a query, in a read-only transaction.

        The query becomes a cursor's: the server takes one that reads and nothing else, whatever its text holds.
        """
        with self._session(may_write=False) as connection, connection.cursor(name="supportops") as cursor:
            cursor.execute(query, values.bound(parameters))
            rows = cursor.fetchmany(most_rows)
            return Answer([column.name for column in cursor.description or []], rows, 0)

    def write(self, statement: str, parameters: Any = None) -> Answer:
        """Execute one statement and commit. Raises Uncertain where nobody knows whether it was committed."""
        with self._session(may_write=True) as connection:
            # Prepared, hence by the protocol that knows one statement only, also without parameters.
            cursor = connection.execute(statement, values.bound(parameters), prepare=True)
            columns = [column.name for column in cursor.description] if cursor.description is not None else None
            rows = cursor.fetchall() if columns is not None else []
            connection.commit()
            return Answer(columns, rows, max(cursor.rowcount, 0))

    @contextlib.contextmanager
    def _session(self, *, may_write: bool) -> Iterator[BoundedConnection]:
        """Give a transaction with its limits set; whatever happens in it becomes one of our errors."""
        connection = self._connected()
        is_sent = False
        try:
            connection.read_only = not may_write
            self._set_limits(connection)
            is_sent = True
            yield connection
        except _TimeOver:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=_RESERVE)
            raise broken_off("no answer came in time", may_have_written=is_sent and may_write) from None
        except _TooMuch:
            megabytes = MOST_RECEIVED // 2**20
            raise InvalidInput(
                f"The answer has more than {megabytes} MiB: ask for fewer rows or shorter values. Nothing was changed."
            ) from None
        except psycopg.Error as error:
            raise query_error(error, may_have_written=is_sent and may_write) from None
        finally:
            # Without a word to the server: what was not committed is rolled back.
            connection.close()

    def _set_limits(self, connection: BoundedConnection) -> None:
        # The server shall give up first: then it is known that nothing happened.
        left = max(0.9 * (connection.ends_at - time.monotonic()), 0.1)
        limits = {
            "statement_timeout": f"{round(min(self.config.timeout_seconds, left) * 1000)}ms",
            "lock_timeout": f"{round(self.config.lock_seconds * 1000)}ms",
            "idle_in_transaction_session_timeout": "10s",
            **values.FORMS,
        }
        # Not as options of the connection, which poolers such as PgBouncer refuse.
        calls = ", ".join(["set_config(%s, %s, true)"] * len(limits))
        connection.execute(f"SELECT {calls}", [item for pair in limits.items() for item in pair])

    def _connected(self) -> BoundedConnection:
        host, port = self.credentials.host, self.credentials.port
        if self.credentials.sslmode in ("disable", "prefer") and not is_allowed(host, port, allowed_by_operator()):
            raise Forbidden(
                f"The password is not sent to {host} without TLS. Set sslmode to require or verify-full, "
                f"or let an operator allow the host by SUPPORTOPS_OUTBOUND_ALLOW."
            )
        try:
            addresses = checked_addresses(host, port, timeout=CONNECT_SECONDS)
        except AddressRefused as error:
            raise Forbidden(f"PostgreSQL: {error}") from None
        except NameNotResolved as error:
            raise Unreachable(f"PostgreSQL: {error} Nothing was sent.") from None
        failure: IntegrationError | None = None
        for address in addresses:
            try:
                return self._connected_to(address)
            except psycopg.Error as error:
                failure = connection_error(error, f"{host}:{port}")
                if not isinstance(failure, Unreachable):
                    raise failure from None
        raise failure or Unreachable(f"PostgreSQL: {host} has no address. Nothing was sent.")

    def _connected_to(self, address: Checked) -> BoundedConnection:
        known = self.credentials
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise Unreachable("The time for calling PostgreSQL was over before the connection stood.")
        options: dict[str, Any] = {
            # The address is the checked one; the name is what a certificate is compared with.
            "host": known.host,
            "hostaddr": address.ip,
            "port": known.port,
            "dbname": known.database,
            "user": known.username,
            "password": known.password,
            "sslmode": known.sslmode,
            "connect_timeout": max(1, round(min(CONNECT_SECONDS, left))),
            "application_name": "supportops",
            "client_encoding": "utf8",
            # What the environment and the files of this machine hold is not this tenant's.
            "options": "",
            "passfile": os.devnull,
            "sslcertmode": "disable",
            "gssencmode": "disable",
            "target_session_attrs": "any",
        }
        if known.sslmode.startswith("verify"):
            options["sslrootcert"] = certifi.where()
        connection = BoundedConnection.connect(**options)
        connection.ends_at = self.ends_at - _RESERVE
        values.register(connection.adapters)
        return connection
