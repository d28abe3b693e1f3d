"""A log file that several processes append to, and that whoever finds it full turns over for all of them.

Each line is one `write` to a file opened for appending, so lines of different processes never mix. Python's own
rotating handler is not made for this: each process would rename what another is writing to.
"""

import contextlib
import fcntl
import logging
import os
import sys
import time
from pathlib import Path

# Says that a file cannot be written no more often than this.
_COMPLAIN_EVERY = 60.0


class SharedFileHandler(logging.Handler):
    """Appends each record to `path`, mode 0600; at `most_bytes` the file becomes `path.1`, and so on up to `keep`.

    Opened with the first record, so that commands which say nothing leave nothing behind. Never raises: a record that
    cannot be written is lost, which is said on stderr once a minute.
    """

    def __init__(self, path: str, most_bytes: int, keep: int) -> None:
        super().__init__()
        self._path = Path(path)
        self._most_bytes, self._keep = most_bytes, max(1, keep)
        self._file: int | None = None
        self._complained_at = -_COMPLAIN_EVERY

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
            os.write(self._current(len(line)), line)
        except Exception as error:  # noqa: BLE001 - a log that cannot be written stops no work
            self._complain(error)

    def close(self) -> None:
        self.acquire()
        try:
            self._close()
        finally:
            self.release()
        super().close()

    def _current(self, coming: int) -> int:
        """Return the file to write to: opened where necessary, turned over where full."""
        if self._file is not None and not self._is_at_path(self._file):
            # Another process has turned it over, or an operator has moved it.
            self._close()
        if self._file is None:
            self._file = self._open()
        size = os.fstat(self._file).st_size
        if size and size + coming > self._most_bytes and self._turn_over():
            self._close()
            self._file = self._open()
        return self._file

    def _is_at_path(self, file: int) -> bool:
        try:
            at_path = self._path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(file)
        return (at_path.st_dev, at_path.st_ino) == (ours.st_dev, ours.st_ino)

    def _open(self) -> int:
        folder = self._path.parent
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _give_to_owner_of(folder.parent, folder)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        _give_to_owner_of(folder, file)
        return file

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _turn_over(self) -> bool:
        """Rename the files, one process at a time; False when another one is at it right now."""
        lock = os.open(self._path.with_name(self._path.name + ".lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _give_to_owner_of(self._path.parent, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Whoever turns it over does not wait for us, nor we for him: this line goes into the old file.
                return False
            if self._file is not None and self._is_at_path(self._file):
                for number in range(self._keep - 1, 0, -1):
                    with contextlib.suppress(FileNotFoundError):
                        self._numbered(number).rename(self._numbered(number + 1))
                self._path.rename(self._numbered(1))
            return True
        finally:
            os.close(lock)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _complain(self, error: Exception) -> None:
        if time.monotonic() - self._complained_at < _COMPLAIN_EVERY:
            return
        self._complained_at = time.monotonic()
        with contextlib.suppress(OSError, ValueError, AttributeError):
            print(f"The log file {self._path} cannot be written: {error}.", file=sys.stderr)


def _give_to_owner_of(folder: Path, file: int | Path) -> None:
    """Let what root makes belong to the owner of `folder`: the service that comes after must be able to write to it."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid)
