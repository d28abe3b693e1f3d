"""Every line is one object, tells where it belongs, holds no secret, and forges nothing. Logging never raises."""

import fcntl
import json
import logging
import logging.config
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured

from supportops import logs
from supportops.context import acting_as
from supportops.log_files import SharedFileHandler
from supportops.redaction import MASK, redacting
from supportops.tenancy.scope import working_for

SECRET = "hunter2-hunter2-hunter2"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the logs go, with logging configured as in the product; the tests' own configuration comes back after."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    ours: Any = {"level": "INFO", "directory": str(tmp_path / "logs"), "megabytes": 1, "files": 2}
    logs.configure(ours)
    # pytest's own handlers were taken away by that.
    yield tmp_path / "logs"
    logging.captureWarnings(False)
    for handler in [*root.handlers, *logging.getLogger("integrations").handlers]:
        handler.close()
    from django.conf import settings

    logs.configure(settings.LOGGING)
    root.handlers[:], root.level = before


def lines(folder: Path, name: str = "supportops.log") -> list[dict[str, Any]]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# --- one form -------------------------------------------------------------------------------------------------


def test_both_kinds_of_loggers_end_in_the_same_form(folder: Path) -> None:
    organization = uuid.uuid4()
    with working_for(organization), acting_as(request_id="r-1", trace_id="t-1"):
        structlog.get_logger("rules.planning").warning("rule.slow", rule="urgent", ms=12.5)
        logging.getLogger("rules.planning").warning("rule.%s", "slow", extra={"rule": "urgent", "ms": 12.5})
    first, second = lines(folder)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("at"))
    second.pop("at")
    assert first == second
    assert first == {
        "level": "warning",
        "logger": "rules.planning",
        "event": "rule.slow",
        "pid": os.getpid(),
        "organization": str(organization),
        "request_id": "r-1",
        "trace_id": "t-1",
        "rule": "urgent",
        "ms": 12.5,
    }


def test_a_logger_is_named_after_its_module_and_keeps_its_level(folder: Path) -> None:
    log = structlog.get_logger()
    log.info("seen")
    log.debug("not.seen")
    log.info("seen %s", "again")
    assert [(line["logger"], line["event"]) for line in lines(folder)] == [(__name__, "seen"), (__name__, "seen again")]


def test_exceptions_come_with_their_traceback_and_masked(folder: Path) -> None:
    with redacting([SECRET]):
        for log in (structlog.get_logger("x"), logging.getLogger("x")):
            try:
                raise ValueError(f"wrong password {SECRET}")
            except ValueError:
                log.exception("failed")
    for line in lines(folder):
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith(f"ValueError: wrong password {MASK}")
    assert len(lines(folder)) == 2


def test_what_is_given_does_not_replace_what_belongs_to_the_line(folder: Path) -> None:
    structlog.get_logger("x").info("event", level="fake", at="yesterday", logger="y", pid=1)
    (line,) = lines(folder)
    assert (line["level"], line["logger"], line["pid"]) == ("info", "x", os.getpid())
    assert (line["level_"], line["logger_"], line["pid_"]) == ("fake", "y", 1)


# --- secrets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log", [lambda: structlog.get_logger("x"), lambda: logging.getLogger("x")], ids=["structlog", "logging"]
)
def test_secrets_are_masked_by_value_wherever_they_stand(folder: Path, log: Any) -> None:
    with redacting([SECRET]):
        log().warning(f"the platform said {SECRET}")
        log().warning("said", extra={"answer": {"deep": [f"x{SECRET}y"]}})
        log().warning("said %s", SECRET)
    assert SECRET not in (folder / "supportops.log").read_text()
    assert len(lines(folder)) == 3


def test_secrets_are_masked_by_name(folder: Path) -> None:
    structlog.get_logger("x").info(
        "called", headers={"Authorization": "abc", "Accept": "json"}, api_key="short", password=None
    )
    (line,) = lines(folder)
    assert line["headers"] == {"Authorization": MASK, "Accept": "json"}
    assert (line["api_key"], line["password"]) == (MASK, None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: Bearer {MASK}"),
        ("token so_" + "a" * 40 + " expired", f"token {MASK} expired"),
        ("postgresql://app:pa55word@db:5432/x is away", f"postgresql://app:{MASK}@db:5432/x is away"),
        ("redis://:pa55word@cache:6379/0", f"redis://:{MASK}@cache:6379/0"),
        ("Not Found: /api/webhooks/zendesk/abcdefghijklmnopqrst", "Not Found: /api/webhooks/zendesk/abcdef…"),
        ("GET /people/invitation/MQ/c1-abc/ x", "GET /people/invitation/… x"),
        ("https://example.com/a:b@c", "https://example.com/a:b@c"),
    ],
)
def test_secrets_in_texts_of_libraries_are_masked(folder: Path, text: str, shown: str) -> None:
    logging.getLogger("x").warning(text)
    structlog.get_logger("x").warning("e", text=text)
    assert [line.get("text", line["event"]) for line in lines(folder)] == [shown, shown]


def test_no_half_of_a_secret_remains_where_a_long_text_is_cut(folder: Path) -> None:
    with redacting([SECRET]):
        logging.getLogger("x").warning("a" * (16_384 - 5) + SECRET)
    (line,) = lines(folder)
    assert "hunt" not in line["event"]
    assert len(line["event"]) == 16_384 + 1


# --- injection ------------------------------------------------------------------------------------------------

NASTY = 'a\r\n{"level": "error"}\x1b[2J\x9b1A\u2028\u2029\u202e\ud800\x00\x7f"end"'


def test_nothing_forges_a_line_or_reaches_the_terminal(folder: Path) -> None:
    structlog.get_logger("x").warning(NASTY, value=NASTY, **{NASTY: 1})
    logging.getLogger("x").warning("%s", NASTY)
    raw = (folder / "supportops.log").read_bytes()
    assert raw.count(b"\n") == 2
    text = raw.decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", text)
    assert [line["event"] for line in lines(folder)] == [NASTY, NASTY]
    assert lines(folder)[0]["value"] == NASTY


def test_the_terminals_lines_are_safe_too() -> None:
    record = logging.LogRecord("x", logging.WARNING, "f.py", 1, "%s", (NASTY,), None)
    record.detail = NASTY
    line = logs.TerminalFormatter().format(record)
    assert "\n" not in line
    without_ours = re.sub("\x1b\\[[0-9;]+m", "", line)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", without_ours)


def test_the_terminal_shows_event_fields_and_traceback() -> None:
    try:
        raise KeyError("k")
    except KeyError:
        record = logging.LogRecord("rules", logging.ERROR, "f.py", 1, "rule failed", (), sys.exc_info())
    record.rule = "two words"
    text = logs.TerminalFormatter().format(record)
    assert 'rules: rule failed  rule="two words"\nTraceback' in text
    assert text.endswith("KeyError: 'k'")


# --- never raises ---------------------------------------------------------------------------------------------


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_whatever_is_given_can_be_logged(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    # pytest's own raise.
    ours = [handler for handler in root.handlers if type(handler).__module__.startswith("supportops.")]
    monkeypatch.setattr(root, "handlers", ours)
    loop: list[Any] = []
    loop.append(loop)
    given = {"loop": loop, "nan": float("nan"), "set": {1}, "bytes": b"\xff", "broken": Broken(), 5: 6, "big": 2**80}
    structlog.get_logger("x").info("given", given=given)
    logging.getLogger("x").info("wrong %d", "arguments")
    logging.getLogger("x").info("%s", Broken())
    logging.getLogger("x").info(Broken())
    logging.getLogger("x").info({"event": "a dict", "n": 1})
    structlog.get_logger("x").info("wrong %d", "arguments")
    got = lines(folder)
    assert got[0]["given"]["nan"] == "nan"
    assert got[0]["given"]["broken"] == "<Broken: RuntimeError>"
    assert got[0]["given"]["big"] == 2**80
    assert got[1]["event"] == "wrong %d (its arguments do not fit)"
    assert got[3]["event"] == "A record could not be shown."
    assert got[4]["n"] == 1
    assert len(got) == 6
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    handler = SharedFileHandler(str(tmp_path / "taken" / "x.log"), 1000, 2)
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "lost", (), None)
    handler.handle(record)
    handler.handle(record)
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_a_wrong_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="SUPPORTOPS_LOG_LEVEL is 'LOUD'"):
        logs.configure({"level": "loud", "directory": str(tmp_path)})


# --- files ----------------------------------------------------------------------------------------------------


def test_files_are_for_their_owner_alone_and_come_with_the_first_line(folder: Path) -> None:
    assert not folder.exists()
    logging.getLogger("x").warning("first")
    assert (folder / "supportops.log").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_integrations_have_a_file_of_their_own(folder: Path) -> None:
    logging.getLogger("integrations.http").info("GET https://example.com -> 200")
    structlog.get_logger("integrations.connectors.slack").info("hello")
    logging.getLogger("integrations.http").warning("trouble")
    logging.getLogger("integrationsx").info("another")
    assert [line["event"] for line in lines(folder, "integrations.log")] == [
        "GET https://example.com -> 200",
        "hello",
        "trouble",
    ]
    assert [line["event"] for line in lines(folder)] == ["trouble", "another"]


def test_integration_debug_holds_at_any_level(folder: Path) -> None:
    logs.configure({"level": "ERROR", "directory": str(folder), "integration_debug": True})
    logging.getLogger("integrations.http").info("asked for")
    assert [line["event"] for line in lines(folder, "integrations.log")] == ["asked for"]


def test_without_files_everything_is_on_the_console(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure({"level": "INFO", "directory": str(folder), "files": 0})
    logging.getLogger("integrations.http").info("here")
    logging.getLogger("x").info("there")
    shown = [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()]
    assert shown == ["here", "there"]
    assert not folder.exists()


def test_refused_requests_do_not_fill_the_log_but_failures_stand_in_it(folder: Path) -> None:
    logging.getLogger("django.request").warning("Not Found: %s", "/x", extra={"status_code": 404, "request": object()})
    logging.getLogger("django.request").error("Internal: %s", "/x", extra={"status_code": 500, "request": object()})
    (line,) = lines(folder)
    assert (line["event"], line["status_code"]) == ("Internal: /x", 500)
    assert "request" not in line


def test_a_moved_file_is_opened_anew(folder: Path) -> None:
    log = logging.getLogger("x")
    log.warning("one")
    (folder / "supportops.log").rename(folder / "taken.log")
    log.warning("two")
    assert [line["event"] for line in lines(folder)] == ["two"]


WRITER = """
import logging, sys
from supportops.log_files import SharedFileHandler
handler = SharedFileHandler(sys.argv[1], int(sys.argv[3]), 50)
handler.setFormatter(logging.Formatter("%(message)s"))
for number in range(int(sys.argv[4])):
    message = f"{sys.argv[2]}-{number:05d}-" + "x" * 80
    handler.handle(logging.LogRecord("x", 20, "f", 1, message, (), None))
"""


def test_several_processes_write_and_turn_over_one_file_without_losing_a_line(tmp_path: Path) -> None:
    path, count = tmp_path / "shared.log", 2000
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, "40000", str(count)], env=dict(os.environ))
        for name in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    files = [file for file in tmp_path.iterdir() if file.suffix != ".lock"]
    assert len(files) > 5
    found = [line for file in files for line in file.read_text().splitlines()]
    assert sorted(found) == sorted(f"{name}-{n:05d}-" + "x" * 80 for name in "abc" for n in range(count))
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_nobody_waits_for_a_process_that_was_stopped_while_turning_over(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    handler = SharedFileHandler(str(path), 100, 2)
    handler.setFormatter(logging.Formatter("%(message)s"))
    record = logging.LogRecord("x", 20, "f", 1, "x" * 90, (), None)
    with (tmp_path / "x.log.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        handler.handle(record)
        handler.handle(record)
        assert path.stat().st_size == 2 * 91
    handler.handle(record)
    handler.close()
    assert (path.stat().st_size, (tmp_path / "x.log.1").stat().st_size) == (91, 2 * 91)


def test_only_so_many_files_are_kept(tmp_path: Path) -> None:
    handler = SharedFileHandler(str(tmp_path / "x.log"), 1000, 2)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for number in range(10):
        handler.handle(logging.LogRecord("x", 20, "f", 1, f"{number}" * 600, (), None))
    handler.close()
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["x.log", "x.log.1", "x.log.2", "x.log.lock"]
    assert [(tmp_path / name).read_text()[0] for name in names[:3]] == ["9", "8", "7"]
