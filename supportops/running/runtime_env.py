"""runtime.env in the data folder: keys that we made and addresses of servers that we started.

settings.py reads it below the real environment, so that `manage.py` finds what the running system uses. Keys that
come from outside are never written to it.
"""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from supportops.running.processes import User
from supportops.running.servers import write_private

NAME = "runtime.env"
HEADER = """\
# Written by run.py at each start; read by supportops/settings.py below the real environment.
# The keys in it open every stored credential: keep it as safe as the data, and back it up with them.
"""
KEYS = ("SUPPORTOPS_SECRET_KEY", "SUPPORTOPS_MASTER_KEYS")
# Kept for the next --full start, also while the embedded default runs.
POSTGRES_PASSWORD = "SUPPORTOPS_POSTGRES_PASSWORD"  # noqa: S105 - a name


class RuntimeEnv:
    """What stands in one data folder's runtime.env."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.path = folder / NAME
        self._environ = environ
        self._kept = {name: value for name, value in read(self.path).items() if name in (*KEYS, POSTGRES_PASSWORD)}
        self.made_keys = False

    def ensure_keys(self) -> None:
        """Make the keys that neither the environment nor an earlier start has given."""
        if not self._has("SUPPORTOPS_SECRET_KEY"):
            self._kept["SUPPORTOPS_SECRET_KEY"] = secrets.token_urlsafe(48)
            self.made_keys = True
        if not self._has("SUPPORTOPS_MASTER_KEYS"):
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            self._kept["SUPPORTOPS_MASTER_KEYS"] = f"k1:{key}"
            self.made_keys = True

    def _has(self, name: str) -> bool:
        return bool(self._environ.get(name) or self._kept.get(name))

    def postgres_password(self) -> str:
        """Give the password of our own PostgreSQL, made once."""
        return self._kept.setdefault(POSTGRES_PASSWORD, secrets.token_urlsafe(24))

    def write(self, values: Mapping[str, str], user: User | None) -> None:
        """Write the kept keys and `values`, readable by `user` alone. Raises OSError."""
        lines = [f"{name}={value}" for name, value in {**self._kept, **values}.items()]
        write_private(self.path, HEADER + "\n".join(lines) + "\n", user)


def read(path: Path) -> dict[str, str]:
    """Give what stands in a runtime.env; nothing where there is none."""
    if not path.is_file():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if not line.startswith("#"))
    return {name: value for name, separator, value in pairs if separator}


def has_own_keys(path: Path) -> bool:
    """Say whether the keys lie beside the data."""
    return any(name in read(path) and not os.environ.get(name) for name in KEYS)
