"""Platforms that fail, over every action of every connector: the class, the wait, and what comes next.

A server on the loopback stands in for the whole platform and does the same to each request. What speaks no HTTP
(PostgreSQL, SMTP) and what calls any address (http, webhook) has tests of its own, and own events call nobody.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from integrations import registry
from integrations.base import BaseIntegration
from integrations.connecting import connect_with
from integrations.errors import (
    IntegrationError,
    Permanent,
    RateLimited,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.specs import READS, Action, ActionSpec, Call
from rules.retry import Bury, Hold, Move, RetryAt, RetryPolicy, next_move
from supportops import clock
from tests.integrations.raw_server import RawServer, answer
from tests.integrations.samples import CONFIG, CREDENTIALS, PARAMETERS

OWN_TESTS = {"http", "webhook", "custom", "postgresql", "smtp", "shell", "python"}
CONNECTORS = [cls for cls in registry.all_connectors() if cls.key not in OWN_TESTS]
ACTIONS = [(cls, spec) for cls in CONNECTORS for spec in cls.actions if spec.name in PARAMETERS.get(cls.key, {})]
# One action of each: how long an exchange lasts is decided beneath all of them.
FIRST_ACTIONS = [pair for pair in ACTIONS if pair[1] is pair[0].actions[0]]
SAFE = (b"GET", b"HEAD")
KEY = "01a1f89c-fb80-7c3a-9d52-6f1e2b3c4d5e"


@dataclass
class Outcome:
    """What an action came to: its error (None: a success or a plain no), and whether the last request may write."""

    error: IntegrationError | None
    success: bool
    wrote: bool
    elapsed: float
    move: Move | None
    began: datetime


def over(pairs: list[tuple[type[BaseIntegration], ActionSpec]]) -> Any:
    ids = [f"{cls.key}-{spec.name}" for cls, spec in pairs]
    return pytest.mark.parametrize(("connector", "spec"), pairs, ids=ids)


@contextmanager
def platform(settings: Any, key: str, script: Any) -> Iterator[RawServer]:
    """Stand in for a platform."""
    with RawServer(script) as server:
        settings.PLATFORM_URLS = {key: f"{server.url}/base"}
        yield server


def perform(
    settings: Any, connector: type[BaseIntegration], spec: ActionSpec, script: Any, *, deadline: float = 5.0
) -> Outcome:
    """Perform an action at a platform that answers everything by `script`."""
    with platform(settings, connector.key, script) as server:
        call = Call(idempotency_key=KEY, deadline=deadline, action=spec.name)
        instance = connect_with(connector, CREDENTIALS[connector.key], CONFIG.get(connector.key), call=call)
        parameters = PARAMETERS[connector.key][spec.name]
        began, start = clock.now(), time.monotonic()
        error, success = None, False
        try:
            success = instance.execute(Action(spec.name, parameters)).success
        except IntegrationError as failure:
            error = failure
        elapsed = time.monotonic() - start
        assert server.requests, "nothing was asked"
        wrote = server.requests[-1].split(b" ", 1)[0] not in SAFE
    move = None
    if error is not None:
        may_repeat = spec.may_repeat_with(spec.model.model_validate(parameters))
        move = next_move(error, attempts_made=1, now=began, policy=RetryPolicy(), may_repeat=may_repeat)
    return Outcome(error, success, wrote, elapsed, move, began)


def waits(outcome: Outcome, least: float, most: float) -> bool:
    """Whether the next try lies between so many seconds from now."""
    assert isinstance(outcome.move, RetryAt)
    return timedelta(seconds=least) <= outcome.move.at - outcome.began <= timedelta(seconds=most)


def test_every_action_is_tried() -> None:
    for cls in CONNECTORS:
        assert cls.key in CREDENTIALS, f"write credentials of {cls.key} into tests/integrations/samples.py"
        assert set(PARAMETERS.get(cls.key, {})) == {spec.name for spec in cls.actions}, f"{cls.key}: samples.py"


# --- 429 ------------------------------------------------------------------------------------------------------
DATE = "Fri, 20 Nov 2026 10:00:00 GMT"
LIMITED = '{"message": "too many requests"}'
# Headers, and the seconds that they ask for.
FORMS: dict[str, tuple[dict[str, str], float]] = {
    "seconds": ({"Retry-After": "7"}, 7),
    "a fraction": ({"Retry-After": "7.0"}, 7),
    "a date": ({"Retry-After": "Fri, 20 Nov 2026 10:00:30 GMT", "Date": DATE}, 30),
    "a date that is over": ({"Retry-After": "Fri, 20 Nov 2026 09:00:00 GMT", "Date": DATE}, 1),
    "zero": ({"Retry-After": "0"}, 1),
    "a day": ({"Retry-After": "86400"}, 3600),
}


@over(ACTIONS)
def test_too_many_requests_are_waited_out_as_long_as_was_said(
    settings: Any, connector: type[BaseIntegration], spec: ActionSpec
) -> None:
    for form, (headers, seconds) in FORMS.items():
        given = {name.replace("-", "_"): value for name, value in headers.items()}
        outcome = perform(settings, connector, spec, answer(LIMITED.encode(), "429 Too Many Requests", **given))
        assert type(outcome.error) is RateLimited, f"{form}: {outcome.error!r}"
        assert outcome.error.retry_after == seconds and not outcome.error.may_have_reached, form
        assert waits(outcome, seconds, seconds + 2), form


# Platforms that say how long in ways of their own, and what then is waited where nothing is said.
@over(ACTIONS)
def test_too_many_requests_without_a_word_are_waited_out_too(
    settings: Any, connector: type[BaseIntegration], spec: ActionSpec
) -> None:
    outcome = perform(settings, connector, spec, answer(b"", "429 Too Many Requests"))
    assert type(outcome.error) is RateLimited
    assert outcome.error.retry_after is None or 1 <= outcome.error.retry_after <= 60
    assert waits(outcome, 0.1, 62)


# Platforms that say otherwise when a limit begins anew, or not at all; they have tests of their own.
OWN_WAIT = {"github", "google_sheets", "notion", "pagerduty", "trello"}


@over(FIRST_ACTIONS)
def test_a_limit_that_begins_anew_is_waited_for(
    settings: Any, connector: type[BaseIntegration], spec: ActionSpec
) -> None:
    reply = answer(b"{}", "429 Too Many Requests", X_RateLimit_Remaining="0", X_RateLimit_Reset="24")
    outcome = perform(settings, connector, spec, reply)
    assert type(outcome.error) is RateLimited
    said = outcome.error.retry_after
    assert said is not None and (22 <= said <= 25 or connector.key in OWN_WAIT)


# --- 5xx ------------------------------------------------------------------------------------------------------
@over(ACTIONS)
def test_a_server_error_is_tried_again(settings: Any, connector: type[BaseIntegration], spec: ActionSpec) -> None:
    for status in ("500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout"):
        outcome = perform(settings, connector, spec, answer(b"<html>broken</html>", status, Content_Type="text/html"))
        assert type(outcome.error) is Unavailable, f"{status}: {outcome.error!r}"
        # What could have been done is looked for first, where it can be found.
        assert outcome.error.may_have_reached is outcome.wrote or not spec.find_earlier, status
        assert waits(outcome, 0.1, 3)


# A 503 of these may come after the work was done, as their own documentation or experience has it.
MAY_HAVE_DONE_IT = {"google_sheets", "notion"}


@over(ACTIONS)
def test_maintenance_is_waited_out(settings: Any, connector: type[BaseIntegration], spec: ActionSpec) -> None:
    outcome = perform(settings, connector, spec, answer(b"", "503 Service Unavailable", Retry_After="9"))
    assert type(outcome.error) is Unavailable and outcome.error.retry_after == 9
    assert waits(outcome, 9, 11)
    assert not outcome.error.may_have_reached or connector.key in MAY_HAVE_DONE_IT


# --- lines that break, hang and drip --------------------------------------------------------------------------
def cut(connection: Any, _: bytes) -> None:
    connection.close()


def half(connection: Any, _: bytes) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"id": 7')
    connection.close()


def hang(connection: Any, _: bytes) -> None:
    connection.recv(1)


def drip(connection: Any, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b" ")
        time.sleep(0.02)


def endless(connection: Any, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


def check_unanswered(outcome: Outcome, spec: ActionSpec, connector: type[BaseIntegration]) -> None:
    """What was cut off after it was sent is uncertain; what reads, or is nowhere to be seen yet, is tried again."""
    error = outcome.error
    parameters = spec.model.model_validate(PARAMETERS[connector.key][spec.name])
    if isinstance(error, Uncertain):
        assert outcome.wrote and error.may_have_reached
        assert isinstance(outcome.move, RetryAt if spec.may_repeat_with(parameters) else Hold)
        return
    assert isinstance(error, Unavailable | Unreachable), repr(error)
    assert isinstance(outcome.move, RetryAt)
    # An upload that nobody has seen yet may be begun anew.
    assert not outcome.wrote or (connector.key, spec.name) == ("slack", "upload_file")


@over(ACTIONS)
@pytest.mark.parametrize("script", [cut, half], ids=["before the answer", "in the answer"])
def test_a_line_that_is_cut_after_it_acted(
    settings: Any, connector: type[BaseIntegration], spec: ActionSpec, script: Callable[..., None]
) -> None:
    check_unanswered(perform(settings, connector, spec, script), spec, connector)


@over(FIRST_ACTIONS)
@pytest.mark.parametrize("script", [hang, drip])
def test_no_platform_keeps_a_worker_longer_than_the_calls_time(
    settings: Any, connector: type[BaseIntegration], spec: ActionSpec, script: Callable[..., None]
) -> None:
    outcome = perform(settings, connector, spec, script, deadline=1.0)
    assert outcome.elapsed < 2.5
    check_unanswered(outcome, spec, connector)


# --- 200 and no sense -----------------------------------------------------------------------------------------
@over(FIRST_ACTIONS)
def test_an_endless_answer_is_given_up(settings: Any, connector: type[BaseIntegration], spec: ActionSpec) -> None:
    outcome = perform(settings, connector, spec, endless)
    assert outcome.elapsed < 5 and outcome.error is not None
    if outcome.wrote:
        check_unanswered(outcome, spec, connector)
    else:
        assert isinstance(outcome.error, Permanent) and isinstance(outcome.move, Bury)


# By 2xx these have said everything: what they answer is not read, or shown as it is.
STATUS_IS_ALL = {"monitoring", "s3", "sendgrid", "teams", ("jira", "update_issue")}
# Platforms that say 200 and mean no.
SAYS_NO = {"compliance", "prometheus", "slack", "telegram"}
NO_JSON = {
    "a web page": answer(b"<!DOCTYPE html><title>Sign in</title>", Content_Type="text/html"),
    "broken JSON": answer(b'{"id": 7, "na', Content_Type="application/json"),
}
NO_ANSWER = {
    "nothing": answer(b"", Content_Type="application/json"),
    "a list": answer(b"[[]]", Content_Type="application/json"),
    "null": answer(b"null", Content_Type="application/json"),
}
NO = answer(
    b'{"ok": false, "status": "error", "errorType": "execution", "error": "no", "errors": ["no"], "message": "no"}',
    Content_Type="application/json",
)


@over(ACTIONS)
def test_an_answer_without_sense_is_no_success(
    settings: Any, connector: type[BaseIntegration], spec: ActionSpec
) -> None:
    status_is_all = connector.key in STATUS_IS_ALL or (connector.key, spec.name) in STATUS_IS_ALL
    for what, reply in {**NO_JSON, **NO_ANSWER, "no": NO}.items():
        # Whatever comes, it ends as an answer or as one of our errors.
        outcome = perform(settings, connector, spec, reply)
        if isinstance(outcome.error, Permanent):
            assert isinstance(outcome.move, Bury)
        if what in NO_JSON and not status_is_all:
            assert not outcome.success, what
        if spec.effect is READS:
            assert not outcome.success, f"{what} was taken for 'nothing found'"
        if what == "no" and connector.key in SAYS_NO:
            assert not outcome.success
