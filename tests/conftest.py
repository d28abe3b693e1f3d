"""What every test stands on: a world with Ada's organization and Bo's, and nothing kept from the test before."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests import builders


@pytest.fixture
def world(db: None) -> builders.World:
    """Ada's organization and Bo's, each with an owner and a token of all scopes."""
    return builders.make_world()


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """Forget what this process remembers between requests: opened keys, counted requests."""
    yield
    from supportops.api import throttling
    from supportops.vault import keyring

    keyring.forget_opened_keys()
    throttling.in_process.clear()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections that leave this machine: an unplanned one must fail its test, not reach anybody."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to connect to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
