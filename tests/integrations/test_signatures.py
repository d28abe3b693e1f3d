"""Every scheme against vectors, good and bad, and against requests that are odd in ways nobody planned."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from integrations.connectors.freshdesk.connector import Freshdesk
from integrations.connectors.slack.connector import Slack
from integrations.connectors.trello.connector import Trello
from integrations.connectors.webhook.connector import Webhook
from integrations.connectors.zendesk.connector import Zendesk
from integrations.proofs import moment_of
from integrations.signatures import (
    GenericHmac,
    HmacSignature,
    SharedSecretHeader,
    Signature,
    StandardWebhooks,
    as_base64,
    minutes,
)
from integrations.specs import WebhookRequest

NOW = datetime(2026, 11, 21, 12, 0, 30, 999_000, tzinfo=UTC)
PUBLIC_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="

# As the connectors of these platforms declare them, and what other platforms' schemes are made of.
SCHEMES: dict[str, Signature] = {
    "slack": Slack.signature,
    "zendesk": Zendesk.signature,
    "trello": Trello.signature,
    "shared_secret": Freshdesk.schemes["shared_secret"],
    "hmac_sha256": Webhook.schemes["hmac_sha256"],
    "standard_webhooks": Webhook.schemes["standard_webhooks"],
    "several": HmacSignature(header="X-PagerDuty-Signature", prefix="v1=", separator=","),
    "base64_key": HmacSignature(header="Authorization", prefix="HMAC ", encoding="base64", key=as_base64),
    "bearer": SharedSecretHeader(header="", basic="user", bearer=True),
    "timed": HmacSignature(header="X-Sig", timestamp="X-Time", tolerance=minutes(1), covers=lambda r: r.timestamp),
}


def request(headers: dict[str, str], body: bytes = b"{}", url: str = "https://ops.example/hook") -> WebhookRequest:
    return WebhookRequest("POST", url, {name.lower(): value for name, value in headers.items()}, body)


def signed(scheme: Signature, secret: str, body: bytes = b'{"a":1}', **more: Any) -> WebhookRequest:
    return request(scheme.sign(body, secret, NOW, url="https://ops.example/hook", **more), body)


def secret_for(name: str) -> str:
    return base64.b64encode(b"k" * 32).decode() if name == "base64_key" else SCHEMES[name].new_secret()


@pytest.mark.parametrize("name", SCHEMES)
class TestEveryScheme:
    def test_takes_what_it_signs(self, name: str) -> None:
        secret = secret_for(name)
        assert SCHEMES[name].verify(signed(SCHEMES[name], secret), [secret], NOW)

    def test_takes_the_old_secret_while_two_are_valid(self, name: str) -> None:
        old, new = secret_for(name), secret_for(name) if name != "base64_key" else base64.b64encode(b"n" * 32).decode()
        came = signed(SCHEMES[name], old)
        assert SCHEMES[name].verify(came, [new, old], NOW)
        assert not SCHEMES[name].verify(came, [new], NOW)

    def test_refuses_without_a_secret(self, name: str) -> None:
        for none in ([], [""], ["  "]):
            assert not SCHEMES[name].verify(signed(SCHEMES[name], secret_for(name)), none, NOW)

    def test_refuses_an_empty_secret_even_where_it_signed(self, name: str) -> None:
        empty = "whsec_" if name == "standard_webhooks" else ""
        scheme = SCHEMES[name]
        if name == "standard_webhooks":
            came = request({"webhook-id": "a", "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": ""})
        else:
            came = signed(scheme, empty)
        assert not scheme.verify(came, [empty], NOW)

    def test_refuses_without_headers(self, name: str) -> None:
        assert not SCHEMES[name].verify(request({}), [secret_for(name)], NOW)

    def test_its_new_secrets_differ_and_may_be_configured(self, name: str) -> None:
        one, other = SCHEMES[name].new_secret(), SCHEMES[name].new_secret()
        assert one != other
        assert len(one) >= 40
        if name != "base64_key":
            SCHEMES[name].check_secret(one)

    @pytest.mark.parametrize("bad", ["", "   ", "abcdefgh12345678\n", " abcdefgh12345678", "abc\x00defgh12345678"])
    def test_refuses_to_be_configured_with(self, name: str, bad: str) -> None:
        with pytest.raises(ValueError, match="secret"):
            SCHEMES[name].check_secret(bad)

    @given(data=st.data())
    def test_never_raises(self, name: str, data: st.DataObject) -> None:
        scheme, secret = SCHEMES[name], secret_for(name)
        came = signed(scheme, secret)
        odd = st.text(max_size=80) | st.sampled_from(["v1,", ",,", "Basic", "Basic é=", "v0=", "-1", "1e9", "9" * 400])
        headers = {key: data.draw(odd) for key in came.headers}
        assert not scheme.verify(request(headers, data.draw(st.binary(max_size=50))), [secret], NOW)

    @given(secret=st.text(max_size=40))
    def test_no_odd_secret_makes_it_raise(self, name: str, secret: str) -> None:
        came = signed(SCHEMES[name], secret_for(name))
        assert not SCHEMES[name].verify(came, [secret], NOW)


@pytest.mark.parametrize("name", ["slack", "zendesk", "standard_webhooks"])
@pytest.mark.parametrize(("seconds", "valid"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_window_is_five_minutes_both_ways(name: str, seconds: int, valid: bool) -> None:
    secret = secret_for(name)
    came = signed(SCHEMES[name], secret)
    assert SCHEMES[name].verify(came, [secret], NOW + timedelta(seconds=seconds)) is valid


def test_window_can_be_another() -> None:
    secret = secret_for("timed")
    came = signed(SCHEMES["timed"], secret)
    assert SCHEMES["timed"].verify(came, [secret], NOW + timedelta(seconds=60))
    assert not SCHEMES["timed"].verify(came, [secret], NOW + timedelta(seconds=61))


def test_published_secret_verifies_but_is_refused_as_configuration() -> None:
    scheme = SCHEMES["zendesk"]
    assert scheme.verify(signed(scheme, PUBLIC_SECRET), [PUBLIC_SECRET], NOW)
    with pytest.raises(ValueError, match="published"):
        scheme.check_secret(PUBLIC_SECRET)


def test_key_in_base64_must_be_base64() -> None:
    with pytest.raises(ValueError, match="base64"):
        SCHEMES["base64_key"].check_secret("not base64 at all")


class TestGenericHmac:
    scheme = GenericHmac()

    def test_completes_its_options(self) -> None:
        assert self.scheme.check_options({"header": "X-Acme"}) == {
            "header": "X-Acme",
            "encoding": "hex",
            "prefix": "",
            "timestamp_header": "",
            "separator": ":",
        }

    @pytest.mark.parametrize(
        "options",
        [
            {"header": ""},
            {"header": "X Acme"},
            {"header": "X-Acme\r\nX: y"},
            {"header": 7},
            {"encoding": "base32"},
            {"prefix": "é"},
            {"timestamp_header": "a b"},
            {"digest": "md5"},
        ],
    )
    def test_refuses_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(options))):
            self.scheme.check_options(options)
        assert not self.scheme.verify(request({}), ["secret-secret"], NOW, options)

    @pytest.mark.parametrize("encoding", ["hex", "base64"])
    def test_signs_as_the_options_say(self, encoding: str) -> None:
        options = {"header": "X-Acme", "encoding": encoding, "prefix": "sig=", "timestamp_header": "X-Acme-Time"}
        came = request(self.scheme.sign(b"body", "a secret", NOW, options=options), b"body")
        assert came.headers["x-acme"].startswith("sig=")
        assert self.scheme.verify(came, ["a secret"], NOW, options)
        assert not self.scheme.verify(came, ["a secret"], NOW + timedelta(minutes=6), options)
        assert not self.scheme.verify(came, ["a secret"], NOW, {**options, "encoding": "hex", "prefix": ""})


class TestSharedSecret:
    def test_user_does_not_matter_where_the_password_decides(self) -> None:
        for user in ("", "support", "a"):
            value = base64.b64encode(f"{user}:s3cret-password".encode()).decode()
            assert SharedSecretHeader().verify(request({"Authorization": f"basic {value}"}), ["s3cret-password"], NOW)

    def test_user_matters_where_the_secret_names_one(self) -> None:
        scheme = SharedSecretHeader(header="", basic="user")
        value = base64.b64encode(b"am:pw").decode()
        assert scheme.verify(request({"Authorization": f"Basic {value}"}), ["am:pw"], NOW)
        assert not scheme.verify(request({"Authorization": f"Basic {value}"}), ["pw"], NOW)

    def test_bearer_only_where_declared(self) -> None:
        came = request({"Authorization": "Bearer tok-12345"})
        assert SharedSecretHeader(bearer=True).verify(came, ["tok-12345"], NOW)
        assert not SharedSecretHeader().verify(came, ["tok-12345"], NOW)

    def test_password_with_a_colon(self) -> None:
        scheme = SharedSecretHeader()
        assert scheme.verify(request(scheme.sign(b"", "a:b:c", NOW)), ["a:b:c"], NOW)

    def test_refuses_letters_that_do_not_travel(self) -> None:
        with pytest.raises(ValueError, match="ASCII"):
            SharedSecretHeader().check_secret("pässword-pässword")


class TestStandardWebhooks:
    scheme = StandardWebhooks()

    def test_signs_the_published_example(self) -> None:
        headers = self.scheme.sign(
            b'{"test": 2432232314}',
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            datetime.fromtimestamp(1614265330, UTC),
            delivery_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        )
        assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    def test_public_key_checks_what_the_private_one_signed(self) -> None:
        private = Ed25519PrivateKey.generate()
        secret = "whsk_" + base64.b64encode(private.private_bytes_raw()).decode()
        public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
        came = signed(self.scheme, secret)
        self.scheme.check_secret(public)
        assert self.scheme.verify(came, [public], NOW)
        assert not self.scheme.verify(came, ["whsec_" + public.removeprefix("whpk_")], NOW)

    def test_takes_bodies_that_are_not_utf8(self) -> None:
        secret = self.scheme.new_secret()
        assert self.scheme.verify(signed(self.scheme, secret, b"\xff\xfe\x00"), [secret], NOW)

    def test_refuses_an_id_with_a_full_stop(self) -> None:
        secret = self.scheme.new_secret()
        assert not self.scheme.verify(signed(self.scheme, secret, delivery_id="msg.1"), [secret], NOW)

    @pytest.mark.parametrize("bad", ["whsec_", "whsec_c2hvcnQ=", "whsec_é", "whpk_c2hvcnQ=", "whsk_" + "A" * 43 + "="])
    def test_refuses_to_be_configured_with(self, bad: str) -> None:
        with pytest.raises(ValueError, match=r"secret|private"):
            self.scheme.check_secret(bad)

    def test_does_not_sign_with_what_is_no_key(self) -> None:
        with pytest.raises(ValueError, match="whsec_"):
            self.scheme.sign(b"", "whpk_c2hvcnQ=", NOW)


def test_scheme_without_options_refuses_some() -> None:
    with pytest.raises(ValueError, match="no options"):
        StandardWebhooks().check_options({"header": "x"})
    assert StandardWebhooks().check_options({}) == {}


@pytest.mark.parametrize("stamp", [b"", b"1e9", b"-5", b"99999999999999", "１２".encode(), b"2026-11-21", b"0x10"])
def test_no_time(stamp: bytes) -> None:
    assert moment_of(stamp, "unix") is None


@pytest.mark.parametrize("stamp", [b"yesterday", b"2026-11-21T10:00:00", b"1795168801", b"\xff"])
def test_no_time_in_words(stamp: bytes) -> None:
    assert moment_of(stamp, "iso8601") is None
