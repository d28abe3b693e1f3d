"""PostgreSQL: one query against an organization's own database."""

from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.postgresql import values
from integrations.connectors.postgresql.client import Answer, PostgresqlApi
from integrations.connectors.postgresql.schemas import ExecuteQuery, PostgresqlConfig, PostgresqlCredentials
from integrations.errors import Forbidden
from integrations.specs import CREATES, READS, Account, ActionSpec, Effect, Limit, Result

if TYPE_CHECKING:
    from integrations.http import PlatformClient

_WHO = """
SELECT current_setting('server_version'), current_setting('transaction_read_only'), current_user,
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
"""


def _effect_of_query(data: ExecuteQuery) -> Effect:
    """What reads runs in a read-only transaction; of another statement nobody knows what a second one would do."""
    return READS if data.is_read else CREATES


class Postgresql(BaseIntegration):
    key, name = "postgresql", "PostgreSQL"
    speaks_http = False
    description = "Queries against your own database; they only read unless you say otherwise."
    Credentials = PostgresqlCredentials
    Config = PostgresqlConfig
    # Our own: each query is a connection of its own, and servers have a hundred of them by default.
    limits = [Limit("database", calls=10, seconds=1, burst=10)]
    signature = None
    actions = [
        ActionSpec(
            "execute_query",
            "Run one SQL statement and return its rows.",
            model=ExecuteQuery,
            handler="execute_query",
            effect_of=_effect_of_query,
            label="Run a query",
        )
    ]

    credentials: PostgresqlCredentials
    config: PostgresqlConfig
    api: PostgresqlApi

    def authorize(self, http: "PlatformClient") -> None:
        self.api = PostgresqlApi(self.credentials, self.config, self.call.deadline)

    def test_connection(self) -> Result:
        """Ask the server who we are there; reads only."""
        [(version, read_only, role, is_superuser)] = self.api.read(_WHO).rows
        known = self.credentials
        place = f"{known.host}:{known.port}/{known.database}"
        data = {
            "account": Account(id=place, actor_id=role),
            "server_version": version,
            "transaction_read_only": read_only == "on",
            "is_superuser": bool(is_superuser),
        }
        message = f"PostgreSQL {version} at {place} knows us as {role}."
        if is_superuser:
            message += " The role is a superuser, which can read the server's files: give one that may only SELECT."
        return Result(True, message, data)

    def execute_query(self, data: ExecuteQuery) -> Result:
        if data.is_read:
            most = min(data.max_rows or self.config.max_rows, self.config.max_rows)
            # One more than is shown tells whether there are more.
            return self._result(data, self.api.read(data.query, data.parameters, most + 1), most)
        if not self.config.allow_writes:
            raise Forbidden("This integration only reads: the statement was not sent. See 'Let rules change data'.")
        answer = self.api.write(data.query, data.parameters)
        return self._result(data, answer, min(data.max_rows or self.config.max_rows, self.config.max_rows))

    def _result(self, data: ExecuteQuery, answer: Answer, most: int) -> Result:
        columns = values.named(answer.columns or [])
        rows, is_truncated = values.kept(columns, answer.rows, most)
        output: dict[str, Any] = {
            "columns": columns,
            "rows": rows,
            "row_count": len(rows),
            "is_truncated": is_truncated,
            "affected": None if data.is_read else answer.affected,
        }
        counted = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
        if not data.is_read:
            return Result(True, f"Done: {answer.affected} affected, {counted} returned.", output)
        return Result(True, f"{counted}{', and there are more or longer ones' if is_truncated else ''}.", output)
