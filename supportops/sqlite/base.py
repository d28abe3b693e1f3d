"""The database backend of the embedded default: Django's for SQLite, whose writers within one process wait in line.

SQLite has one writer at a time and no queue: whoever finds the file locked sleeps, up to 100 ms, and tries again, while
the lock changes hands among the others. With a dozen threads that costs nine tenths of the throughput. Here a thread
takes its place in a line before it asks SQLite; other processes (`manage.py`) still meet at SQLite's own lock.
"""

import re
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

_WRITES = re.compile(
    r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|WITH\b.*\b(?:INSERT|UPDATE|DELETE)\b)", re.IGNORECASE | re.DOTALL
)


class Line:
    """A lock that is handed over in the order in which it was asked for."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_held = False
        self._waiting: deque[threading.Lock] = deque()

    def enter(self, seconds: float) -> bool:
        """Wait for one's turn; False when it did not come in time."""
        with self._guard:
            if not self._is_held:
                self._is_held = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=seconds):
            return True
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        # It came in the very moment in which we gave up.
        return True

    def leave(self) -> None:
        """Let the next one in."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_held = False


_lines: dict[str, Line] = {}
_lines_guard = threading.Lock()


def line_of(database: str) -> Line:
    """Give the line of a database file."""
    with _lines_guard:
        return _lines.setdefault(database, Line())


class Cursor(base.SQLiteCursorWrapper):
    """Waits in line for single statements outside transactions too."""

    wrapper: "DatabaseWrapper"

    def execute(self, query: str, params: Any = None) -> Any:
        if not self._writes_alone(query):
            return super().execute(query, params)
        self.wrapper.enter_line()
        try:
            return super().execute(query, params)
        finally:
            self.wrapper.leave_line()

    def executemany(self, query: str, param_list: Iterable[Any]) -> Any:
        if not self._writes_alone(query):
            return super().executemany(query, param_list)
        self.wrapper.enter_line()
        try:
            return super().executemany(query, param_list)
        finally:
            self.wrapper.leave_line()

    def _writes_alone(self, query: str) -> bool:
        return not self.wrapper.is_in_line and _WRITES.match(query) is not None


class DatabaseWrapper(base.DatabaseWrapper):
    """Enters the line when a transaction begins and leaves it when it ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_in_line = False

    def enter_line(self) -> None:
        """Wait for our turn to write. Raises OperationalError when it does not come in time."""
        seconds = float(self.settings_dict["OPTIONS"].get("timeout", 5))
        self._line = line_of(str(self.settings_dict["NAME"]))
        if not self._line.enter(seconds):
            raise OperationalError(f"database is locked: {seconds:g} s in line for it")
        self.is_in_line = True

    def leave_line(self) -> None:
        """Let the next one write."""
        if self.is_in_line:
            self.is_in_line = False
            self._line.leave()

    def create_cursor(self, name: str | None = None) -> Any:
        """Give a cursor that knows where we stand."""
        cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    # The stubs leave out what begins with an underscore.
    def _start_transaction_under_autocommit(self) -> None:
        self.enter_line()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self.leave_line()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        # Only now: a commit that failed is rolled back, still in our turn.
        self.leave_line()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self.leave_line()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self.leave_line()
