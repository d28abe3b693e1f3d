"""`.env` files: what is read, what is refused at which line, and what a variable is taken for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.env_file import MOST_ENTRIES, EnvEntry, read_env
from rules.env_guesses import environment_of, hosts_for, why_secret
from rules.problems import Refused


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("\ufeffA=b\r\n", "b"),
        ("  export   A = b  ", "b"),
        ("A=b # why", "b"),
        ("A=b#c", "b#c"),
        ("A= # nothing", ""),
        ("A=", ""),
        ("A=x=y==", "x=y=="),
        ("A='a # b'", "a # b"),
        ("A='a\\nb' # why", "a\\nb"),
        ('A="a\\nb\\t\\"c\\" \\\\ \\$d \\e"', 'a\nb\t"c" \\ $d \\e'),
        ('A="-----BEGIN\nx#y\n-----END"\nB=2', "-----BEGIN\nx#y\n-----END"),
        ("A='one\ntwo'", "one\ntwo"),
        ('# A=no\n\n \nA=it\'s "so"', 'it\'s "so"'),
        ("A=${HOME}/$x", "${HOME}/$x"),
    ],
)
def test_forms_that_are_read(text: str, value: str) -> None:
    assert (read_env(text)[0].name, read_env(text)[0].value) == ("A", value)


def test_lines_are_those_of_the_file_and_nothing_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/never")
    entries = read_env('# x\r\nA="1\r\n2"\r\n\r\nexport B=$HOME\r\nC="3"')
    assert [(entry.name, entry.line, entry.is_quoted) for entry in entries] == [
        ("A", 2, True),
        ("B", 5, False),
        ("C", 6, True),
    ]
    assert entries[1].value == "$HOME" and entries[1].names_others
    assert "$HOME" not in repr(entries[1])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "There is no NAME=value"),
        ("# only\n", "There is no NAME=value"),
        ("A=1\nB", "Line 2: 'B' has no value"),
        ("export B", "Line 1: 'B' has no value"),
        ("A=1\n=2", "Line 2: This is no NAME=value"),
        ("two words=1", "Line 1: This is no NAME=value"),
        ("A-B=1", "Line 1: A name has letters"),
        ("9A=1", "Line 1: A name has letters"),
        ("A=1\n\nA=2", "Line 3: 'A' stands in line 1 already"),
        ("A=1\nB='open\nC=2", "Line 2: The quotes of 'B' are never closed"),
        ('A="x" y', "Line 1: There is more behind the closing quotes of 'A'"),
        ("A=a\0b", "Line 1: The value of 'A' has a null character"),
        ("\n".join(f"A{number}=1" for number in range(MOST_ENTRIES + 1)), "at most"),
        ("A=" + "x" * 300_000, "larger than 256 KiB"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        read_env(text)
    assert told in refused.value.problems[0].detail


def test_every_line_that_is_wrong_is_told_without_its_value() -> None:
    with pytest.raises(Refused) as refused:
        read_env('A-B=hush-1\nC="x\ny" hush-2\nD=ok\nE hush-3')
    told = [problem.detail for problem in refused.value.problems]
    assert [detail[:6] for detail in told] == ["Line 1", "Line 3", "Line 5"] and "hush" not in str(told)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=40))
def test_any_value_is_read_again_from_double_quotes(value: str) -> None:
    written = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("$", "\\$")
    assert [entry.value for entry in read_env(f'A="{written}"\nB=1')] == [value, "1"]


@given(st.text(max_size=60))
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    try:
        assert read_env(text)
    except Refused as refused:
        assert refused.problems


# --- guesses ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("API_KEY", "x", True),
        ("CRM_TOKEN", "x", True),
        ("DB_PASSWORD", "x", True),
        ("SENTRY_DSN", "https://abc@sentry.io/1", True),
        ("TOKEN_TTL", "3600", False),
        ("ACCESS_KEY_ID", "abc", False),
        ("PUBLIC_KEY", "abc", False),
        ("KEYBOARD", "de", False),
        ("REGION", "eu-central-1", False),
        ("BASE_URL", "https://api.example.com/v2/things", False),
        ("DATABASE_URL", "postgres://me:hush@db.example.com/x", True),
        ("ALERTS", "https://hooks.slack.com/services/T0/B0/xyz", True),
        ("CHAT", "xoxb-1234-abcd", True),
        ("PAY", "sk_live_abc", True),
        ("CERT", "-----BEGIN CERTIFICATE-----", True),
        ("THING", "d41d8cd98f00b204e9800998ecf8427e", True),
        ("THING", "aB3xK9mQ2pL7vR4tY8wZ1cD6", True),
        ("GREETING", "Hello, how can we help you today?", False),
        ("CHANNEL", "support-escalations-emea-weekend", False),
        ("PORT", "8080", False),
    ],
)
def test_secrets_are_known_by_name_and_by_looks(name: str, value: str, is_secret: bool) -> None:
    assert bool(why_secret(name, value)) is is_secret


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("URL_DEV", ("URL", "dev")),
        ("URL_PROD", ("URL", "prod")),
        ("URL_STAGING", ("URL_STAGING", None)),
        ("URL_TEST", ("URL_TEST", None)),
        ("URL_dev", ("URL", "dev")),
        ("_DEV", ("_DEV", None)),
        ("PROD", ("PROD", None)),
    ],
)
def test_a_suffix_means_an_environment_that_there_is(name: str, expected: tuple[str, str | None]) -> None:
    assert environment_of(name, {"dev", "prod", "test"}) == expected


@pytest.mark.parametrize(
    ("name", "others", "hosts"),
    [
        ("CRM_TOKEN", {"CRM_URL": "https://crm.acme.com/api"}, ("crm.acme.com",)),
        ("CRM_TOKEN", {"CRM_BASE_URL": "https://crm.acme.com:8443"}, ("crm.acme.com:8443",)),
        ("CRM_TOKEN", {"CRM_HOST": "crm.acme.com"}, ("crm.acme.com",)),
        ("CRM_TOKEN", {"CRM_DOCS_URL": "https://docs.acme.com"}, ()),
        ("CRM_API_TOKEN", {"CRM_URL": "https://a.example", "CRM_API_URL": "https://b.example"}, ("b.example",)),
        ("CRM_TOKEN", {"OTHER_URL": "https://other.example"}, ()),
        ("CRM_TOKEN", {"CRM_URL": "http://10.0.0.5"}, ()),
        ("STRIPE_KEY", {}, ("api.stripe.com",)),
        ("PAGERDUTY_TOKEN", {}, ("api.pagerduty.com", "events.pagerduty.com")),
        ("NOBODY_KNOWS_KEY", {}, ()),
    ],
)
def test_hosts_come_from_neighbours_and_from_what_is_well_known(
    name: str, others: dict[str, str], hosts: tuple[str, ...]
) -> None:
    entry = EnvEntry(name, "hush", 1)
    entries = [entry, *(EnvEntry(key, value, line) for line, (key, value) in enumerate(others.items(), 2))]
    assert hosts_for(entry, entries) == hosts


def test_an_address_that_is_a_secret_goes_to_itself() -> None:
    entry = EnvEntry("SLACK_WEBHOOK", "https://hooks.slack.com/services/T0/B0/xyz", 1)
    assert hosts_for(entry, [entry]) == ("hooks.slack.com",)
