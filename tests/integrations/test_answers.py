"""What is made of a platform's answer: classes of errors, words for people, waits, bodies."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from integrations import errors
from integrations.answers import Response
from supportops import clock
from tests.integrations.acme import Handler, answering, client


class TestStatusCodes:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (304, errors.Permanent),
            (400, errors.InvalidInput),
            (401, errors.CredentialsRejected),
            (402, errors.Forbidden),
            (403, errors.Forbidden),
            (404, errors.NotFound),
            (405, errors.Permanent),
            (408, errors.Unavailable),
            (409, errors.Permanent),
            (410, errors.NotFound),
            (413, errors.InvalidInput),
            (415, errors.InvalidInput),
            (422, errors.InvalidInput),
            (425, errors.Unavailable),
            (429, errors.RateLimited),
            (451, errors.Forbidden),
            (500, errors.Unavailable),
            (501, errors.Permanent),
            (502, errors.Unavailable),
            (503, errors.Unavailable),
            (504, errors.Unavailable),
            (524, errors.Unavailable),
        ],
    )
    def test_each_has_its_class(self, status: int, expected: type[errors.IntegrationError]) -> None:
        with pytest.raises(errors.IntegrationError) as caught:
            client(answering(status, json={"message": "why"})).post("x")
        assert type(caught.value) is expected
        assert caught.value.status_code == status
        if status >= 400:
            assert caught.value.message == f"Acme answered {status}: why"

    @pytest.mark.parametrize(
        ("method", "status", "reached"),
        [("POST", 500, True), ("POST", 504, True), ("POST", 503, False), ("GET", 500, False), ("POST", 429, False)],
    )
    def test_says_whether_it_may_have_had_its_effect(self, method: str, status: int, reached: bool) -> None:
        with pytest.raises(errors.Transient) as caught:
            client(answering(status)).request(method, "x")
        assert caught.value.may_have_reached is reached

    def test_an_expected_status_is_an_answer(self) -> None:
        response = client(answering(404, text="none")).get("x", expected=(404,))
        assert (response.status_code, response.is_success, response.text) == (404, False, "none")

    def test_remembers_whether_something_was_written(self) -> None:
        made = client(answering(200))
        made.get("x")
        assert not made.has_written
        made.post("x")
        assert made.has_written
        for status in (500, 429, 400):
            refused = client(answering(status))
            with pytest.raises(errors.IntegrationError):
                refused.post("x")
            assert not refused.has_written


class TestWords:
    @pytest.mark.parametrize(
        ("document", "said"),
        [
            ({"error": "invalid_auth"}, "invalid_auth"),
            ({"error": {"title": "Forbidden", "message": "You cannot"}}, "You cannot"),
            ({"error": "RecordInvalid", "description": "Record validation errors"}, "Record validation errors"),
            (
                {"error": "RecordInvalid", "details": {"status": [{"description": "Status: closed prevents update"}]}},
                "RecordInvalid; status: Status: closed prevents update",
            ),
            (
                {"description": "Validation failed", "errors": [{"field": "email", "message": "is not valid"}]},
                "Validation failed; email: is not valid",
            ),
            (
                {"errorMessages": ["No project"], "errors": {"summary": "is required"}},
                "No project; summary: is required",
            ),
            ({"errors": [{"code": "x", "title": "T", "detail": "D"}]}, "D"),
            ({"errors": ["one", "two"]}, "one; two"),
            ({"detail": "Not found."}, "Not found."),
            (["first", {"message": "second"}], "first; second"),
            ({"ok": False}, ""),
            ({"error": True, "message": None}, ""),
            ("only text", "only text"),
            (7, ""),
        ],
    )
    def test_found_in_json(self, document: Any, said: str) -> None:
        with pytest.raises(errors.InvalidInput) as caught:
            client(answering(400, json=document)).get("x")
        assert caught.value.message == "Acme answered 400" + (f": {said}" if said else ".")

    def test_found_in_plain_text_but_not_in_web_pages(self) -> None:
        with pytest.raises(errors.InvalidInput, match="400: invalid id"):
            client(answering(400, text="invalid\n id ")).get("x")
        with pytest.raises(errors.Unavailable, match=r"502\.$"):
            client(answering(502, text="\n<html><h1>Bad gateway</h1></html>")).get("x")

    def test_bounded(self) -> None:
        with pytest.raises(errors.InvalidInput) as caught:
            client(answering(400, json={"message": "x" * 5000})).get("x")
        assert len(caught.value.message) < 330

    def test_deep_and_wide_documents_end(self) -> None:
        deep: Any = "end"
        for _ in range(90):
            deep = {"error": deep}
        with pytest.raises(errors.InvalidInput):
            client(answering(400, json=deep)).get("x")
        with pytest.raises(errors.InvalidInput):
            client(answering(400, json={"errors": [{"message": "m" * 100}] * 5000})).get("x")


class TestRateLimits:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("7", 7),
            ("100.0", 100),
            (" 3 ", 3),
            ("-5", 1),
            ("0", 1),
            ("1e9", 3600),
            ("999999999999999999999", 3600),
            ("inf", 3600),
            ("nan", None),
            ("soon", None),
            ("", None),
            (format_datetime(now + timedelta(seconds=90), usegmt=True), 90),
            (format_datetime(now - timedelta(days=1), usegmt=True), 1),
            (format_datetime(now + timedelta(days=2), usegmt=True), 3600),
            ("Sat, 32 Nov 2026 12:00:00 GMT", None),
        ],
    )
    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_in_all_its_forms(self, value: str, seconds: float | None, status: int) -> None:
        with clock.frozen(self.now), pytest.raises((errors.RateLimited, errors.Unavailable)) as caught:
            client(answering(status, headers={"Retry-After": value})).get("x")
        assert caught.value.retry_after == seconds

    def test_a_date_is_measured_by_the_platforms_own_clock(self) -> None:
        theirs = self.now - timedelta(hours=3)
        headers = {
            "Date": format_datetime(theirs, usegmt=True),
            "Retry-After": format_datetime(theirs + timedelta(seconds=20), usegmt=True),
        }
        with clock.frozen(self.now), pytest.raises(errors.RateLimited) as caught:
            client(answering(429, headers=headers)).get("x")
        assert caught.value.retry_after == 20

    def test_without_it_the_limits_own_end_counts(self) -> None:
        headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "41"}
        with clock.frozen(self.now), pytest.raises(errors.RateLimited) as caught:
            client(answering(429, headers=headers)).get("x")
        assert caught.value.retry_after == 41

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            (
                {"X-RateLimit-Total": "200.0", "X-RateLimit-Remaining": "199.0"},
                {"limit": 200, "remaining": 199, "reset_at": None},
            ),
            (
                {"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "699"},
                {"limit": 700, "remaining": 699, "reset_at": None},
            ),
            (
                {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "99", "ratelimit-reset": "60"},
                {"limit": 100, "remaining": 99, "reset_at": "2026-11-21T12:01:00+00:00"},
            ),
            (
                {"RateLimit-Policy": '"default";q=100;w=60', "RateLimit": '"default";r=50;t=30'},
                {"limit": 100, "remaining": 50, "reset_at": "2026-11-21T12:00:30+00:00"},
            ),
            (
                {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795262430"},
                {"limit": 5000, "remaining": 0, "reset_at": "2026-11-21T12:00:30+00:00"},
            ),
            (
                {"X-RateLimit-Limit": "5", "X-RateLimit-Reset": "1795262430000"},
                {"limit": 5, "remaining": None, "reset_at": "2026-11-21T12:00:30+00:00"},
            ),
            (
                {"X-RateLimit-Remaining": "-3", "X-RateLimit-Reset": "2026-11-21T12:00:30Z"},
                {"limit": None, "remaining": 0, "reset_at": "2026-11-21T12:00:30+00:00"},
            ),
            ({"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": ""}, None),
            ({"X-RateLimit-Limit": "9" * 400, "X-RateLimit-Reset": "9" * 400}, None),
            ({}, None),
        ],
    )
    def test_headers_in_all_their_forms(self, headers: dict[str, str], expected: Any) -> None:
        made = client(answering(200, headers=headers))
        with clock.frozen(self.now):
            made.get("x")
        if headers.get("X-RateLimit-Limit", "").startswith("999"):
            assert made.rate_limit == {"limit": 2**53, "remaining": None, "reset_at": None}
        else:
            assert made.rate_limit == expected

    def test_last_known_state_stays(self) -> None:
        made = client(
            lambda request: httpx.Response(
                200, headers={"X-RateLimit-Limit": "5"} if "a" in request.url.path[-1] else {}
            )
        )
        made.get("a")
        made.get("b")
        assert made.rate_limit is not None

    def test_connector_may_know_better(self) -> None:
        own = {"limit": 1, "remaining": 0, "reset_at": None}
        made = client(answering(200), rate_limit_of=lambda _: own)
        made.get("x")
        assert made.rate_limit == own


class TestAnswers:
    def test_odd_json_and_no_json(self) -> None:
        assert client(answering(200, content=b'{"id": 123456789012345678901}')).get("x").json() == {
            "id": "123456789012345678901"
        }
        with pytest.raises(errors.Permanent, match="not JSON: hello"):
            client(answering(200, text="hello")).get("x").json()

    def test_headers_do_not_care_about_case_and_text_knows_encodings(self) -> None:
        response = client(
            answering(200, content="é".encode("latin-1"), headers={"Content-Type": "a/b; charset=latin-1"})
        )
        got = response.get("x")
        assert got.headers["CONTENT-TYPE"] == got.headers["content-type"]
        assert got.text == "é"
        odd = client(answering(200, content=b"\xff", headers={"Content-Type": "a/b; charset=no-such"})).get("x")
        assert odd.text == "\ufffd"

    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "raw-deflate"])
    def test_decompressed(self, encoding: str) -> None:
        raw = zlib.compressobj(wbits=-15)
        packed = {
            "gzip": gzip.compress(b"hello ") + gzip.compress(b"world"),
            "x-gzip": gzip.compress(b"hello world"),
            "deflate": zlib.compress(b"hello world"),
            "raw-deflate": raw.compress(b"hello world") + raw.flush(),
        }[encoding]
        headers = {"Content-Encoding": encoding.removeprefix("raw-")}
        assert client(lambda _: httpx.Response(200, stream=httpx.ByteStream(packed), headers=headers)).get(
            "x"
        ).body == (b"hello world")

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [("br", b"abc"), ("gzip, gzip", b"abc"), ("gzip", b"no gzip"), ("gzip", gzip.compress(b"hello" * 99)[:-12])],
    )
    def test_unreadable_forms(self, encoding: str, body: bytes) -> None:
        handler: Handler = lambda _: httpx.Response(  # noqa: E731
            200, stream=httpx.ByteStream(body), headers={"Content-Encoding": encoding}
        )
        with pytest.raises(errors.Permanent, match="cannot be read"):
            client(handler).get("x")
        with pytest.raises(errors.Uncertain, match="may have had its effect"):
            client(handler).post("x")

    def test_unreadable_words_of_an_error_do_not_hide_it(self) -> None:
        handler: Handler = lambda _: httpx.Response(  # noqa: E731
            404, stream=httpx.ByteStream(b"?"), headers={"Content-Encoding": "gzip"}
        )
        with pytest.raises(errors.NotFound):
            client(handler).post("x")


def test_response_stands_alone() -> None:
    response = Response(200, body=b'{"a": 1}')
    assert response.json() == {"a": 1}
    assert response.json_or_none() == {"a": 1}
    assert Response(200, body=b"x").json_or_none() is None
