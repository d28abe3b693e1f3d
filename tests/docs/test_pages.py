"""What pages name exists: links, files, and the modules, classes and functions of the code."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

from tests.docs.fenced import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("integrations/connectors/*/README.md"))
)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
_NAME = re.compile(r"`((?:webhooks|rules|integrations|audit|supportops)(?:\.[A-Za-z_]+)+)`")
_FILE = re.compile(r"`((?:webhooks|rules|integrations|audit|supportops|tests|docs|deploy|requirements)/[\w./-]+)`")
# Names of other things than code: an entry point, log files.
NO_CODE = {"supportops.connectors", "supportops.log", "integrations.log"}
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_its_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target, fragment in _LINK.findall(text_of(page)):
        path = folder / target if target else ROOT / page
        assert path.exists(), f"{page} links to {target}"
        if fragment and path.suffix == ".md":
            assert fragment[1:] in anchors(path), f"{page} links to {target}{fragment}"


@pytest.mark.parametrize("page", PAGES)
def test_what_it_names_is_there(page: str) -> None:
    text = text_of(page)
    for name in set(_NAME.findall(text)) - NO_CODE:
        assert resolves(name), f"{page} names {name}"
    for name in _FILE.findall(text):
        assert (ROOT / name).exists(), f"{page} names {name}"


@pytest.mark.parametrize("form", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.stem)
def test_forms_are_yaml(form: Path) -> None:
    assert yaml.safe_load(form.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """Return the anchors that headings get."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
