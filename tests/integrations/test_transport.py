"""Real sockets on the loopback: platforms that hang, drip, cut the line, say too much; and the pool under it all."""

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from integrations import errors, transport
from integrations.addresses import allowance_of_url
from integrations.answers import MOST_BYTES
from integrations.http import PlatformClient
from integrations.specs import Call
from tests.integrations.acme import client
from tests.integrations.certificates import self_signed
from tests.integrations.raw_server import RawServer, answer

Serve = Callable[..., tuple[RawServer, PlatformClient]]


@pytest.fixture
def serve(settings: Settings) -> Iterator[Callable[..., tuple[RawServer, PlatformClient]]]:
    """Start a server and return it with a client of Acme that is pointed at it."""
    servers: list[RawServer] = []

    def start(script: Any, *, deadline: float = 5.0) -> tuple[RawServer, PlatformClient]:
        server = RawServer(script).__enter__()
        servers.append(server)
        settings.PLATFORM_URLS = {"acme": f"{server.url}/acme"}
        return server, client(call=Call(deadline=deadline))

    yield start
    for server in servers:
        server.__exit__(None, None, None)


class TestRealSockets:
    def test_connections_are_used_again(self, serve: Any) -> None:
        server, made = serve(answer(b'{"ok":true}'))
        for _ in range(3):
            assert made.get("x").json() == {"ok": True}
        assert (len(server.requests), server.connections) == (3, 1)
        assert server.requests[0].startswith(b"GET /acme/x HTTP/1.1\r\n")

    def test_threads_share_the_pool(self, serve: Any) -> None:
        server, _ = serve(answer(b'{"ok":true}'))
        results: list[int] = []

        def work() -> None:
            for _ in range(5):
                results.append(client(call=Call(deadline=5)).get("x").status_code)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert results == [200] * 40
        assert server.connections <= 8

    @pytest.mark.parametrize(("method", "expected"), [("GET", errors.Unavailable), ("POST", errors.Uncertain)])
    def test_one_that_hangs(self, serve: Any, method: str, expected: type[Exception]) -> None:
        server, made = serve(lambda connection, request: server.stopped.wait(8), deadline=0.3)
        began = time.monotonic()
        with pytest.raises(expected, match="no answer came in time") as caught:
            made.request(method, "x")
        assert time.monotonic() - began < 2
        assert caught.value.may_have_reached is (method == "POST")
        assert made.has_written is (method == "POST")

    @pytest.mark.parametrize("part", ["head", "body", "chunked"])
    def test_one_that_drips(self, serve: Any, part: str) -> None:
        def drip(connection: socket.socket, _: bytes) -> None:
            if part == "head":
                start = b"HTTP/1.1 200 OK\r\nX-Slow: "
            elif part == "body":
                start = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
            else:
                start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(start)
            while not server.stopped.wait(0.02):
                connection.sendall(b"1\r\na\r\n" if part == "chunked" else b"a")

        server, made = serve(drip, deadline=0.4)
        began = time.monotonic()
        with pytest.raises(errors.Uncertain):
            made.post("x")
        assert time.monotonic() - began < 2

    def test_one_that_never_reads(self, serve: Any) -> None:
        class Deaf(RawServer):
            def _serve(self, connection: socket.socket) -> None:
                self.stopped.wait(8)

        with Deaf(b"") as server:
            settings_url = server.url
            made = PlatformClient(
                bases={"": settings_url},
                call=Call(deadline=0.4),
                allowances=frozenset({allowance_of_url(settings_url)}),
            )
            began = time.monotonic()
            with pytest.raises(errors.Uncertain):
                made.post("x", content=b"x" * 50_000_000)
            assert time.monotonic() - began < 3

    @pytest.mark.parametrize(
        "cut",
        [
            b"",
            b"HTTP/1.1 200 O",
            b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X-Fill: a\r\n" * 20_000,
        ],
    )
    def test_one_that_cuts_the_line(self, serve: Any, cut: bytes) -> None:
        def script(connection: socket.socket, _: bytes) -> None:
            connection.sendall(cut)
            connection.shutdown(socket.SHUT_RDWR)

        _, made = serve(script)
        with pytest.raises(errors.Uncertain) as caught:
            made.post("x")
        assert caught.value.may_have_reached
        with pytest.raises(errors.Unavailable):
            made.get("x")

    def test_one_that_is_not_there(self, settings: Settings) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        settings.PLATFORM_URLS = {"acme": f"http://127.0.0.1:{port}"}
        with pytest.raises(errors.Unreachable, match="Nothing was sent") as caught:
            client().post("x")
        assert not caught.value.may_have_reached

    def test_one_whose_tls_is_none(self, settings: Settings) -> None:
        with RawServer(b"") as server:
            settings.PLATFORM_URLS = {"acme": f"https://127.0.0.1:{server.port}"}
            # The server takes the greeting for a request without an end; the handshake gets what is left of the time.
            with pytest.raises(errors.Unreachable, match="Nothing was sent"):
                client(call=Call(deadline=0.4)).post("x", json={"a": 1})

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_one_that_says_too_much(self, serve: Any, method: str) -> None:
        def flood(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not server.stopped.is_set():
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")

        server, made = serve(flood)
        with pytest.raises(errors.IntegrationError, match="more than 5120 KiB") as caught:
            made.request(method, "x")
        assert isinstance(caught.value, errors.Permanent if method == "GET" else errors.Uncertain)

    def test_one_that_packs_a_bomb(self, serve: Any) -> None:
        bomb = zlib.compressobj(9, wbits=31)
        packed = b"".join(bomb.compress(b"\0" * 1_000_000) for _ in range(60)) + bomb.flush()
        _, made = serve(answer(packed, Content_Encoding="gzip"))
        assert len(packed) < 100_000
        with pytest.raises(errors.Permanent, match="more than"):
            made.get("x")

    def test_exactly_the_most_is_taken(self, serve: Any) -> None:
        _, made = serve(answer(b"x" * MOST_BYTES))
        assert len(made.get("x").body) == MOST_BYTES
        _, made = serve(answer(gzip.compress(b"x" * MOST_BYTES), Content_Encoding="gzip"))
        assert len(made.get("x").body) == MOST_BYTES

    def test_long_words_of_an_error_are_cut(self, serve: Any) -> None:
        _, made = serve(answer(b"x" * 1_000_000, "500 Oops"))
        with pytest.raises(errors.Unavailable, match="answered 500"):
            made.get("x")

    def test_time_is_counted_over_all_requests_of_a_call(self, serve: Any) -> None:
        server, made = serve(
            lambda connection, _: server.stopped.wait(0.4) or connection.sendall(answer()), deadline=1.0
        )
        made.get("x")
        made.get("x")
        with pytest.raises(errors.Transient):
            made.get("x")
        assert made.remaining() < 0.21
        time.sleep(made.remaining())
        with pytest.raises(errors.Unreachable, match="over before this request"):
            made.post("x")

    def test_a_single_request_can_have_less_time(self, serve: Any) -> None:
        server, made = serve(lambda connection, request: server.stopped.wait(8))
        began = time.monotonic()
        with pytest.raises(errors.Unavailable):
            made.get("x", timeout=0.2)
        assert time.monotonic() - began < 2
        assert made.remaining() > 3

    def test_no_cookie_is_kept(self, serve: Any) -> None:
        server, made = serve(answer(b"{}", Set_Cookie="a=b"))
        made.get("x")
        made.get("x")
        assert b"cookie" not in server.requests[1].lower()

    def test_proxies_of_the_environment_do_not_count(self, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        _, made = serve(answer())
        assert made.get("x").status_code == 200

    def test_a_dropped_idle_connection_is_noticed(self, serve: Any) -> None:
        def once(connection: socket.socket, _: bytes) -> None:
            connection.sendall(answer())
            connection.shutdown(socket.SHUT_RDWR)

        _, made = serve(once)
        made.post("x")
        time.sleep(0.05)
        assert made.post("x").status_code == 200


class TestTls:
    """Certificates are checked, also for hosts that an operator allows; an operator's own authority counts."""

    @pytest.fixture
    def authority(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """A certificate for localhost, trusted by this process, with its key in the same file."""
        pem = self_signed("localhost")
        trusted = tmp_path / "authority.pem"
        trusted.write_bytes(pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        transport.tls_context.cache_clear()
        transport._transports.clear()
        yield trusted
        transport.tls_context.cache_clear()
        transport._transports.clear()

    def called(self, pem: Path, host: str) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        with RawServer(answer(), tls=context) as server:
            url = f"https://{host}:{server.port}"
            made = PlatformClient(
                bases={"": url},
                call=Call(deadline=5),
                allowances=frozenset({allowance_of_url(url)}),
                has_credentials=True,
            )
            return made.post("x").status_code

    def test_trusted(self, authority: Path) -> None:
        assert self.called(authority, "localhost") == 200

    def test_for_another_name(self, authority: Path) -> None:
        with pytest.raises(errors.Unreachable, match=r"certificate.*Nothing was sent"):
            self.called(authority, "127.0.0.1")

    def test_of_nobody_we_trust(self, authority: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.pem"
        other.write_bytes(self_signed("localhost"))
        with pytest.raises(errors.Unreachable, match=r"certificate.*Nothing was sent"):
            self.called(other, "localhost")


def test_a_fork_gets_connections_of_its_own() -> None:
    one = transport.shared_transport()
    assert transport.shared_transport() is one
    transport._forget_after_fork()
    assert transport.shared_transport() is not one


def test_other_allowances_get_another_pool() -> None:
    allowed = frozenset({allowance_of_url("http://127.0.0.1:4010/x")})
    assert transport.shared_transport(allowed) is not transport.shared_transport()
    assert transport.shared_transport(allowed) is transport.shared_transport(allowed)
