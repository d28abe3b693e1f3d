"""docs/connectors says what the connectors declare."""

from integrations.connector_pages import pages_of_built_in
from tests.docs.fenced import ROOT

FOLDER = ROOT / "docs" / "connectors"


def test_the_pages_are_current() -> None:
    pages = pages_of_built_in()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    stale = sorted(name for name in {*pages, *there} if pages.get(name) != there.get(name))
    how = "Run: python manage.py connectors --docs docs/connectors"
    assert not stale, f"These pages are not what the connectors declare: {', '.join(stale)}. {how}"
    assert "slack.md" in pages and "`send_message`" in pages["slack.md"]
