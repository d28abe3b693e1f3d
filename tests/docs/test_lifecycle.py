"""The page on deployments: its tables name what there is, its template is one, and its script stops where it says."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.connectors.custom.schemas import Deployment
from rules import gallery
from rules.checking import check
from tests.docs.fenced import ROOT, blocks
from tests.docs.test_examples import AllConnected
from tests.rules.test_lifecycle import TEXTS

PAGE = "docs/lifecycle.md"


def names_in(heading: str) -> set[str]:
    """Return the names in the first column of the table under a heading."""
    text = (ROOT / PAGE).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([a-z_-]+)`", cell)}


def test_the_tables_name_what_there_is() -> None:
    assert names_in("What the payload says") == set(Deployment.model_fields)
    assert names_in("The ready-made rules") == {key for key in gallery.templates() if key.startswith("deployment-")}


@pytest.mark.parametrize("kind", list(TEXTS))
def test_the_twelve_texts_are_named_on_the_page_and_in_the_templates(kind: str) -> None:
    texts = [text for text, *_ in TEXTS[kind]]
    key = f"deployment-mail-{kind.replace('_', '-')}"
    assert gallery.template(key).parameters["texts"].choices == texts and len(texts) == 3
    [row] = re.findall(rf"^\| `{key}` \| (.*) \|$", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    assert re.findall(r"`([a-z-]+)`", row) == texts


@pytest.mark.django_db
def test_the_template_is_one(world: Any) -> None:
    from supportops.tenancy.scope import working_for

    [block] = blocks(PAGE, "yaml")
    template = gallery.template_of(yaml.safe_load(block.text), "page")
    with working_for(world.ada.organization):
        for document in gallery.documents(template, gallery.checked(template, {"branches": ["main", "hotfix"]})):
            assert check(document, AllConnected()).problems == []
            assert document["steps"][0]["condition"] == '{{ event.branch in ["main", "hotfix"] }}'


@pytest.mark.parametrize(("outcome", "code", "last"), [("succeeded", 0, "set up"), ("failed", 1, "stopped")])
def test_the_script_goes_on_or_stops_by_the_outcome(tmp_path: Path, outcome: str, code: int, last: str) -> None:
    curl = tmp_path / "curl"
    curl.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/said"\necho \'{{"outcome": "{outcome}"}}\'\n')
    (tmp_path / "set-up.sh").write_text("#!/bin/sh\necho It is set up.\n")
    for file in (curl, tmp_path / "set-up.sh"):
        file.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SUPPORTOPS_URL": "http://x", "SUPPORTOPS_TOKEN": "t"}
    script = blocks(PAGE, "sh")[0].text
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (code, b"")
    assert last in done.stdout.decode()
    assert '"type": "deployment.p' in (tmp_path / "said").read_text()
