"""Somebody at a screen: signs in, opens pages, and keeps what the browser complains of."""

import os
import re
from pathlib import Path
from typing import Any

from tests.builders import PASSWORD

# Where pictures for people to look at go; nowhere when it is empty. `run.py test` keeps them in build/pictures.
PICTURES = os.environ.get("SUPPORTOPS_TEST_PICTURES", "")


class Person:
    """A browser context of its own. `complaints`: errors and warnings of pages, and requests to other hosts."""

    def __init__(
        self,
        browser: Any,
        address: str,
        email: str = "",
        *,
        width: int = 1280,
        scheme: str = "light",
        language: str = "en",
    ) -> None:
        self.address, self.width, self.scheme = address, width, scheme
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, locale=language
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._requested(request.url))
        if email:
            self.sign_in(email)

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Sign in by the page, and wait for the overview."""
        self.page.goto(f"{self.address}/admin/login/?next=/admin/")
        self.page.fill("input[name=username]", email)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url("**/admin/")

    def open(self, path: str) -> Any:
        """Go to a page; it must fit the screen."""
        self.page.goto(self.address + path)
        self.page.wait_for_load_state("networkidle")
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.width, f"{path} is {width} wide on a screen of {self.width}"
        if PICTURES:
            name = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "row", path).strip("/").replace("/", "-") or "admin"
            self.picture(name.replace("?", "-"))
        return self.page

    def picture(self, name: str, *, is_whole: bool = True) -> None:
        """Keep a picture of the page as it is, where pictures are wanted: of the whole page, or of what is seen."""
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            place = Path(PICTURES) / f"{name}-{self.width}-{self.scheme}.png"
            self.page.screenshot(path=str(place), full_page=is_whole)

    def fields_without_label(self) -> list[str]:
        """Return the names of the page's fields that a screen reader could not name."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll('#content :is(input, select, textarea)')]
                .filter((field) => !['hidden', 'submit'].includes(field.type))
                .filter((field) => !field.labels?.length && !field.getAttribute('aria-label') && !field.placeholder)
                .map((field) => field.name || field.id)"""
        )
        return found

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _requested(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "about:", "blob:")):
            self.complaints.append(f"asked {url}")
