"""A language that nobody speaks: what the catalogues have stands between marks, what they lack stands out."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation import trans_real

BEGIN, END = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}", "\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"
# What is put into a text is marked by itself, or is data; markup divides a text into several.
_BETWEEN = re.compile(r"(%\(\w+\)[sd]|%[sd%]|\{\w*\}|<[^>]+>|&\w+;)")
_MARKED = re.compile(f"{BEGIN}[^{BEGIN}{END}]*{END}")
_UNREAD = {"script", "style", "code", "pre", "textarea", "template"}
_VOID = {"input", "br", "img", "hr", "link", "meta", "path", "col", "source"}
_READ_ALOUD = {"aria-label", "title", "placeholder", "alt"}
_WORD = re.compile(r"[A-Za-z]{3,}")


def marked(text: str) -> str:
    """Return a text with marks around all that is read of it."""
    parts = _BETWEEN.split(text)
    return "".join(part if at % 2 or not part.strip() else f"{BEGIN}{part}{END}" for at, part in enumerate(parts))


class Pseudo:
    """A translation as Django asks for one: of what German has, marked; everything else stays as it is."""

    def __init__(self) -> None:
        self._german = trans_real.translation("de")
        path = Path(settings.LOCALE_PATHS[0]) / "de" / "LC_MESSAGES" / "django.po"
        with path.open("rb") as file:
            self._own = {
                f"{message.context}\x04{form}" if message.context else form
                for message in read_po(file)
                for form in ([message.id] if isinstance(message.id, str) else message.id)
            }

    def to_language(self) -> str:
        return "de"

    def gettext(self, text: str) -> str:
        german = self._german._catalog
        if text in self._own or text in german or (text, 0) in german:
            return marked(text.rpartition("\x04")[2])
        return text

    def ngettext(self, one: str, many: str, number: int) -> str:
        text = one if number == 1 else many
        return text if self.gettext(one) == one else marked(text.rpartition("\x04")[2])


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        # Icons are drawn from their names.
        is_icon = "material-symbols-outlined" in (given.get("class") or "")
        is_unread = tag in _UNREAD or is_icon or (given.get("lang") == "en" and tag != "html")
        if tag not in _VOID and (self._within or is_unread):
            self._within.append(tag)
        self.texts += [value for name, value in attrs if name in _READ_ALOUD and value]
        if tag == "input" and given.get("type") in ("submit", "button"):
            self.texts.append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            while self._within.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.texts.append(data)


def unmarked(html: str) -> Iterator[str]:
    """Yield what a page says that no catalogue has."""
    page = _Page()
    page.feed(html)
    for text in page.texts:
        left = _MARKED.sub(" ", text)
        while left != text:
            text, left = left, _MARKED.sub(" ", left)
        if _WORD.search(left):
            yield " ".join(left.split())


def installed(monkeypatch: Any) -> None:
    """Let everything that German is asked for be answered in the language nobody speaks."""
    pseudo, real = Pseudo(), trans_real.translation
    monkeypatch.setattr(trans_real, "translation", lambda language: pseudo if language == "de" else real(language))
