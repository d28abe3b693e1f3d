"""What a browser would send: the fields of a page's form as they stand in the HTML, to be changed and sent."""

from html.parser import HTMLParser
from typing import Any


class _Fields(HTMLParser):
    """Gathers the fields of one form."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.is_inside = form_id, False
        self.fields: dict[str, list[str]] = {}
        self.select: str | None = None
        self.first: dict[str, str] = {}
        self.area: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        name = given.get("name", "")
        if not self.is_inside or "disabled" in given:
            return
        if tag == "input" and name:
            is_box = given.get("type") in ("checkbox", "radio")
            if is_box and "checked" not in given:
                return
            self.fields.setdefault(name, []).append(given.get("value", "on" if is_box else ""))
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select is not None:
            self.first.setdefault(self.select, given.get("value", ""))
            if "selected" in given:
                self.fields.setdefault(self.select, []).append(given.get("value", ""))
        elif tag == "textarea":
            self.area = (name, [])

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            self.area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "select":
            self.select = None
        elif tag == "textarea" and self.area is not None:
            # Browsers read every line break as LF, drop the one right after the tag, and send CR LF.
            text = "".join(self.area[1]).replace("\r\n", "\n").removeprefix("\n").replace("\n", "\r\n")
            self.fields.setdefault(self.area[0], []).append(text)
            self.area = None


def fields_of(page: Any, form_id: str) -> dict[str, list[str]]:
    """Return what a browser would send of the form `form_id` on a page, without any button."""
    parser = _Fields(form_id)
    parser.feed(page.content.decode())
    for name, value in parser.first.items():
        parser.fields.setdefault(name, [value])
    parser.fields.pop("csrfmiddlewaretoken", None)
    assert parser.fields, f"the page has no form {form_id}"
    return parser.fields


def errors_of(page: Any) -> list[str]:
    """Return the messages that a page marks as errors."""
    import html
    import re

    found = re.findall(r'<p class="(?:so-error|so-answer so-no)"[^>]*>(.*?)</p>', page.content.decode(), re.S)
    return [html.unescape(text.strip()) for text in found]
