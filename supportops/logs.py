"""Logs: one JSON object per line, with the organization, request and trace that the line belongs to.

Lines of structlog and of the standard library's loggers end in the same form, masked, on the console and in
`<data>/logs/`. Nothing that somebody else wrote can forge a line or move a terminal's cursor; a record that cannot be
shown as it is is shown as well as it can be: logging never raises.
"""

import json
import logging
import logging.config
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

from supportops import context, redaction
from supportops.tenancy.scope import organization_in_scope

# Read of a text, and then shown of it: masking comes in between, so that no half of a secret remains at the cut.
_MOST_READ = 1024 * 1024
_MOST_TEXT = 16_384
_MOST_ITEMS = 100
_DEEPEST = 6

# What every record has by itself; the rest was given by `extra`.
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
# Given by Django and structlog for their own handlers; the first would show addresses with everything in them.
_UNWANTED = frozenset({"request", "server_time", "_logger", "_name", "_from_structlog", "_record"})

# Line ends of other alphabets, terminal commands, directions of writing, halves of characters.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f]")
_CONTROL_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Secrets that stand in texts of libraries, where no value is known and no name stands beside it.
_IN_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"), rf"\1 {redaction.MASK}"),
    (re.compile(r"\bso_[A-Za-z0-9_-]{20,}"), redaction.MASK),
    # Passwords in addresses of databases and brokers.
    (re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@"), rf"\1:{redaction.MASK}@"),
    # Addresses that were given to a platform or to a person.
    (re.compile(r"(/api/webhooks/[a-z0-9_-]{1,63}/[A-Za-z0-9_-]{6})[A-Za-z0-9_-]{10,}"), r"\1…"),
    (re.compile(r"(/people/invitation/)[^\s?\"']+"), r"\1…"),
)

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configure(settings: Mapping[str, Any]) -> None:
    """Configure logging from `settings.LOGGING`: level, directory, megabytes, files, integration_debug.

    Raises ImproperlyConfigured for a level that there is not.
    """
    level = str(settings["level"]).upper()
    if level not in _LEVELS:
        raise ImproperlyConfigured(f"SUPPORTOPS_LOG_LEVEL is '{level}'; it must be one of {', '.join(_LEVELS)}.")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Loggers are made when modules are loaded, some before this runs.
        cache_logger_on_first_use=False,
    )
    logging.config.dictConfig(_configuration(settings, level))
    logging.captureWarnings(True)


def _configuration(settings: Mapping[str, Any], level: str) -> dict[str, Any]:
    files = int(settings.get("files", 5))

    def file(name: str) -> dict[str, Any]:
        return {
            "()": "supportops.log_files.SharedFileHandler",
            "path": f"{settings['directory']}/{name}",
            "most_bytes": int(float(settings.get("megabytes", 20)) * 1024 * 1024),
            "keep": files,
            "formatter": "json",
        }

    handlers: dict[str, Any] = {
        "console": {"()": "supportops.logs.ConsoleHandler", "filters": ["not_of_integrations"]},
    }
    if files:
        handlers["file"] = {**file("supportops.log"), "filters": ["not_of_integrations"]}
        handlers["integrations"] = file("integrations.log")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "supportops.logs.JsonFormatter"}},
        "filters": {"not_of_integrations": {"()": "supportops.logs.NotOfIntegrations", "to_elsewhere": bool(files)}},
        "handlers": handlers,
        "root": {"handlers": [name for name in ("console", "file") if name in handlers], "level": level},
        "loggers": {
            "integrations": {
                "handlers": ["integrations"] if files else [],
                # The requests and answers were asked for, whatever the level of the rest.
                "level": "INFO" if settings.get("integration_debug") and level != "DEBUG" else level,
            },
            # Django gives these handlers of their own; a refused request is its sender's matter, not the log's.
            "django": {"handlers": [], "level": level},
            "django.server": {"handlers": [], "propagate": True},
            "django.request": {"level": "ERROR"},
        },
    }


class NotOfIntegrations(logging.Filter):
    """Lets pass what does not stand in integrations.log alone: there from the level of a warning up stands in both."""

    def __init__(self, to_elsewhere: bool = True) -> None:
        super().__init__()
        self._to_elsewhere = to_elsewhere

    def filter(self, record: logging.LogRecord) -> bool:
        is_theirs = record.name == "integrations" or record.name.startswith("integrations.")
        return not (self._to_elsewhere and is_theirs and record.levelno < logging.WARNING)


class JsonFormatter(logging.Formatter):
    """Makes of a record one line of JSON. Never raises."""

    def format(self, record: logging.LogRecord) -> str:
        return _escaped(json.dumps(_safe_fields(record), ensure_ascii=False))


class TerminalFormatter(logging.Formatter):
    """Makes of a record one line for people, and below it the traceback where there is one. Never raises."""

    _COLOURS = {"warning": "33", "error": "31", "critical": "31;1", "debug": "2"}

    def format(self, record: logging.LogRecord) -> str:
        fields = _safe_fields(record)
        at, level, event = fields.pop("at"), str(fields.pop("level")), str(fields.pop("event"))
        trace = str(fields.pop("exception", ""))
        logger = fields.pop("logger", "")
        fields.pop("pid", None)
        shown = " ".join(f"{name}={_one_line(_brief(value))}" for name, value in fields.items())
        colour = self._COLOURS.get(level, "0")
        line = f"{str(at)[11:19]} \x1b[{colour}m{level:<8}\x1b[0m {logger}: {_one_line(event)}"
        lines = [f"{line}  {shown}" if shown else line, *(_one_line(part) for part in trace.splitlines())]
        return "\n".join(lines)


class ConsoleHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to stderr: for people on a terminal, else as JSON. Never raises."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(TerminalFormatter() if _is_terminal(sys.stderr) else JsonFormatter())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Lose the record. Python's own shows its values as they are, on the stream that has just failed."""


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record says: at, level, logger, event, where it belongs, what was given with it; masked."""
    acting = context.current()
    given = _given(record)
    event = given.pop("event", "")
    exc_info = given.pop("exc_info", None) or record.exc_info
    stack = given.pop("stack", None) or record.stack_info
    about = {
        "organization": organization_in_scope(),
        "request_id": acting.request_id,
        "trace_id": acting.trace_id,
    }
    redactor = redaction.current()
    fields: dict[str, Any] = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _short(_masked_patterns(redactor.text(_text(event)))),
        "pid": record.process,
        **{name: str(value) for name, value in about.items() if value},
    }
    for name, value in redactor.value(_plain(given)).items():
        # What belongs to the line is not overwritten by what was given with it.
        fields[f"{name}_" if name in fields else name] = _masked_texts(value)
    if trace := _trace(exc_info, stack):
        masked = _masked_patterns(redactor.text(trace))
        # What happened stands at the end.
        fields["exception"] = masked if len(masked) <= _MOST_TEXT else "…" + masked[-_MOST_TEXT:]
    return fields


def _safe_fields(record: logging.LogRecord) -> dict[str, Any]:
    try:
        return fields_of(record)
    except Exception as error:  # noqa: BLE001 - whatever a value does when it is shown, its line does not raise
        # Nothing of what was given: it could not be masked.
        return {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": "A record could not be shown.",
            "place": f"{record.module}:{record.lineno}",
            "reason": type(error).__name__,
        }


def _given(record: logging.LogRecord) -> dict[str, Any]:
    """Return the event and fields of a record of structlog, or message and `extra` of one of the standard library."""
    if isinstance(record.msg, dict):
        given = {str(name): value for name, value in record.msg.items() if name not in _UNWANTED}
        if arguments := given.pop("positional_args", None):
            given["event"] = _filled_in(given.get("event", ""), arguments)
        return given
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in _UNWANTED}
    return {**extra, "event": _filled_in(record.msg, record.args)}


def _filled_in(message: Any, arguments: Any) -> str:
    try:
        return str(message) % arguments if arguments else str(message)
    except Exception:  # noqa: BLE001 - wrong arguments, or ones that cannot be shown
        return f"{message} (its arguments do not fit)"


def _trace(exc_info: Any, stack: Any) -> str:
    """Return the traceback of what structlog and the standard library may give as `exc_info`, and the stack."""
    if exc_info is True:
        exc_info = sys.exc_info()
    elif isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    parts = [str(stack)] if stack else []
    if isinstance(exc_info, tuple) and len(exc_info) == 3 and exc_info[1] is not None:
        error: BaseException = exc_info[1]
        where: TracebackType | None = exc_info[2]
        parts.append("".join(traceback.format_exception(type(error), error, where)).rstrip())
    return "\n".join(parts)[-_MOST_READ:]


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a copy of `value` that is JSON, bounded in size and depth."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # JSON knows neither infinity nor NaN.
        return value if value - value == 0 else str(value)
    if isinstance(value, str):
        return _text(value)
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {_text(str(name))[:200]: _plain(item, depth + 1) for name, item in list(value.items())[:_MOST_ITEMS]}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in list(value)[:_MOST_ITEMS]]
    try:
        return _text(str(value))
    except Exception as error:  # noqa: BLE001 - its own fault shall not cost the rest of the line
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else str(value))[:_MOST_READ]


def _short(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"


def _masked_texts(value: Any) -> Any:
    if isinstance(value, str):
        return _short(_masked_patterns(value))
    if isinstance(value, dict):
        return {name: _masked_texts(item) for name, item in value.items()}
    return [_masked_texts(item) for item in value] if isinstance(value, list) else value


def _masked_patterns(text: str) -> str:
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _escaped(line: str) -> str:
    """Escape, within a line of JSON, what a viewer could take for something else than text."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _one_line(text: str) -> str:
    return _escaped(_CONTROL.sub(lambda found: _CONTROL_NAMES.get(found[0], f"\\x{ord(found[0]):02x}"), text))


def _brief(value: Any) -> str:
    if isinstance(value, str):
        return value if value and not re.search(r'[\s="]', value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False
