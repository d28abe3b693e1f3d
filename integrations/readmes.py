"""What a connector's README says: for people who set it up, in the catalogue and the admin."""

import inspect
import re
from functools import lru_cache
from pathlib import Path

from integrations.base import BaseIntegration

# The sections that say what to do in the platform, one for each way in which it can send; the usual one needs no title.
_RECEIVING = re.compile(r"\b(events?|webhooks?)\b", re.IGNORECASE)
_USUAL = "Receive events"


def readme(connector: type[BaseIntegration]) -> str:
    """Return the README beside the connector's module, "" where there is none."""
    try:
        return _read(str(Path(inspect.getfile(connector)).parent / "README.md"))
    except (TypeError, OSError):
        return ""  # a class without a file: made in a test or an interpreter


def setup_of_webhook(connector: type[BaseIntegration]) -> str:
    """Return what to do in the platform so that it sends to us, in Markdown, "" where it sends nothing."""
    return "\n\n".join(
        text if title == _USUAL else f"**{title}**\n\n{text}"
        for title, text in sections(readme(connector)).items()
        if _RECEIVING.search(title)
    )


def setup_text(connector: type[BaseIntegration]) -> str:
    """Return the same; the whole README where no section is about that."""
    return setup_of_webhook(connector) or readme(connector)


def sections(markdown: str) -> dict[str, str]:
    """Return the texts under headings of the second level, by title."""
    parts = re.split(r"^## +(.+?) *$", markdown, flags=re.MULTILINE)
    return {title: text.strip() for title, text in zip(parts[1::2], parts[2::2], strict=True)}


@lru_cache(maxsize=256)
def _read(path: str) -> str:
    file = Path(path)
    return file.read_text(encoding="utf-8") if file.is_file() else ""
