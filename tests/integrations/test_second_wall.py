"""The wall at the socket: in processes of their own, since it cannot be taken down again."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from integrations import second_wall
from integrations.second_wall import ConnectionBlocked, Wall, own_servers, passing
from tests.integrations.raw_server import RawServer, answer

ROOT = Path(__file__).resolve().parents[2]
START = """
import os, socket, sys, threading
import django
django.setup()
from integrations import second_wall
port, path = int(sys.argv[1]), sys.argv[2]
def tried(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "connected"
def connect(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.settimeout(2)
        one.connect(address)
"""


def walled(script: str, port: int = 1, path: str = "/nowhere") -> list[str]:
    """Run `script` in a process of its own and return the lines that it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", START + script, str(port), path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout.split()


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer(answer()) as started:
        yield started


def test_stops_connects_of_whoever_makes_them(server: RawServer) -> None:
    printed = walled(
        """
print(tried(lambda: connect(("127.0.0.1", port))))
second_wall.install([])
print(tried(lambda: connect(("127.0.0.1", port))))
print(tried(lambda: connect(("localhost", port))))
print(tried(lambda: connect(("0x7f.1", port))))
print(tried(lambda: connect(("::1", port), socket.AF_INET6)))
print(tried(lambda: connect(("::ffff:127.0.0.1", port), socket.AF_INET6)))
print(tried(lambda: socket.create_connection(("localhost", port), timeout=2)))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    print(tried(lambda: one.sendto(b"x", ("169.254.169.254", 80))))
with socket.socket() as one:
    print(tried(lambda: one.connect_ex(("127.0.0.1", port))))
import urllib.request, asyncio
print(tried(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/")))
print(tried(lambda: asyncio.run(asyncio.open_connection("127.0.0.1", port))))
""",
        server.port,
    )
    assert printed == ["connected", *["ConnectionBlocked"] * 8, "URLError", "ConnectionBlocked"]
    assert server.connections == 1


def test_lets_through_what_is_ours_and_what_was_checked(server: RawServer, tmp_path: Path) -> None:
    printed = walled(
        """
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
os.environ["NOTHING"] = "1"
second_wall.install(["127.0.0.1:%d" % port])
print(tried(lambda: connect(("127.0.0.1", port))))
print(tried(lambda: connect(("127.0.0.1", port + 1))))
print(tried(lambda: connect(path, socket.AF_UNIX)))
second_wall.install(["localhost:%d" % port, path])
print(tried(lambda: connect(("127.0.0.1", port))))
print(tried(lambda: connect(("localhost", port))))
print(tried(lambda: connect(path, socket.AF_UNIX)))
second_wall.install([])
with second_wall.passing(("127.0.0.1", port)):
    print(tried(lambda: connect(("127.0.0.1", port))))
    print(tried(lambda: connect(("127.0.0.2", port))))
    other = []
    thread = threading.Thread(target=lambda: other.append(tried(lambda: connect(("127.0.0.1", port)))))
    thread.start(); thread.join()
    print(other[0])
print(tried(lambda: connect(("127.0.0.1", port))))
""",
        server.port,
        str(tmp_path / "s"),
    )
    no, yes = "ConnectionBlocked", "connected"
    assert printed == [yes, no, no, yes, yes, yes, yes, no, no, no]


def test_our_own_calls_pass_by_the_guard(server: RawServer) -> None:
    printed = walled(
        """
from django.test import override_settings
from integrations.addresses import allowance_of_url
from integrations.http import PlatformClient
second_wall.install([])
url = f"http://127.0.0.1:{port}"
made = PlatformClient(allowances=frozenset({allowance_of_url(url)}))
print(made.get(url).status_code)
print(tried(lambda: connect(("127.0.0.1", port))))
""",
        server.port,
    )
    assert printed == ["200", "ConnectionBlocked"]


def test_a_workers_start_puts_it_up(server: RawServer) -> None:
    printed = walled(
        """
from celery import signals
from django.conf import settings
from supportops import celery
for settings.SECOND_WALL in (False, True):
    signals.worker_init.send(sender=None)
    print(tried(lambda: connect(("127.0.0.1", port))))
""",
        server.port,
    )
    assert printed == ["connected", "ConnectionBlocked"]


class TestDecisions:
    def test_public_addresses_pass(self) -> None:
        Wall([]).check(2, ("93.184.216.34", 443))
        Wall([]).check(10, ("2606:4700::1111", 443, 0, 0))

    def test_other_families_do_not(self) -> None:
        with pytest.raises(ConnectionBlocked, match="family 40"):
            Wall([]).check(40, (2, 1024))

    def test_operators_hosts_pass(self, settings: Settings) -> None:
        settings.OUTBOUND_ALLOW = ["10.1.2.3:4010"]
        Wall([]).check(2, ("10.1.2.3", 4010))
        with pytest.raises(ConnectionBlocked, match="a private network"):
            Wall([]).check(2, ("10.1.2.3", 4011))

    def test_passing_ends_with_its_block(self) -> None:
        with passing(("10.1.2.3", 1)):
            Wall([]).check(2, ("10.1.2.3", 1))
        with pytest.raises(ConnectionBlocked):
            Wall([]).check(2, ("10.1.2.3", 1))


def test_own_servers_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(
        DATABASES={"default": {"HOST": "db.internal", "PORT": ""}, "other": {"HOST": "/run/pg", "PORT": 5433}},
        BROKER_URL="redis://queue.internal/0",
        REDIS_URL="redis+socket:///run/redis.sock",
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="mail.internal",
        EMAIL_PORT=25,
    )
    monkeypatch.setattr(second_wall, "settings", full)
    assert own_servers() == [
        "db.internal:5432",
        "/run/pg/.s.PGSQL.5433",
        "queue.internal:6379",
        "/run/redis.sock",
        "mail.internal:25",
    ]
    embedded = SimpleNamespace(
        DATABASES={"default": {"NAME": "file"}},
        BROKER_URL="memory://",
        REDIS_URL="",
        EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend",
    )
    monkeypatch.setattr(second_wall, "settings", embedded)
    assert own_servers() == []


def test_web_processes_have_it_too(server: RawServer) -> None:
    printed = walled(
        """
from django.conf import settings
settings.SECOND_WALL, settings.OUTBOUND_ALLOW = True, []
import supportops.wsgi
print(tried(lambda: connect(("127.0.0.1", port))))
""",
        server.port,
    )
    assert printed == ["ConnectionBlocked"]
