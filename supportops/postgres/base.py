"""The database backend of the production shape: Django's for PostgreSQL, which never fails over a zero character.

PostgreSQL keeps no U+0000 in texts and refuses the whole statement. Strangers send it nevertheless: as a ticket's id,
an event's type, a filter in an address. It becomes U+FFFD where it is text. Contents that must stay what they were
are kept as bytes.
"""

from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg.types.string import StrBinaryDumper, StrDumperUnknown


class _Text(StrDumperUnknown):
    def dump(self, obj: str) -> Any:
        """Give the text without zero characters."""
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class _BinaryText(StrBinaryDumper):
    def dump(self, obj: str) -> Any:
        """Give the text without zero characters."""
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


# In this order: among the text formats the one registered last is the default, as in psycopg itself.
psycopg.adapters.register_dumper(str, _BinaryText)
psycopg.adapters.register_dumper(str, _Text)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, with the dumpers above."""

    def server_cursor(self) -> Any:
        """Give a cursor whose parameters the server binds: large ones go as they are, with nothing to quote and parse.

        Django's own cursors write the parameters into the statement.
        """
        self.ensure_connection()
        return self._prepare_cursor(psycopg.Cursor(self.connection))  # type: ignore[attr-defined]
