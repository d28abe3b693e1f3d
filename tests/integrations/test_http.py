"""The one door to the network: what it sends, what it refuses, and what never gets out."""

import json
import logging
import traceback

import httpx
import pytest
from pytest_django import Settings

from integrations import errors
from integrations.http import PlatformClient, path
from tests.integrations.acme import TOKEN, Acme, answering, client, raising
from tests.integrations.raw_server import RawServer, answer


class TestWhatIsSent:
    def test_json_under_the_base_url_with_the_signed_in_headers(self) -> None:
        seen: list[httpx.Request] = []
        made = client(lambda request: seen.append(request) or httpx.Response(200, json={"id": 7}))
        assert made.post("tickets", json={"subject": "Hé"}, params={"a": 1, "none": None}).json() == {"id": 7}
        (request,) = seen
        assert str(request.url) == "https://api.acme.example/v2/tickets?a=1"
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert json.loads(request.content) == {"subject": "Hé"}
        assert request.headers["content-type"] == "application/json"

    def test_basic_sign_in_and_query_parameters_of_the_client(self) -> None:
        seen: list[httpx.Request] = []
        made = client(lambda request: seen.append(request) or httpx.Response(204))
        made.auth, made.params = ("kéy", "X"), {"key": "k1"}
        made.get("/x?y=1", params={"z": "a b"})
        assert seen[0].headers["authorization"] == "Basic a8OpeTpY"
        assert dict(seen[0].url.params) == {"key": "k1", "y": "1", "z": "a b"}

    def test_nothing_of_the_sign_in_goes_along_when_not_signed_in(self) -> None:
        seen: list[httpx.Request] = []
        made = client(lambda request: seen.append(request) or httpx.Response(200, content=b"bytes"))
        made.auth, made.params = ("user", "password1"), {"key": "k1"}
        assert made.fetch("https://elsewhere.example/file?sig=1").body == b"bytes"
        assert "authorization" not in seen[0].headers
        assert str(seen[0].url) == "https://elsewhere.example/file?sig=1"

    def test_forms_files_and_bytes(self) -> None:
        seen: list[httpx.Request] = []
        made = client(lambda request: seen.append(request) or httpx.Response(200))
        made.post("a", data={"x": "1"})
        made.post("b", files={"file": ("n.txt", b"hello")})
        made.put("c", content=b"\x00\x01")
        assert seen[0].content == b"x=1"
        assert b'filename="n.txt"' in seen[1].content
        assert seen[2].content == b"\x00\x01"

    def test_other_host_by_name(self) -> None:
        made = client(lambda request: httpx.Response(200, text=str(request.url)))
        assert made.get("up", host="files").text == "https://files.acme.example/up"
        with pytest.raises(errors.Permanent, match="no address named 'nowhere'"):
            made.get("up", host="nowhere")

    def test_operator_replaces_base_and_other_hosts(self, settings: Settings) -> None:
        settings.PLATFORM_URLS = {"acme": "http://127.0.0.1:4010/acme/"}
        made = client(lambda request: httpx.Response(200, text=str(request.url)))
        assert made.get("/x").text == "http://127.0.0.1:4010/acme/x"
        assert made.get("/x", host="files").text == "http://127.0.0.1:4010/acme/_files/x"

    def test_absolute_addresses_only_under_its_own_bases(self) -> None:
        made = client(lambda request: httpx.Response(200, text=str(request.url)))
        assert made.get("https://api.acme.example/v2/next?page=2").text.endswith("/v2/next?page=2")
        assert made.get("https://files.acme.example/a").status_code == 200
        for other in (
            "https://api.acme.example/v1/next",
            "https://api.acme.example/v2x",
            "https://api.acme.example:8443/v2/x",
            "http://api.acme.example/v2/x",
            "https://evil.example/v2/x",
            "https://api.acme.example.evil.example/v2/x",
            "https://api.acme.example/v2/%2e%2e/v1",
        ):
            with pytest.raises(errors.Forbidden):
                made.get(other)

    @pytest.mark.parametrize("odd", ["../x", "a/../../x", "%2e%2e/x", "a/%252e%252e/x", "a#b", "a\\b", "."])
    def test_no_path_leads_out_of_the_base(self, odd: str) -> None:
        with pytest.raises(errors.InvalidInput):
            client(answering(200)).get(odd)

    def test_path_keeps_each_part_one_part(self) -> None:
        made = client(lambda request: httpx.Response(200, text=request.url.raw_path.decode()))
        assert made.get(path("tickets", "a/b?c#d")).text == "/v2/tickets/a%2Fb%3Fc%23d"
        assert made.get(path("tickets", 7, "é")).text == "/v2/tickets/7/%C3%A9"
        for bad in ("", "..", "."):
            with pytest.raises(errors.InvalidInput):
                path("tickets", bad)

    @pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\x7f"])
    def test_headers_with_line_breaks_are_refused(self, value: str) -> None:
        with pytest.raises(errors.InvalidInput, match="X-Note"):
            client(answering(200)).get("x", headers={"X-Note": value})
        with pytest.raises(errors.InvalidInput, match="name of a header"):
            client(answering(200)).get("x", headers={"X Note": "a"})

    def test_headers_beyond_ascii_go_out_as_utf8(self) -> None:
        made = client(lambda request: httpx.Response(200, content=dict(request.headers.raw)[b"X-Note"]))
        assert made.get("x", headers={"X-Note": "naïve"}).text == "naïve"

    @pytest.mark.parametrize("url", ["ftp://acme.example/", "file:///etc/passwd", "gopher://x/", "https://"])
    def test_other_schemes_are_refused(self, url: str) -> None:
        with pytest.raises((errors.InvalidInput, errors.Permanent)):
            PlatformClient(transport=httpx.MockTransport(answering(200))).get(url)

    def test_user_and_password_in_an_address_are_refused(self) -> None:
        with pytest.raises(errors.InvalidInput, match="sign-in"):
            PlatformClient(transport=httpx.MockTransport(answering(200))).get("https://u:p@acme.example/")

    @pytest.mark.parametrize("method", ["GET\r\n", "", "A B"])
    def test_odd_methods_are_refused(self, method: str) -> None:
        with pytest.raises(errors.InvalidInput):
            client(answering(200)).request(method, "x")


class TestPlainHttp:
    """Credentials travel unencrypted only where the operator allows the host."""

    def test_refused_with_credentials(self) -> None:
        class Own(Acme):
            base_url = "{domain}"

        made = client(answering(200), Own, credentials={"token": TOKEN, "domain": "http://internal.example"})
        with pytest.raises(errors.Forbidden, match="plain http"):
            made.get("x")

    def test_allowed_by_the_operator(self, settings: Settings) -> None:
        settings.OUTBOUND_ALLOW = ["internal.example:80"]
        made = PlatformClient(has_credentials=True, transport=httpx.MockTransport(answering(200)))
        assert made.get("http://internal.example/x").status_code == 200
        with pytest.raises(errors.Forbidden):
            made.get("http://internal.example:8080/x")

    def test_without_credentials_it_may_be_http(self) -> None:
        made = PlatformClient(transport=httpx.MockTransport(answering(200)))
        assert made.get("http://public.example/x").status_code == 200
        with pytest.raises(errors.Forbidden, match="plain http"):
            made.get("http://public.example/x", headers={"Authorization": "Basic abc"})


class TestRedirects:
    def test_never_followed_with_credentials(self) -> None:
        calls: list[str] = []
        made = client(
            lambda request: (
                calls.append(str(request.url)) or httpx.Response(302, headers={"Location": "https://evil.example/"})
            )
        )
        with pytest.raises(errors.Permanent, match="302"):
            made.get("x")
        assert len(calls) == 1

    def test_followed_without_credentials_five_times_at_most(self) -> None:
        def handle(request: httpx.Request) -> httpx.Response:
            left = int(request.url.path.strip("/"))
            return (
                httpx.Response(301, headers={"Location": f"/{left - 1}"}) if left else httpx.Response(200, text="end")
            )

        made = PlatformClient(transport=httpx.MockTransport(handle))
        assert made.get("https://a.example/5").text == "end"
        with pytest.raises(errors.Permanent, match="more than 5"):
            made.get("https://a.example/6")

    def test_a_post_becomes_a_get_unless_told_otherwise(self) -> None:
        def handle(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/end":
                return httpx.Response(200, text=f"{request.method} {request.content.decode()}")
            return httpx.Response(int(request.url.path[1:]), headers={"Location": "/end"})

        made = PlatformClient(transport=httpx.MockTransport(handle))
        assert made.post("https://a.example/302", content=b"x").text == "GET "
        assert made.post("https://a.example/307", content=b"x").text == "POST x"

    def test_each_hop_is_checked(self, settings: Settings) -> None:
        with RawServer(answer(b"secret")) as inner:
            script = answer(b"", "302 Found", Location=f"{inner.url}/metadata")
            with RawServer(script) as outer:
                settings.OUTBOUND_ALLOW = [f"127.0.0.1:{outer.port}"]
                with pytest.raises(errors.Forbidden, match="this machine"):
                    PlatformClient().get(outer.url)
            assert inner.requests == []

    @pytest.mark.parametrize("place", ["http://a.example/x", "ftp://a.example/", "https://u:p@a.example/"])
    def test_not_to_somewhere_worse(self, place: str) -> None:
        made = PlatformClient(transport=httpx.MockTransport(answering(302, headers={"Location": place})))
        with pytest.raises((errors.Forbidden, errors.InvalidInput)):
            made.get("https://a.example/")


class TestSecretsStayIn:
    @pytest.mark.parametrize(
        "echo",
        [TOKEN, f"https://x/?token={TOKEN}&a=1", "eG94Yi12ZXJ5LXNlY3JldC0xMjM0NQ==", TOKEN.encode().hex()],
    )
    def test_echoed_in_the_platforms_words(self, echo: str) -> None:
        with pytest.raises(errors.InvalidInput) as caught:
            client(answering(400, json={"message": f"bad: {echo}"})).get("x")
        assert "very-secret" not in caught.value.message
        assert "eG94Yi12" not in caught.value.message
        assert TOKEN.encode().hex() not in caught.value.message

    @pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ConnectError, httpx.RemoteProtocolError])
    def test_in_no_part_of_an_exception(
        self, error: type[httpx.TransportError], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        made = client(raising(error(f"GET https://api.acme.example/?token={TOKEN}")))
        made.params = {"token": TOKEN}
        with pytest.raises(errors.IntegrationError) as caught:
            made.get("x", headers={"X-Token": TOKEN})
        written = "".join(traceback.format_exception(caught.value)) + caught.value.detail + caplog.text
        assert TOKEN not in written
        assert caught.value.__cause__ is None

    def test_of_an_error_that_a_connector_made(self) -> None:
        made = client(
            answering(200, json={"ok": False}),
            classify=lambda response: errors.CredentialsRejected(f"bad {TOKEN}", detail=TOKEN),
        )
        with pytest.raises(errors.CredentialsRejected) as caught:
            made.get("x")
        assert TOKEN not in str(caught.value) + caught.value.message + caught.value.detail

    def test_fetched_during_the_call(self) -> None:
        made = client(answering(400, text="no fetched-token-99"))
        made.add_secret("fetched-token-99")
        with pytest.raises(errors.InvalidInput, match="no ••••••"):
            made.get("x")

    def test_debug_log_is_masked(self, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="integrations.http")
        made = client(answering(200, json={"echo": TOKEN}))
        made.post("x", json={"token": TOKEN}, params={"token": TOKEN})
        assert caplog.text == ""
        settings.INTEGRATION_DEBUG = True
        made.post("x", json={"token": TOKEN, "note": "hello"}, params={"token": TOKEN})
        assert "hello" in caplog.text
        assert TOKEN not in caplog.text


class TestClassify:
    def test_asked_first_for_every_answer(self) -> None:
        made = client(
            lambda request: httpx.Response(
                200 if request.url.path.endswith("ok") else 403, json={"error": "ratelimited"}
            ),
            classify=lambda response: (
                errors.RateLimited("slow", retry_after=7) if response.json()["error"] == "ratelimited" else None
            ),
        )
        for where, status in (("ok", 200), ("no", 403)):
            with pytest.raises(errors.RateLimited) as caught:
                made.get(where)
            assert (caught.value.retry_after, caught.value.status_code) == (7, status)

    def test_none_leaves_it_to_the_common_mapping(self) -> None:
        with pytest.raises(errors.NotFound):
            client(answering(404), classify=lambda _: None).get("x")
