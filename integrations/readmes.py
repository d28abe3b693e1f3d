"""What a connector's README says: for people who set it up, in the catalogue and the admin."""

import inspect
import re
from functools import lru_cache
from pathlib import Path

from integrations.base import BaseIntegration

RECEIVE = "Receive events"


def readme(connector: type[BaseIntegration]) -> str:
    """Return the README beside the connector's module, "" where there is none."""
    try:
        return _read(str(Path(inspect.getfile(connector)).parent / "README.md"))
    except (TypeError, OSError):
        return ""  # a class without a file: made in a test or an interpreter


def setup_of_webhook(connector: type[BaseIntegration]) -> str:
    """Return what to do in the platform so that it sends to us, in Markdown: the section "Receive events"."""
    return section(readme(connector), RECEIVE)


def section(markdown: str, title: str) -> str:
    """Return the text under the heading ``## title``, "" where there is none."""
    found = re.search(rf"^## {re.escape(title)}[^\n]*\n(.*?)(?=^## |\Z)", markdown, flags=re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


@lru_cache(maxsize=256)
def _read(path: str) -> str:
    file = Path(path)
    return file.read_text(encoding="utf-8") if file.is_file() else ""
