"""Texts as Jira Cloud wants them: documents in the Atlassian Document Format, and back. Pure.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure, read 2026-11
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
_FENCE = re.compile(r"^```([A-Za-z0-9+#-]*)[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_BLANK = re.compile(r"\n[ \t]*\n+")
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]}]")
# Kinds of nodes after which a line ends.
_LINES = frozenset({"paragraph", "heading", "codeBlock", "listItem", "blockquote", "tableRow", "rule", "panel"})


def document_of(text: str) -> Json:
    """Return plain text as a document: blank lines part paragraphs, addresses become links, ``` fences code."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    content: list[Json] = []
    at = 0
    for fence in _FENCE.finditer(plain):
        content += _paragraphs(plain[at : fence.start()])
        content.append(_code(fence[2].removesuffix("\n"), fence[1]))
        at = fence.end()
    return {"type": "doc", "version": 1, "content": content + _paragraphs(plain[at:])}


def text_of(value: Any) -> Any:
    """Return documents, at any depth of `value`, as plain text; everything else as it is."""
    if isinstance(value, Mapping):
        if value.get("type") == "doc" and isinstance(value.get("content"), list):
            return re.sub(r"\n{3,}", "\n\n", "".join(_said(value))).strip()
        return {key: text_of(item) for key, item in value.items()}
    return [text_of(item) for item in value] if isinstance(value, list) else value


def is_document(value: Any) -> bool:
    """Whether a value may be sent as a document."""
    return (
        isinstance(value, Mapping)
        and value.get("type") == "doc"
        and value.get("version") == 1
        and isinstance(value.get("content"), list)
    )


def _paragraphs(text: str) -> list[Json]:
    found = []
    for part in _BLANK.split(text.strip("\n")):
        if part.strip():
            found.append({"type": "paragraph", "content": _inline(part.strip("\n"))})
    return found


def _inline(text: str) -> list[Json]:
    nodes: list[Json] = []
    for number, line in enumerate(text.split("\n")):
        if number:
            nodes.append({"type": "hardBreak"})
        at = 0
        for url in _URL.finditer(line):
            nodes += _text(line[at : url.start()])
            nodes.append({**_text(url[0])[0], "marks": [{"type": "link", "attrs": {"href": url[0]}}]})
            at = url.end()
        nodes += _text(line[at:])
    return nodes


def _text(text: str) -> list[Json]:
    # An empty text node is refused.
    return [{"type": "text", "text": text}] if text else []


def _code(text: str, language: str) -> Json:
    node: Json = {"type": "codeBlock", "content": _text(text)}
    return {**node, "attrs": {"language": language}} if language else node


def _said(node: Mapping[str, Any]) -> Iterator[str]:
    kind, attrs = node.get("type"), node.get("attrs")
    attributes: Mapping[str, Any] = attrs if isinstance(attrs, Mapping) else {}
    if kind == "text":
        yield str(node.get("text", ""))
    elif kind == "hardBreak":
        yield "\n"
    elif kind in ("mention", "emoji", "status"):
        yield str(attributes.get("text") or attributes.get("shortName") or "")
    elif kind in ("inlineCard", "blockCard"):
        yield str(attributes.get("url") or "")
    content = node.get("content")
    for child in content if isinstance(content, list) else []:
        if isinstance(child, Mapping):
            yield from _said(child)
    if kind in _LINES:
        yield "\n\n" if kind in ("paragraph", "heading", "codeBlock") else "\n"
