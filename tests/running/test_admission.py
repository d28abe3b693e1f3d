"""Pages may fill most threads, receipts always find one."""

from collections.abc import Iterable
from typing import Any

import pytest

from supportops.running.admission import Admission


class Body(list[bytes]):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def ask(admission: Admission, path: str) -> tuple[str, dict[str, str], Iterable[bytes]]:
    answer: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        answer.update(status=status, headers=dict(headers))

    body = admission({"PATH_INFO": path}, start_response)
    return answer["status"], answer["headers"], body


def application(environ: dict[str, Any], start_response: Any) -> Body:
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError("page failed")
    return Body([b"page"])


def test_what_is_too_much_is_told_to_come_again_and_receipts_pass() -> None:
    admission = Admission(application, most=2)
    first, second = ask(admission, "/admin/"), ask(admission, "/api/runs/")
    assert first[0] == second[0] == "200 OK"
    status, headers, body = ask(admission, "/api/runs/")
    assert status.startswith("503")
    assert headers["Retry-After"] == "1"
    assert b'"code": "busy"' in b"".join(body)
    for path in ("/api/webhooks/zendesk/x", "/healthz", "/readyz"):
        assert ask(admission, path)[0] == "200 OK"
    assert list(first[2]) == [b"page"]
    first[2].close()  # type: ignore[attr-defined]
    assert ask(admission, "/admin/")[0] == "200 OK"


def test_a_place_is_given_back_once_however_often_the_server_closes() -> None:
    admission = Admission(application, most=1)
    _, _, body = ask(admission, "/admin/")
    body.close()  # type: ignore[attr-defined]
    body.close()  # type: ignore[attr-defined]
    assert ask(admission, "/admin/")[0] == "200 OK"
    assert ask(admission, "/admin/")[0].startswith("503")


def test_a_page_that_fails_gives_its_place_back() -> None:
    admission = Admission(application, most=1)
    with pytest.raises(RuntimeError):
        ask(admission, "/fails")
    assert ask(admission, "/admin/")[0] == "200 OK"
