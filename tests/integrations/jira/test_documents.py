"""Texts as documents, and back."""

from typing import Any

import pytest

from integrations.connectors.jira.documents import document_of, is_document, text_of


def paragraph(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(content)}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def test_blank_lines_part_paragraphs_and_lines_break() -> None:
    assert document_of("One\r\ntwo\n\n\nthree\n") == {
        "type": "doc",
        "version": 1,
        "content": [paragraph(said("One"), {"type": "hardBreak"}, said("two")), paragraph(said("three"))],
    }


def test_an_address_is_a_link_without_the_full_stop_after_it() -> None:
    link = {
        **said("https://a.example/x?y=1"),
        "marks": [{"type": "link", "attrs": {"href": "https://a.example/x?y=1"}}],
    }
    assert document_of("See https://a.example/x?y=1.")["content"] == [paragraph(said("See "), link, said("."))]


def test_fences_are_code() -> None:
    found = document_of("Before\n```python\nprint('*x*')\n\nprint()\n```\nAfter\n```\nplain\n```")["content"]
    assert found == [
        paragraph(said("Before")),
        {"type": "codeBlock", "content": [said("print('*x*')\n\nprint()")], "attrs": {"language": "python"}},
        paragraph(said("After")),
        {"type": "codeBlock", "content": [said("plain")]},
    ]


def test_markup_in_a_text_stays_text() -> None:
    assert document_of("{code} *bold* [~ada] <b>")["content"] == [paragraph(said("{code} *bold* [~ada] <b>"))]


@pytest.mark.parametrize("text", ["", "  \n\n ", "\n"])
def test_nothing_is_a_document_without_content(text: str) -> None:
    # Empty text nodes are refused by Jira.
    assert document_of(text) == {"type": "doc", "version": 1, "content": []}


@pytest.mark.parametrize("text", ["One\ntwo\n\nthree", "See https://a.example/x.", "x"])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert text_of(document_of(text)) == text


def test_mentions_lists_and_cards_are_read() -> None:
    item = {"type": "listItem", "content": [paragraph(said("first"))]}
    document = {
        "type": "doc",
        "version": 1,
        "content": [
            paragraph({"type": "mention", "attrs": {"id": "1", "text": "@Ada"}}, said(" see")),
            {"type": "bulletList", "content": [item, 3]},
            paragraph({"type": "inlineCard", "attrs": {"url": "https://a.example"}}),
        ],
    }
    assert text_of({"fields": [document]}) == {"fields": ["@Ada see\n\nfirst\n\nhttps://a.example"]}


def test_what_is_no_document_stays_as_it_is() -> None:
    assert text_of({"type": "doc", "x": [1, None]}) == {"type": "doc", "x": [1, None]}
    assert is_document({"type": "doc", "version": 1, "content": []})
    assert not is_document("x") and not is_document({"type": "doc", "version": 2, "content": []})
