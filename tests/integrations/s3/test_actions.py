"""What S3 is asked for, and what its answers mean."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from integrations.connectors.s3.connector import S3
from integrations.connectors.s3.schemas import UploadFile
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import CREATES, SETS, Account, Action, Call, File, Result
from tests.integrations.recorded import FakePlatform

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AWS = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": SECRET, "region": "eu-central-1", "bucket": "acme-files"}
KEY = "01a1f89c-fb80-7c3a-9d52-6f1e2b3c4d5e"
CALL = Call(idempotency_key=KEY)
TEXT = {"key": "tickets/4711.txt", "content": "It is broken"}
ONCE = {**TEXT, "if_exists": "fail"}


def perform(
    answers: str,
    parameters: dict[str, Any],
    *,
    action: str = "upload_file",
    credentials: dict[str, Any] = AWS,
    config: dict[str, Any] | None = None,
    call: Call = CALL,
) -> tuple[Result, list[httpx.Request]]:
    with FakePlatform.of("s3", answers) as s3:
        result = s3.connect(S3, credentials, config, call=call).execute(Action(action, parameters))
    return result, s3.requests


def put(
    path: str, parameters: dict[str, Any], credentials: dict[str, Any] = AWS, config: dict[str, Any] | None = None
) -> tuple[Result, httpx.Request]:
    """An upload that is answered by 200, whatever its address."""
    with FakePlatform([{"request": f"PUT {path}", "headers": {"ETag": '"x"'}}]) as s3:
        result = s3.connect(S3, credentials, config, call=CALL).execute(Action("upload_file", parameters))
    return result, s3.requests[0]


# --- uploads --------------------------------------------------------------------------------------------------
def test_a_file_goes_to_the_bucket() -> None:
    result, [request] = perform("upload_file__200", TEXT)
    assert str(request.url) == "https://acme-files.s3.eu-central-1.amazonaws.com/tickets/4711.txt"
    assert request.content == b"It is broken"
    assert request.headers["content-type"] == "text/plain"
    assert "if-none-match" not in request.headers and "x-amz-meta-supportops-step" not in request.headers
    signed = "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,"
    assert signed in request.headers["authorization"] and SECRET not in str(request.headers)
    assert result.message == "tickets/4711.txt is in acme-files."
    link = result.data.pop("link")
    assert result.data.pop("link_expires_at").endswith("+00:00")
    assert result.data == {
        "bucket": "acme-files",
        "key": "tickets/4711.txt",
        "url": "https://acme-files.s3.eu-central-1.amazonaws.com/tickets/4711.txt",
        "etag": "9b2cf535f27731c974343645a3985328",
        "version_id": "3HL4kqtJvjVBH40Nrjfkd",
        "size": 12,
        "content_type": "text/plain",
    }
    assert link.startswith(result.data["url"] + "?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["3600"] and SECRET not in link


def test_everything_that_an_upload_can_have() -> None:
    parameters = {
        **TEXT,
        "content_type": "text/csv",
        "metadata": {"Ticket": 4711, "who": "Zoë"},
        "storage_class": "STANDARD_IA",
        "cache_control": "no-store",
    }
    _, request = put("/tickets/4711.txt", parameters, config={"encryption": "aws:kms"})
    wanted = {
        "content-type": "text/csv",
        "x-amz-meta-ticket": "4711",
        "x-amz-meta-who": "=?UTF-8?B?Wm/Dqw==?=",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-server-side-encryption": "aws:kms",
        "cache-control": "no-store",
    }
    assert {name: request.headers[name] for name in wanted} == wanted
    covered = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert set(wanted) <= set(covered), "what is not signed could be changed on its way"


def test_a_file_of_the_store_keeps_its_name_and_type() -> None:
    call = replace(CALL, files={"report": File("Q3 report.pdf", b"%PDF", "application/pdf")})
    with FakePlatform([{"request": "PUT /Q3%20report.pdf"}]) as s3:
        result = s3.connect(S3, AWS, call=call).execute(Action("upload_file", {"file_path": "report"}))
    assert (result.data["key"], s3.requests[0].headers["content-type"]) == ("Q3 report.pdf", "application/pdf")
    assert s3.requests[0].content == b"%PDF"


def test_a_file_is_fetched_from_an_address_without_credentials() -> None:
    result, [fetch, _] = perform(
        "upload_file__200__fetched", {"url": "https://93.184.216.34/reports/november%202026.pdf"}
    )
    assert "authorization" not in fetch.headers and "x-amz-date" not in fetch.headers
    assert (result.data["key"], result.data["content_type"]) == ("november 2026.pdf", "application/pdf")


def test_bytes_are_given_in_base64() -> None:
    _, request = put("/a.bin", {"key": "a.bin", "content_base64": "AAH/"})
    assert request.content == b"\x00\x01\xff"


def test_a_file_that_is_not_there_is_not_sent() -> None:
    with FakePlatform([]) as s3, pytest.raises(InvalidInput, match="no file 'report'"):
        s3.connect(S3, AWS).execute(Action("upload_file", {"file": "report"}))


@pytest.mark.parametrize(
    "parameters",
    [
        {"key": "../other", "content": "x"},
        {"key": "/a", "content": "x"},
        {"key": "a//b", "content": "x"},
        {"key": "a\nb", "content": "x"},
        {"key": "ä" * 513, "content": "x"},
        {"key": "a"},
        {"key": "a", "content": "x", "url": "https://example.com/x"},
        {"key": "a", "content": "x", "metadata": {"a b": "c"}},
        {"key": "a", "content": "x", "metadata": {"a": "b\r\nx-amz-acl: public-read"}},
        {"key": "a", "content": "x", "metadata": {"a": "b" * 2048}},
        {"key": "a", "content": "x", "storage_class": "CHEAP"},
        {"key": "a", "content": "x", "acl": "public-read"},
    ],
)
def test_what_cannot_be_stored_is_refused_before_the_call(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as s3, pytest.raises(InvalidInput):
        s3.connect(S3, AWS).execute(Action("upload_file", parameters))


# --- once -----------------------------------------------------------------------------------------------------
def test_an_upload_that_must_not_replace_says_so_and_bears_our_mark() -> None:
    _, [request] = perform("upload_file__200", ONCE)
    assert request.headers["if-none-match"] == "*"
    assert request.headers["x-amz-meta-supportops-step"] == KEY
    assert "if-none-match;" in request.headers["authorization"]


def test_an_object_of_somebody_else_stays() -> None:
    with pytest.raises(InvalidInput, match=r"There is an object 'tickets/4711\.txt' in acme-files already"):
        perform("upload_file__412", ONCE)


def test_one_that_was_deleted_in_between_is_no_success() -> None:
    with pytest.raises(InvalidInput, match="already"):
        perform("upload_file__412__gone_again", ONCE)


def test_our_own_earlier_upload_is_a_success() -> None:
    result, _ = perform("upload_file__200__found_earlier", ONCE)
    assert result.success and result.data["version_id"] == "3HL4kqtJvjVBH40Nrjfkd"


def test_without_a_key_nothing_counts_as_ours() -> None:
    with pytest.raises(InvalidInput, match="already"):
        perform("upload_file__412", ONCE, call=Call())


@pytest.mark.parametrize(("mark", "is_found"), [(KEY, True), ("other", False), ("", False)])
def test_what_a_cut_off_call_made_is_looked_up(mark: str, is_found: bool) -> None:
    answer = {"request": "HEAD /tickets/4711.txt", "headers": {"x-amz-meta-supportops-step": mark, "ETag": '"x"'}}
    with FakePlatform([answer]) as s3:
        found = s3.connect(S3, AWS, call=CALL).find_uploaded(UploadFile(**ONCE))
    assert (found is not None) is is_found


def test_only_what_replaces_may_be_repeated_without_looking() -> None:
    spec = S3.action_spec("upload_file")
    assert spec.effect_of is not None
    assert spec.effect_of(UploadFile(**TEXT)) is SETS and spec.effect_of(UploadFile(**ONCE)) is CREATES


# --- failures -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("upload_file__403__access_denied", Forbidden, 'is not authorized to perform: s3:PutObject on resource: "arn'),
        ("upload_file__403__signature", CredentialsRejected, "SignatureDoesNotMatch"),
        ("upload_file__403__unknown_key", CredentialsRejected, "InvalidAccessKeyId"),
        ("upload_file__403__clock", Unavailable, "RequestTimeTooSkewed"),
        ("upload_file__404__no_bucket", NotFound, "NoSuchBucket"),
        ("upload_file__400__request_timeout", Unavailable, "RequestTimeout"),
        ("upload_file__400__storage_class", InvalidInput, "InvalidStorageClass"),
        ("upload_file__400__region", InvalidInput, "in eu-west-1: change the integration's region"),
        ("upload_file__301", InvalidInput, "in eu-west-1: change the integration's region"),
        ("upload_file__503__slow_down", RateLimited, "reduce your request rate"),
        ("upload_file__409__conflict", Unavailable, "ConditionalRequestConflict"),
        ("upload_file__500", Unavailable, "InternalError"),
        ("upload_file__502__web_page", Unavailable, "502"),
        ("upload_file__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, TEXT)
    assert type(caught.value) is error
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("answers", "reached"), [("upload_file__500", True), ("upload_file__503__slow_down", False)])
def test_only_what_was_turned_away_is_sure_to_be_without_effect(answers: str, reached: bool) -> None:
    with pytest.raises((Unavailable, RateLimited)) as caught:
        perform(answers, ONCE)
    assert caught.value.may_have_reached is reached


# --- configuration and places ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("credentials", "config", "address"),
    [
        ({}, {"prefix": "/exports/support/"}, "https://acme-files.s3.eu-central-1.amazonaws.com/exports/support/a"),
        ({}, {"addressing": "path"}, "https://s3.eu-central-1.amazonaws.com/acme-files/a"),
        ({"bucket": "files.acme.example"}, {}, "https://s3.eu-central-1.amazonaws.com/files.acme.example/a"),
        ({"endpoint_url": "https://s3.acme.example:9000/store"}, {}, "https://s3.acme.example:9000/store/acme-files/a"),
        (
            {"endpoint_url": "https://acme-files.oss.example"},
            {"addressing": "virtual"},
            "https://acme-files.oss.example/a",
        ),
    ],
)
def test_an_object_has_its_address(credentials: dict[str, Any], config: dict[str, Any], address: str) -> None:
    result, request = put(urlsplit(address).path, {"key": "a", "content": "x"}, {**AWS, **credentials}, config)
    assert str(request.url) == address == result.data["url"]
    assert result.data["link"].partition("?")[0] == address


def test_the_region_is_part_of_the_signature_and_has_a_default() -> None:
    _, request = put("/a", {"key": "a", "content": "x"}, {name: AWS[name] for name in AWS if name != "region"})
    assert request.url.host == "acme-files.s3.us-east-1.amazonaws.com"
    assert "/us-east-1/s3/aws4_request" in request.headers["authorization"]


@pytest.mark.parametrize(("seconds", "has_link"), [(0, False), (604_800, True)])
def test_the_configuration_says_how_long_a_link_lives(seconds: int, has_link: bool) -> None:
    result, _ = put("/a", {"key": "a", "content": "x"}, config={"link_seconds": seconds})
    assert bool(result.data["link"]) is has_link and bool(result.data["link_expires_at"]) is has_link
    assert not has_link or f"X-Amz-Expires={seconds}" in result.data["link"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bucket", "acme/files"),
        ("bucket", "Acme"),
        ("region", "eu.central"),
        ("endpoint_url", "ftp://x"),
        ("endpoint_url", "https://u:p@x"),
    ],
)
def test_credentials_that_lead_elsewhere_are_refused(field: str, value: str) -> None:
    with FakePlatform([]) as s3, pytest.raises(InvalidInput, match=field):
        s3.connect(S3, {**AWS, field: value})


def test_a_private_endpoint_is_not_called() -> None:
    from integrations.connecting import connect_with

    s3 = connect_with(S3, {**AWS, "endpoint_url": "https://169.254.169.254"})
    with pytest.raises(Forbidden, match="metadata service"):
        s3.execute(Action("upload_file", TEXT))


def test_a_plain_endpoint_is_not_called_unless_it_is_allowed() -> None:
    with FakePlatform([]) as s3, pytest.raises(Forbidden, match="plain http"):
        s3.connect(S3, {**AWS, "endpoint_url": "http://s3.acme.example"}).execute(Action("upload_file", TEXT))


# --- connection test ------------------------------------------------------------------------------------------
def test_the_connection_test_lists_one_name() -> None:
    with FakePlatform.of("s3", "test_connection__200") as s3:
        result = s3.connect(S3, AWS).test_connection()
    assert result.data == {"account": Account("acme-files", "AKIAIOSFODNN7EXAMPLE"), "may_list": True}


def test_a_key_that_may_only_write_passes_with_a_remark() -> None:
    with FakePlatform.of("s3", "test_connection__403__may_not_list") as s3:
        result = s3.connect(S3, AWS).test_connection()
    assert result.success and "may not list" in result.message and result.data["may_list"] is False


@pytest.mark.parametrize(
    ("answers", "error"),
    [("test_connection__403__unknown_key", CredentialsRejected), ("test_connection__404", NotFound)],
)
def test_a_connection_test_that_fails_says_why(answers: str, error: type[Exception]) -> None:
    with FakePlatform.of("s3", answers) as s3, pytest.raises(error):
        s3.connect(S3, AWS).test_connection()
