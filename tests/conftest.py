"""What every test stands on: a world with Ada's organization and Bo's, and nothing kept from the test before."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests import audit_guards, builders

pytest_plugins = ["tests.rounds", "tests.sandboxes"]


@pytest.fixture
def world(db: None) -> builders.World:
    """Ada's organization and Bo's, each with an owner and a token of all scopes."""
    return builders.make_world()


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """Forget what this process remembers between requests: opened keys, counted requests, people in the audit log."""
    yield
    from audit import recording
    from integrations import limits, tokens, types
    from rules import compiled, lookup_tables, workers
    from supportops.api import throttling
    from supportops.vault import keyring

    keyring.forget_opened_keys()
    throttling.in_process.clear()
    limits.forget()
    tokens.forget()
    types.forget()
    recording.forget_people()
    compiled.forget()
    lookup_tables.forget()
    # The heartbeat of whoever worked in this test ends with it.
    workers.resign()


@pytest.fixture(scope="session", autouse=True)
def _flush_reaches_the_audit_log() -> Iterator[None]:
    """Let tests with real transactions empty the audit log behind them, which nothing else can."""
    with pytest.MonkeyPatch.context() as patch:
        audit_guards.install(patch)
        yield


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections that leave this machine: an unplanned one must fail its test, not reach anybody."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to connect to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
