"""People read their own language, programs English."""

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_browser_s_language_is_spoken_until_somebody_chooses() -> None:
    client = Client(headers={"accept-language": "de-DE,de;q=0.9"})
    assert client.get("/admin/login/").headers["content-language"] == "de"
    client.post("/admin/language/", {"language": "en", "next": "/admin/login/"})
    assert client.get("/admin/login/").headers["content-language"] == "en"


def test_a_language_nobody_wrote_is_english() -> None:
    assert Client(headers={"accept-language": "fi"}).get("/admin/login/").headers["content-language"] == "en"


def test_programs_are_answered_in_english() -> None:
    answer = Client(headers={"accept-language": "de"}).get("/api/rules/")
    assert "content-language" not in answer.headers
    assert "Authentication" in answer.json()["errors"][0]["detail"]


def test_choosing_a_language_leads_to_no_other_host(world: Any) -> None:
    answer = Client().post("/admin/language/", {"language": "de", "next": "https://elsewhere.example/"})
    assert answer.status_code == 302
    assert answer.headers["location"] == "/"


def test_scripts_find_their_texts() -> None:
    answer = Client().get("/admin/texts.js?language=en")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "gettext" in answer.text
    assert Client().post("/admin/texts.js").status_code == 405
