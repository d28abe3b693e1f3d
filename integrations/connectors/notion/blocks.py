"""Texts as Notion's rich text and blocks, within its sizes, and back. Pure.

https://developers.notion.com/reference/block and /reference/rich-text, read 2026-11
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
MOST_BLOCKS = 100  # of any array, in one call
_MOST_CHARACTERS = 2000  # of one piece of rich text
_MOST_URL = 2000
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]}]")
_FENCE = re.compile(r"^```([A-Za-z0-9+# -]*)$")
_LINES: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"# +(.+)"), "heading_1"),
    (re.compile(r"## +(.+)"), "heading_2"),
    (re.compile(r"### +(.+)"), "heading_3"),
    (re.compile(r"[-*] \[[ xX]\] +(.*)"), "to_do"),
    (re.compile(r"[-*] +(.+)"), "bulleted_list_item"),
    (re.compile(r"[0-9]{1,3}[.)] +(.+)"), "numbered_list_item"),
    (re.compile(r"> ?(.+)"), "quote"),
)
# What Notion calls the languages that people name otherwise; it refuses those that it does not know.
_LANGUAGES = {"py": "python", "js": "javascript", "ts": "typescript", "sh": "shell", "yml": "yaml"}
_KNOWN_LANGUAGES = frozenset(
    {"bash", "c", "c++", "c#", "css", "diff", "docker", "go", "graphql", "html", "java", "javascript", "json", "kotlin"}
    | {"makefile", "markdown", "php", "powershell", "python", "r", "ruby", "rust", "scala", "shell", "sql", "swift"}
    | {"typescript", "xml", "yaml"}
)


def rich_text(text: str) -> list[Json]:
    """Return a text in pieces that Notion takes; addresses become links."""
    found: list[Json] = []
    at = 0
    for url in _URL.finditer(text):
        if len(url[0]) > _MOST_URL:
            continue
        found += [_piece(part) for part in _parts(text[at : url.start()])]
        found.append({"type": "text", "text": {"content": url[0], "link": {"url": url[0]}}})
        at = url.end()
    return found + [_piece(part) for part in _parts(text[at:])]


def mention_of_person(person_id: str) -> Json:
    return {"type": "mention", "mention": {"type": "user", "user": {"id": person_id}}}


def mention_of_page(page_id: str) -> Json:
    return {"type": "mention", "mention": {"type": "page", "page": {"id": page_id}}}


def with_mentions(mentions: Iterable[Json], text: str) -> list[Json]:
    """Return rich text that begins with mentions, a space after each."""
    return [piece for mention in mentions for piece in (mention, _piece(" "))] + rich_text(text)


def blocks_of(text: str) -> list[Json]:
    """Return a text as blocks: headings, lists, quotes, code and paragraphs, as people write them in plain text."""
    found: list[Json] = []
    paragraph: list[str] = []
    code: list[str] | None = None
    language = ""

    def end_paragraph() -> None:
        if paragraph:
            found.extend(_blocks("paragraph", rich_text("\n".join(paragraph))))
            paragraph.clear()

    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        fence = _FENCE.fullmatch(line.rstrip())
        if code is not None:
            if fence:
                found.extend(_code(code, language))
                code = None
            else:
                code.append(line)
        elif fence:
            end_paragraph()
            code, language = [], fence[1].strip().lower()
        elif not line.strip():
            end_paragraph()
        elif line.strip() in ("---", "***"):
            end_paragraph()
            found.append({"type": "divider", "divider": {}})
        elif (marked := _line(line)) is not None:
            end_paragraph()
            found.extend(marked)
        else:
            paragraph.append(line)
    if code is not None:
        # The fence was never closed: it was text.
        paragraph.extend(["```" + language, *code])
    end_paragraph()
    return found


def plain(pieces: Any) -> str:
    """Return rich text, as answers have it, as the text that people read."""
    if not isinstance(pieces, list):
        return ""
    return "".join(str(piece.get("plain_text") or "") for piece in pieces if isinstance(piece, Mapping))


def _line(line: str) -> list[Json] | None:
    for pattern, kind in _LINES:
        found = pattern.fullmatch(line.strip())
        if found:
            made = _blocks(kind, rich_text(found[1]))
            if kind == "to_do":
                for block in made:
                    block[kind]["checked"] = "[x]" in line.lower()[:8]
            return made
    return None


def _code(lines: Sequence[str], language: str) -> list[Json]:
    known = _LANGUAGES.get(language, language)
    made = _blocks("code", [_piece(part) for part in _parts("\n".join(lines))])
    for block in made:
        block["code"]["language"] = known if known in _KNOWN_LANGUAGES else "plain text"
    return made


def _blocks(kind: str, pieces: list[Json]) -> list[Json]:
    """As many blocks as it takes: each holds a hundred pieces."""
    parts = [pieces[at : at + MOST_BLOCKS] for at in range(0, len(pieces), MOST_BLOCKS)] or [[]]
    return [{"type": kind, kind: {"rich_text": part}} for part in parts]


def _piece(text: str) -> Json:
    return {"type": "text", "text": {"content": text}}


def _parts(text: str) -> list[str]:
    # Notion counts as JavaScript does: letters beyond the basic plane are two.
    size = _MOST_CHARACTERS if all(ord(letter) < 0x10000 for letter in text) else _MOST_CHARACTERS // 2
    return [text[at : at + size] for at in range(0, len(text), size)]
