"""Built scripts that no longer fit their sources are found, without Node."""

import shutil
from pathlib import Path

import pytest

from supportops.running.frontend import BUILT, FILES, SOURCES, digest_of, stale_files


@pytest.fixture
def copies(tmp_path: Path) -> tuple[Path, Path]:
    sources, built = tmp_path / "frontend", tmp_path / "built"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("node_modules"))
    built.mkdir()
    for name in FILES:
        shutil.copy(BUILT / name, built)
    return sources, built


def test_what_is_committed_was_built_from_what_is_committed() -> None:
    assert stale_files() == []


@pytest.mark.parametrize("name", ["src/main.tsx", "src/workflow.css", "package-lock.json", "build.mjs"])
def test_a_changed_source_asks_for_a_new_build(copies: tuple[Path, Path], name: str) -> None:
    sources, built = copies
    assert stale_files(sources, built) == []
    with (sources / name).open("a") as file:
        file.write("\n")
    found = stale_files(sources, built)
    assert [line.split()[0] for line in found] == ["workflow.js", "workflow.css", "workflow.texts.js"]
    assert all("npm run build" in line for line in found)


def test_a_new_or_renamed_source_counts(copies: tuple[Path, Path]) -> None:
    sources, built = copies
    (sources / "src" / "words.ts").rename(sources / "src" / "texts.ts")
    assert len(stale_files(sources, built)) == 3


def test_a_missing_or_unmarked_file_is_found(copies: tuple[Path, Path]) -> None:
    sources, built = copies
    (built / "workflow.LICENSES.txt").unlink()
    (built / "workflow.js").write_text("console.log(1)")
    assert [line.split()[0] for line in stale_files(sources, built)] == ["workflow.js", "workflow.LICENSES.txt"]


def test_the_digest_has_names_and_contents_apart(copies: tuple[Path, Path]) -> None:
    sources, _ = copies
    before = digest_of(sources)
    (sources / "src" / "a").write_text("b")
    with_a = digest_of(sources)
    (sources / "src" / "a").unlink()
    (sources / "src" / "ab").write_text("")
    assert len({before, with_a, digest_of(sources)}) == 3


def test_the_lock_file_and_the_bundle_name_no_registry() -> None:
    assert "resolved" not in (SOURCES / "package-lock.json").read_text()
    licenses = (BUILT / "workflow.LICENSES.txt").read_text()
    assert all(f"{name} " in licenses for name in ("@xyflow/react", "@dagrejs/dagre", "react", "react-dom"))
