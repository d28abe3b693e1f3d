"""`manage.py startconnector`: what it writes is complete, found, and passes its own tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations import registry
from integrations.quality import quality_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Path]:
    call_command("startconnector", "pigeon_post", name="Pigeon & Co", into=tmp_path / "our_started")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.CONNECTOR_PACKAGES = ["our_started"]
    registry.reset()
    yield tmp_path / "our_started" / "pigeon_post"
    registry.reset()
    for name in [name for name in sys.modules if name.partition(".")[0] == "our_started"]:
        del sys.modules[name]


def test_nothing_is_missing(written: Path) -> None:
    connector = registry.get("pigeon_post")
    assert connector.name == "Pigeon & Co"
    assert quality_of(connector, ROOT / "tests" / "integrations").missing() == []


def test_its_own_tests_and_linters_pass(written: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(written.parents[1])))}
    arguments = [
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
        str(written),
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    configured = ["--config", str(ROOT / "pyproject.toml")]
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--ignore", "S101", *configured, str(written)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout


def test_nothing_is_overwritten(written: Path) -> None:
    with pytest.raises(CommandError, match="There is a platform 'pigeon_post' already"):
        call_command("startconnector", "pigeon_post", into=written.parent)
    (written.parent / "dove").mkdir()
    with pytest.raises(CommandError, match="exists already"):
        call_command("startconnector", "dove", into=written.parent)


@pytest.mark.parametrize("key", ["Pigeon", "1st", "a-b", "class", "k" * 64, "../evil"])
def test_a_key_is_a_key(key: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no key"):
        call_command("startconnector", key, into=tmp_path)
