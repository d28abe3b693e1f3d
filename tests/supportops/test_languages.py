"""People read their own language, programs English."""

import re
from typing import Any
from zoneinfo import available_timezones

import pytest
from django.test import Client

from integrations.registry import all_connectors
from tests import pseudo_language
from tests.admin_world import History, make_history
from tests.builders import World, browser
from tests.supportops.test_admin_scope import addresses_of, lists

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


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


# What pages show that nobody translates: names of platforms and of the product, what is written for programs, and what
# the organization of the test calls its things.
_NAMES = re.compile(
    r"SupportOps|English|Deutsch|esc|UTC|HTTP|CSV|JSON|GET|HEAD|POST|PUT|PATCH|DELETE"
    r"|ada-mark\S*|Ada|on call|oncall|teams|office|invited|urgent|CRM|crm|KEY|dev|staging|prod"
    r"|\(owner\)|<b>fire</b>|no such channel|reason|poison|warning|NotFound|tell|so_\w+|test|false|step-\d"
    r"|StoredFileContent object|text/plain|[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f-]{27}|\{\w+\}|skip|Late"
    r"|read, write, execute, admin|asked|REGION|Alt"
    # Names of a platform's limits, and what the example of an event says.
    r"|account|create ticket|update ticket|Charged twice for order|email|open|Refund|<[^>]*>"
    r"|My card was charged twice|billing, vip|Grace Okafor|Northwind Traders"
    r"|integration [0-9a-f-]{36}",
    re.IGNORECASE,
)
_OF_PROGRAMS = re.compile(r"\bso_[\w-]+|\S+@\S+|[a-z]+(?:[_./][a-z_/]+)+", re.IGNORECASE)


def test_pages_say_nothing_that_cannot_be_translated(ada: History, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {connector.name for connector in all_connectors()} | {connector.key for connector in all_connectors()}
    known = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)), re.IGNORECASE)
    zones = available_timezones()
    pseudo_language.installed(monkeypatch)
    client = browser(ada.tenant.owner)
    own = ("/admin/account/", "/admin/password_change/", "/admin/account/second-factor/")
    said, walked = {}, 0
    for address in [*lists(), *addresses_of(ada), *own]:
        page = client.get(address, headers={"accept-language": "de"})
        if page.status_code != 200 or not page.headers["content-type"].startswith("text/html"):
            continue
        walked += 1
        for text in pseudo_language.unmarked(page.content.decode()):
            left = _NAMES.sub(" ", known.sub(" ", _OF_PROGRAMS.sub(" ", text)))
            if re.search("[A-Za-z]{3}", left) and text not in zones:
                said.setdefault(text, address)
    assert walked > 60
    assert not said


def test_the_language_nobody_speaks_marks_what_is_read_alone() -> None:
    text = pseudo_language.marked("%(name)s is <b>saved</b>.")
    assert list(pseudo_language.unmarked(f"<p>{text % {'name': 'Acme'}}</p><p>plain</p>")) == ["Acme", "plain"]
    assert list(pseudo_language.unmarked('<a title="Open">&#8594;</a><script>let word;</script>')) == ["Open"]
