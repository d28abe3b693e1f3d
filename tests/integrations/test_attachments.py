"""Where a file in a parameter may come from, and where it may not."""

from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from integrations.attachments import Attachments, FileSource, open_source, references
from integrations.errors import InvalidInput
from integrations.http import PlatformClient
from integrations.parameters import Parameters
from integrations.specs import Call, File


class Mail(Parameters):
    attachments: Attachments = []
    nested: dict[str, list[FileSource]] = {}


def client(answer: httpx.Response | None = None) -> PlatformClient:
    return PlatformClient(transport=httpx.MockTransport(lambda request: answer or httpx.Response(404)))


def test_names_alone_are_files_of_the_store() -> None:
    assert [source.file for source in Mail(attachments="report.pdf").attachments] == ["report.pdf"]
    both = Mail(attachments=["a.txt", {"content": "b"}], nested={"x": [{"file_path": "c.txt"}]})
    assert references(both) == {"a.txt", "c.txt"}


@pytest.mark.parametrize(
    "given", [{}, {"file": "a", "url": "https://a.example/b"}, {"filename": "x"}, {"url": "/etc/x"}]
)
def test_takes_exactly_one_source(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FileSource(**given)


def test_opens_what_the_call_brought() -> None:
    call = Call(files={"a.csv": File("a.csv", b"1,2", "text/csv")})
    assert open_source(FileSource(file="a.csv"), call, client()) == File("a.csv", b"1,2", "text/csv")
    renamed = open_source(FileSource(file="a.csv", filename="b.csv"), call, client())
    assert renamed.name == "b.csv"


def test_never_reads_the_server() -> None:
    with pytest.raises(InvalidInput, match="no file '/etc/passwd'"):
        open_source(FileSource(file_path="/etc/passwd"), Call(), client())


def test_fetches_an_address() -> None:
    answer = httpx.Response(200, content=b"%PDF", headers={"content-type": "application/pdf; x=y"})
    found = open_source(FileSource(url="https://files.example/a%20b.pdf?x=1"), Call(), client(answer))
    assert found == File("a b.pdf", b"%PDF", "application/pdf")


def test_content_is_text_or_base64() -> None:
    assert open_source(FileSource(content="é", filename="a.csv"), Call(), client()) == File(
        "a.csv", "é".encode(), "text/csv"
    )
    assert open_source(FileSource(content_base64="AAE="), Call(), client()).content == b"\x00\x01"
    with pytest.raises(InvalidInput, match="base64"):
        open_source(FileSource(content_base64="AAE"), Call(), client())
