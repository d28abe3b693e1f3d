"""Signatures of requests to S3: by Amazon's own examples, and compared with Amazon's own library."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from integrations.connectors.s3.signing import Key, encoded_path, link, signed_headers

EXAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "signing_examples.json").read_text())
AT = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)
KEY = Key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "eu-central-1")
ODD_KEYS = [
    "plain.txt",
    "a b+c=d&e?f#g.txt",
    "ärger/日本/😀.txt",
    "~._-/!*'()$@,;:.txt",
    "100%25.txt",
    'quote"back\\slash',
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_amazons_examples_of_headers(example: dict[str, Any]) -> None:
    config = example["config"]
    headers = {name: value for name, value in example["headers"].items() if name != "x-amz-date"}
    at = datetime.strptime(example["headers"]["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    key = Key(config["access_key"], example["secret"], config["region"])
    url = f"https://{config['host']}{encoded_path(config['path'])}"
    signed = signed_headers(config["method"], url, headers, example["body"].encode(), key, at)
    assert signed["Authorization"].endswith(f"Signature={example['expected_signature']}")
    assert signed["x-amz-date"] == example["headers"]["x-amz-date"]


def test_amazons_example_of_a_link() -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    key = Key(KEY.access_key, KEY.secret_key, "us-east-1")
    at = datetime(2013, 5, 24, tzinfo=UTC)
    found = link("https://examplebucket.s3.amazonaws.com/test.txt", 86400, key, at)
    assert found.endswith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


@pytest.mark.parametrize("name", ODD_KEYS)
def test_headers_are_those_of_amazons_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://acme-files.s3.eu-central-1.amazonaws.com/{encoded_path(name)}"
    headers = {"Content-Type": "text/plain; charset=utf-8", "x-amz-meta-note": "two   spaces", "If-None-Match": "*"}
    theirs = AWSRequest("PUT", url, headers=dict(headers), data=b"content")
    _sign_with(S3SigV4Auth(Credentials(KEY.access_key, KEY.secret_key), "s3", KEY.region), theirs, monkeypatch)
    ours = signed_headers("PUT", url, headers, b"content", KEY, AT)
    assert ours["Authorization"] == theirs.headers["Authorization"]


@pytest.mark.parametrize("name", ODD_KEYS)
def test_links_are_those_of_amazons_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://acme-files.s3.eu-central-1.amazonaws.com/{encoded_path(name)}"
    theirs = AWSRequest("GET", url)
    auth = S3SigV4QueryAuth(Credentials(KEY.access_key, KEY.secret_key), "s3", KEY.region, expires=600)
    _sign_with(auth, theirs, monkeypatch)
    assert link(url, 600, KEY, AT).rpartition("=")[2] == theirs.url.rpartition("=")[2]


@pytest.mark.parametrize("seconds", [0, -1, 604_801])
def test_a_link_lives_for_a_week_at_most(seconds: int) -> None:
    with pytest.raises(ValueError, match="604800"):
        link("https://examplebucket.s3.amazonaws.com/test.txt", seconds, KEY, AT)


def test_a_key_does_not_show_itself() -> None:
    assert KEY.secret_key not in repr(KEY)


def _sign_with(auth: Any, request: AWSRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: AT.replace(tzinfo=None))
    auth.add_auth(request)
