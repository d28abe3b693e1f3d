"""No committed file names a package registry's host or a path of somebody's machine."""

from pathlib import Path

import pytest

from supportops.running.arguments import BASE_DIR
from supportops.running.foreign_names import committed_files, foreign_names


@pytest.mark.parametrize(
    "line",
    [
        "index-url = https://" + "py" + "pi.org/simple",
        "https://files." + "python" + "hosted.org/x.whl",
        "cd " + "/ro" + "ot/supportops",
        "open('" + "/ho" + "me/ada/notes')",
    ],
)
def test_a_foreign_name_is_found(line: str) -> None:
    assert foreign_names(Path("file"), f"fine\n{line}\n")[0].startswith("file:2: ")


@pytest.mark.parametrize(
    "line", ["/api/webhooks/", "$HOME/root/", "https://host/work/item", "~/home/ada", "/usr/bin/env"]
)
def test_ordinary_paths_are_not(line: str) -> None:
    assert foreign_names(Path("file"), line) == []


def test_this_repository_names_none() -> None:
    found = []
    for path in committed_files(BASE_DIR):
        full = BASE_DIR / path
        if full.is_file() and b"\0" not in full.read_bytes()[:8000]:
            found += foreign_names(path, full.read_text(errors="replace"))
    assert found == []
