"""A connector's set-up steps, from its README's Markdown to HTML: what those READMEs use, and everything escaped."""

import re
from collections.abc import Iterator

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

_ITEM = re.compile(r"^(\s*)([*-]|\d+\.)\s+(.*)$")
_INLINE = re.compile(
    r"(?P<code>`[^`]+`)|(?P<bold>\*\*[^*]+\*\*)|(?P<italic>(?<![\w*])\*[^*\s][^*]*\*(?![\w*]))"
    r"|(?P<link>\[[^\]]+\]\(https?://[^)\s]+\))|(?P<bare><https?://[^>\s]+>)"
)


def as_html(markdown: str) -> SafeString:
    """Return Markdown as HTML: headings, paragraphs, lists, tables, code, emphasis, links. No HTML passes through."""
    blocks = _blocks(markdown.replace("\r\n", "\n").split("\n"))
    return mark_safe("\n".join(blocks))  # noqa: S308 - all parts are escaped


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.lstrip().startswith("```"):
            end = next((i for i in range(at + 1, len(lines)) if lines[i].strip() == "```"), len(lines))
            yield format_html('<pre class="so-code" tabindex="0">{}</pre>', "\n".join(lines[at + 1 : end]))
            at = end + 1
        elif line.startswith("#"):
            yield f"<h3>{_inline(line.lstrip('#').strip())}</h3>"
            at += 1
        elif line.startswith("|"):
            end = _while(lines, at, lambda text: text.startswith("|"))
            yield _table(lines[at:end])
            at = end
        elif _ITEM.match(line):
            end = _while(lines, at, lambda text: bool(text.strip()) and not text.startswith(("#", "|", "```")))
            yield _list(lines[at:end])
            at = end
        else:
            end = _while(lines, at, lambda text: bool(text.strip()) and not _starts_block(text))
            end = max(end, at + 1)
            yield f"<p>{_inline(' '.join(text.strip() for text in lines[at:end]))}</p>"
            at = end


def _starts_block(line: str) -> bool:
    return line.startswith(("#", "|")) or line.lstrip().startswith("```") or bool(_ITEM.match(line))


def _while(lines: list[str], at: int, holds: "object") -> int:
    end = at
    while end < len(lines) and holds(lines[end]):  # type: ignore[operator]
        end += 1
    return end


def _list(lines: list[str]) -> str:
    """Return a list; lines that begin no item go on with the one before. Deeper items stand as their own lines."""
    first = _ITEM.match(lines[0])
    tag = "ol" if first and first[2][0].isdigit() else "ul"
    items: list[str] = []
    for line in lines:
        match = _ITEM.match(line)
        if match is None:
            items[-1] += " " + line.strip()
        else:
            items.append(match[3])
    return f"<{tag}>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + f"</{tag}>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    rows = [row for row in rows if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    head, *body = [[_inline(cell) for cell in row] for row in rows] or [[]]
    cells = "".join(f"<th>{cell}</th>" for cell in head)
    filled = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body)
    return f'<div class="so-scroll" tabindex="0"><table class="so-table"><tr>{cells}</tr>{filled}</table></div>'


def _inline(text: str) -> str:
    parts, at = [], 0
    for match in _INLINE.finditer(text):
        parts += [escape(text[at : match.start()]), _marked(match)]
        at = match.end()
    return "".join([*parts, escape(text[at:])])


def _marked(match: re.Match[str]) -> str:
    text = match[0]
    if match["code"]:
        return format_html("<code>{}</code>", text[1:-1])
    if match["bold"]:
        return f"<strong>{_inline(text[2:-2])}</strong>"
    if match["italic"]:
        return f"<em>{_inline(text[1:-1])}</em>"
    label, address = (text[1:-1], text[1:-1]) if match["bare"] else text[1:-1].split("](", 1)
    return format_html('<a href="{}" rel="noreferrer noopener" target="_blank">{}</a>', address, label)
