"""Tests that need a sandbox for scripts ask for the fixture `sandbox`."""

import os

import pytest

from integrations.sandbox import running


@pytest.fixture(scope="session")
def sandbox() -> None:
    """A machine with a sandbox; without one nothing is skipped silently, and in CI nothing at all."""
    reason = running.why_unavailable()
    if reason is None:
        return
    told = f"NO SANDBOX HERE, so no script was run: {reason}"
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)
