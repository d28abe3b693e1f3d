"""The guard: every way of writing an address that is not out on the internet, and what an operator allows."""

import ipaddress
import socket
import time
from typing import Any

import httpcore
import pytest
from pytest_django import Settings

from integrations import addresses
from integrations.addresses import (
    AddressRefused,
    Allowance,
    NameNotResolved,
    allowance_of_url,
    checked_addresses,
    parse_allowance,
    refusal,
)
from integrations.transport import GuardedBackend, exchange_of
from tests.integrations.raw_server import RawServer, answer


def resolving(monkeypatch: pytest.MonkeyPatch, *ips: str) -> list[str]:
    """Let every name resolve to `ips`; returns the names that are asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [
            (
                socket.AF_INET6 if ":" in ip else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (ip, port, 0, 0) if ":" in ip else (ip, port),
            )
            for ip in ips
        ]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ],
)
def test_refused(ip: str) -> None:
    assert refusal(ipaddress.ip_address(ip))


@pytest.mark.parametrize(
    "ip",
    ["1.1.1.1", "8.8.8.8", "11.0.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1", "2001:4860::1"],
)
def test_let_through(ip: str) -> None:
    assert refusal(ipaddress.ip_address(ip)) is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "localhost",
        "LocalHost",
        "[::1]",
        "::1",
        "0:0:0:0:0:0:0:1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "fe80::1%lo",
    ],
)
def test_notation_does_not_help(host: str) -> None:
    with pytest.raises(AddressRefused, match="refused"):
        checked_addresses(host, 80, timeout=5)


class TestNames:
    def test_resolved_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = resolving(monkeypatch, "93.184.216.34", "2606:4700::1111")
        found = checked_addresses("example.com", 443, timeout=5)
        assert [item.ip for item in found] == ["93.184.216.34", "2606:4700::1111"]
        assert asked == ["example.com"]

    def test_of_several_addresses_only_good_ones_are_connected_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resolving(monkeypatch, "127.0.0.1", "93.184.216.34", "::1")
        assert [item.ip for item in checked_addresses("rebind.example", 443, timeout=5)] == ["93.184.216.34"]

    def test_name_that_leads_inside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resolving(monkeypatch, "10.0.0.7", "fd00::1")
        with pytest.raises(AddressRefused, match=r"inside\.example .* a private network"):
            checked_addresses("inside.example", 443, timeout=5)

    def test_rebinding_between_check_and_connect_changes_nothing(
        self, monkeypatch: pytest.MonkeyPatch, settings: Settings
    ) -> None:
        """What is connected to is the address that was checked; the name is not asked for again."""
        connected: list[Any] = []
        monkeypatch.setattr(socket.socket, "connect", lambda _, sockaddr: connected.append(sockaddr))
        asked = resolving(monkeypatch, "93.184.216.34")
        GuardedBackend(frozenset()).connect_tcp("example.com", 443, timeout=1)
        assert connected == [("93.184.216.34", 443)]
        assert asked == ["example.com"]

    def test_without_an_address(self) -> None:
        for host in ("no-such-name.invalid", "a" * 70 + ".example", "..", ""):
            with pytest.raises(NameNotResolved):
                checked_addresses(host, 443, timeout=5)

    def test_slow_resolver_ends_with_the_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(addresses, "_look_up", lambda host, port: time.sleep(0.5))
        began = time.monotonic()
        with pytest.raises(NameNotResolved, match="in time"):
            checked_addresses("slow.example", 443, timeout=0.05)
        assert time.monotonic() - began < 0.4


class TestAllowances:
    @pytest.mark.parametrize(
        ("entry", "expected"),
        [
            ("127.0.0.1:4010", Allowance("127.0.0.1", 4010)),
            ("Internal.Example", Allowance("internal.example")),
            ("internal.example.:80", Allowance("internal.example", 80)),
            ("[::1]:80", Allowance("::1", 80)),
            ("::1", Allowance("::1")),
            (" localhost:1 ", Allowance("localhost", 1)),
        ],
    )
    def test_written_as(self, entry: str, expected: Allowance) -> None:
        assert parse_allowance(entry) == expected

    @pytest.mark.parametrize("entry", ["", "http://a", "a/b", "a:port", "a:99999", "u@a", "a?b", ":80"])
    def test_not_written_as(self, entry: str) -> None:
        with pytest.raises(ValueError, match="SUPPORTOPS_OUTBOUND_ALLOW"):
            parse_allowance(entry)

    def test_of_a_url(self) -> None:
        assert allowance_of_url("http://127.0.0.1:4010/slack") == Allowance("127.0.0.1", 4010)
        assert allowance_of_url("https://proxy.example/x") == Allowance("proxy.example", 443)
        assert allowance_of_url("http://[::1]/x") == Allowance("::1", 80)

    def test_hosts_that_the_operator_allows(self, settings: Settings) -> None:
        settings.OUTBOUND_ALLOW = ["127.0.0.1:4010", "localhost"]
        assert checked_addresses("127.0.0.1", 4010, timeout=5)
        assert checked_addresses("localhost", 99, timeout=5)
        with pytest.raises(AddressRefused):
            checked_addresses("127.0.0.1", 4011, timeout=5)

    def test_an_allowed_address_is_allowed_under_any_name(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.OUTBOUND_ALLOW = ["10.0.0.7:443"]
        resolving(monkeypatch, "10.0.0.7", "10.0.0.8")
        assert [item.ip for item in checked_addresses("inside.example", 443, timeout=5)] == ["10.0.0.7"]

    def test_a_callers_own_allowances(self) -> None:
        own = frozenset({Allowance("127.0.0.1", 4010)})
        assert checked_addresses("127.0.0.1", 4010, allowances=own, timeout=5)
        with pytest.raises(AddressRefused, match=r"SUPPORTOPS_OUTBOUND_ALLOW=127\.0\.0\.1:4010"):
            checked_addresses("127.0.0.1", 4010, timeout=5)


class TestConnecting:
    def test_falls_back_to_the_next_address(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        with RawServer(answer()) as server:
            settings.OUTBOUND_ALLOW = ["both.example"]
            resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
            monkeypatch.setattr(
                socket.socket, "connect", _refusing_first(socket.socket.connect, ("127.0.0.2", server.port))
            )
            with exchange_of(2):
                stream = GuardedBackend(frozenset()).connect_tcp("both.example", server.port, timeout=2)
            assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
            stream.close()

    def test_refuses_unix_sockets(self) -> None:
        with pytest.raises(AddressRefused):
            GuardedBackend(frozenset()).connect_unix_socket("/run/docker.sock")

    def test_refuses_before_anything_is_sent(self) -> None:
        with RawServer(answer()) as server:
            with pytest.raises(AddressRefused):
                GuardedBackend(frozenset()).connect_tcp("127.0.0.1", server.port, timeout=1)
            assert server.connections == 0

    def test_no_time_left(self, settings: Settings) -> None:
        settings.OUTBOUND_ALLOW = ["127.0.0.1"]
        with exchange_of(0), pytest.raises(httpcore.ConnectTimeout):
            GuardedBackend(frozenset()).connect_tcp("127.0.0.1", 1, timeout=1)


def _refusing_first(connect: Any, refused: tuple[str, int]) -> Any:
    def guarded(self: socket.socket, sockaddr: Any) -> None:
        if sockaddr == refused:
            raise ConnectionRefusedError(111, "refused")
        connect(self, sockaddr)

    return guarded
