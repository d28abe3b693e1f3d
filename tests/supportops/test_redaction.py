"""A secret is masked wherever its characters stand, plain or encoded; everything else stays as it was."""

import base64
import html
import json
import string
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportops.redaction import MASK, Redactor, current, names_secret, redacting

SECRET = "s3cr3t/Key+with=odd&chars~"
# Characters that stand in no encoding of a secret, so that what surrounds it is never masked along.
AROUND = st.text(alphabet=" .,;:!?\n\tßäö…", max_size=20)
SECRETS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=6, max_size=60).map("A{}Z".format)
ENCODINGS = {
    "plain": lambda text: text,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "HTML": html.escape,
    "URL": lambda text: quote(text, safe=""),
    "URL path": quote,
    "form": quote_plus,
    "URL in small letters": lambda text: _small_escapes(quote(text, safe="")),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
}


def _small_escapes(text: str) -> str:
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@given(secret=SECRETS, before=AROUND, after=AROUND)
@settings(max_examples=60, deadline=None)
def test_a_secret_is_masked_in_every_encoding(encode, secret, before, after):
    assert Redactor([secret]).text(f"{before}{encode(secret)}{after}") == f"{before}{MASK}{after}"


@given(secret=SECRETS, before=st.binary(max_size=9), after=st.binary(max_size=9), urlsafe=st.booleans())
@settings(max_examples=200, deadline=None)
def test_base64_is_masked_in_every_alignment(secret, before, after, urlsafe):
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    encoded = encode(before + secret.encode() + after).decode()
    masked = Redactor([secret]).text(f"Basic {encoded}")
    assert MASK in masked
    left, _, right = masked.removeprefix("Basic ").partition(MASK)
    # What is left decodes to what stood around the secret, without one whole byte of it.
    assert encoded.startswith(left)
    assert encoded.endswith(right)
    assert len(left) * 6 // 8 <= len(before)
    assert len(right.rstrip("=")) * 6 // 8 <= len(after)


@given(text=st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_text_without_a_secret_stays_as_it_is(text):
    assert Redactor(["this secret is nowhere"]).text(text) == text


@given(secrets=st.lists(SECRETS, min_size=1, max_size=5), parts=st.lists(st.integers(0, 4), max_size=6))
@settings(max_examples=100, deadline=None)
def test_no_secret_survives_among_several(secrets, parts):
    text = "".join(secrets[part % len(secrets)] for part in parts)
    masked = Redactor(secrets).text(text)
    assert not any(secret in masked for secret in secrets)


def test_overlapping_secrets_leave_no_rest():
    assert Redactor(["abcdefghij", "ghijklmnop"]).text("<abcdefghijklmnop>") == f"<{MASK}>"


def test_the_longer_of_two_secrets_is_masked_whole():
    assert Redactor(["hunter22", "hunter22-and-more"]).text("x hunter22-and-more y") == f"x {MASK} y"


def test_short_values_are_left_alone_by_value():
    assert Redactor(["four", "1234567"]).text("four times 1234567") == "four times 1234567"


def test_positions_hold_behind_characters_beyond_ascii():
    assert Redactor([SECRET]).text(f"🙂🙂 {SECRET} 🙂 \ud800 {SECRET}") == f"🙂🙂 {MASK} 🙂 \ud800 {MASK}"


def test_a_service_accounts_private_key_is_masked_by_itself():
    account = json.dumps({"client_email": "bot@example.com", "private_key": "-----BEGIN\nMIIEvQIBADANBg\n-----END"})
    redactor = Redactor([account])
    assert redactor.text("bad key: -----BEGIN\nMIIEvQIBADANBg\n-----END") == f"bad key: {MASK}"
    assert redactor.text(r"bad key: -----BEGIN\nMIIEvQIBADANBg\n-----END") == f"bad key: {MASK}"
    assert redactor.text("bot@example.com") == "bot@example.com"


@pytest.mark.parametrize(
    "name",
    ["password", "api_key", "apiKey", "API-KEY", "X-Auth-Token", "authorization", "clientSecret", "private_key", "jwt"],
)
def test_names_of_secrets(name):
    assert names_secret(name)


@pytest.mark.parametrize(
    "name", ["credentials_set", "token_id", "secret_hosts", "key", "rule_key", "passwordless", "monkey", "", None, 3]
)
def test_other_names(name):
    assert not names_secret(name)


def test_what_stands_under_a_secrets_name_is_masked():
    value = {
        "user": "ada",
        "password": "pw",
        "nested": [{"apiKey": {"a": [1, 2]}}, {"token": 12345}],
        "secret": True,
        "api_token": None,
        "headers": [["Authorization", "Bearer x"], ["Accept", "json"]],
        "fields": [{"name": "client_secret", "value": "x"}, {"name": "color", "value": "x"}],
    }
    assert Redactor().value(value) == {
        "user": "ada",
        "password": MASK,
        "nested": [{"apiKey": MASK}, {"token": MASK}],
        "secret": True,
        "api_token": None,
        "headers": [["Authorization", MASK], ["Accept", "json"]],
        "fields": [{"name": "client_secret", "value": MASK}, {"name": "color", "value": "x"}],
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(f"x{SECRET}y"),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12) | st.just(SECRET), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(value=JSON)
@settings(max_examples=200, deadline=None)
def test_no_secret_survives_in_nested_json(value):
    masked = Redactor([SECRET]).value(value)
    assert SECRET not in json.dumps(masked, ensure_ascii=False)
    assert Redactor([SECRET]).value(masked) == masked


def test_the_original_is_not_changed():
    value = {"password": "x", "list": [SECRET]}
    Redactor([SECRET]).value(value)
    assert value == {"password": "x", "list": [SECRET]}


def test_a_redactor_never_shows_its_secrets():
    assert SECRET not in repr(Redactor([SECRET]))


@pytest.mark.parametrize(
    "text",
    ["a" * 262_144, (string.ascii_letters + string.digits) * 4228, (SECRET[:-1] + "#") * 10_000, SECRET * 10_000],
    ids=["one letter", "letters", "nearly", "everywhere"],
)
def test_256_kib_cost_little(text):
    redactor = Redactor([*(f"{index}-secret-of-somebody" for index in range(50)), "aaaaaaaa", SECRET])
    started = time.perf_counter()
    redactor.text(text)
    assert time.perf_counter() - started < 1.5


def test_within_redacting_the_secrets_are_the_current_ones():
    assert current().text(SECRET) == SECRET
    with redacting([SECRET]):
        assert current().text(SECRET) == MASK
    assert current().text(SECRET) == SECRET


@pytest.mark.parametrize("secret", ["x" * 20_000, "-----KEY" * 2_500])
def test_a_long_secret_that_repeats_itself_costs_no_time(secret: str) -> None:
    began = time.monotonic()
    assert Redactor([secret]).text(f"It was {secret}, you said.") == f"It was {MASK}, you said."
    assert time.monotonic() - began < 3
