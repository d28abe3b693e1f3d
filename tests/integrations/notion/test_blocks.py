"""Texts as blocks and rich text, within Notion's sizes."""

import pytest

from integrations.connectors.notion.blocks import blocks_of, plain, rich_text
from integrations.connectors.notion.schemas import id_in
from integrations.connectors.notion.values import plain_value


def said(text: str) -> list[dict[str, object]]:
    return [{"type": "text", "text": {"content": text}}]


def test_a_text_becomes_the_blocks_that_people_mean() -> None:
    text = "# Title\nOne\ntwo\n\n- a\n* b\n1. c\n- [x] d\n- [ ] e\n> f\n---\n```py\nx = '# no'\n```\n### G"
    kinds = [block["type"] for block in blocks_of(text)]
    assert kinds == [
        "heading_1", "paragraph", "bulleted_list_item", "bulleted_list_item", "numbered_list_item", "to_do", "to_do",
        "quote", "divider", "code", "heading_3",
    ]  # fmt: skip
    found = blocks_of(text)
    assert found[1]["paragraph"]["rich_text"] == said("One\ntwo")
    assert [found[5]["to_do"]["checked"], found[6]["to_do"]["checked"]] == [True, False]
    assert found[9]["code"] == {"rich_text": said("x = '# no'"), "language": "python"}


def test_a_language_that_notion_does_not_know_is_plain() -> None:
    [block] = blocks_of("```brainfuck\n+\n```")
    assert block["code"]["language"] == "plain text"


def test_a_fence_that_is_not_closed_is_text() -> None:
    [block] = blocks_of("```\nx")
    assert block["paragraph"]["rich_text"] == said("```\nx")


@pytest.mark.parametrize(("letter", "pieces"), [("x", [2000, 1]), ("😀", [1000, 1000, 1])])
def test_long_texts_go_in_pieces_as_notion_counts(letter: str, pieces: list[int]) -> None:
    found = rich_text(letter * 2001)
    assert [len(piece["text"]["content"]) for piece in found] == pieces


def test_more_than_a_hundred_pieces_go_into_further_blocks() -> None:
    found = blocks_of("x" * 200_001)
    assert [len(block["paragraph"]["rich_text"]) for block in found] == [100, 1]


def test_addresses_are_links() -> None:
    found = rich_text("See https://a.example/x.")
    assert found[1] == {
        "type": "text",
        "text": {"content": "https://a.example/x", "link": {"url": "https://a.example/x"}},
    }
    assert rich_text("https://a.example/" + "x" * 2000)[0]["text"].get("link") is None, "too long for a link"
    assert rich_text("") == [] and blocks_of(" \n") == []


def test_answers_are_read_as_text() -> None:
    assert plain([{"plain_text": "a"}, {"plain_text": None}, 3, {"plain_text": "b"}]) == "ab"
    assert plain(None) == ""


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ({"type": "people", "people": [{"name": "Ada"}, {"id": "1"}]}, ["Ada", "1"]),
        ({"type": "relation", "relation": [{"id": "1"}]}, ["1"]),
        ({"type": "files", "files": [{"name": "a.txt"}]}, ["a.txt"]),
        ({"type": "date", "date": {"start": "2026-11-20"}}, "2026-11-20"),
        ({"type": "select", "select": None}, None),
        ({"type": "formula", "formula": {"type": "number", "number": 3}}, 3),
        ({"type": "rollup", "rollup": {"type": "array", "array": [{"type": "number", "number": 1}]}}, [1]),
        ({"type": "unique_id", "unique_id": {"prefix": "OPS", "number": 7}}, "OPS-7"),
        ({"type": "created_by", "created_by": {"id": "1"}}, "1"),
        ({"type": "checkbox", "checkbox": True}, True),
        ({}, None),
    ],
)
def test_columns_are_plain_values(column: dict[str, object], value: object) -> None:
    assert plain_value(column) == value


@pytest.mark.parametrize(
    "text",
    [
        "153104cd-477e-809d-8dc4-ff2d96ae3090",
        "153104CD477E809D8DC4FF2D96AE3090",
        "https://www.notion.so/acme/Payment-fails-153104cd477e809d8dc4ff2d96ae3090?pvs=4",
        "https://www.notion.so/acme/0ef104cd477e80e18571cfd10e92339a?v=x&p=153104cd477e809d8dc4ff2d96ae3090&pm=s",
        "https://acme.notion.site/153104cd477e809d8dc4ff2d96ae3090",
    ],
)
def test_an_id_is_found_in_what_people_paste(text: str) -> None:
    assert id_in(text) == "153104cd-477e-809d-8dc4-ff2d96ae3090"


@pytest.mark.parametrize("text", ["", "Tickets", "https://www.notion.so/acme/Tickets", "153104cd"])
def test_names_are_no_ids(text: str) -> None:
    assert id_in(text) is None
