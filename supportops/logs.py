"""Log fields and where logs go. Filled in by the observability part; see docs/operations.md."""

import logging.config
from typing import Any


def configure(settings: dict[str, Any]) -> None:
    """Configure logging from `settings.LOGGING` (level, directory)."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"console": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["console"], "level": settings["level"]},
        }
    )
