"""Against a server that speaks S3 and checks signatures with Amazon's own library."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from integrations.connecting import connect_with
from integrations.connectors.s3.connector import S3
from integrations.errors import CredentialsRejected, Forbidden, InvalidInput, NotFound
from integrations.specs import Action, Call, Result

BUCKET = "acme-files"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


@pytest.fixture(scope="module")
def storage() -> Iterator[dict[str, str]]:
    """The credentials of a user at a server of our own; from here on it checks who signs."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        # What stands in the environment must not count.
        root: dict[str, Any] = {
            "endpoint_url": url,
            "region_name": "us-east-1",
            "aws_access_key_id": "root",
            "aws_secret_access_key": "root",
        }
        boto3.client("s3", **root).create_bucket(Bucket=BUCKET)
        iam = boto3.client("iam", **root)
        iam.create_user(UserName="supportops")
        iam.put_user_policy(UserName="supportops", PolicyName="all", PolicyDocument=json.dumps(POLICY))
        made = iam.create_access_key(UserName="supportops")["AccessKey"]
        check_signatures(url, are_checked=True)
        yield {
            "access_key": made["AccessKeyId"],
            "secret_key": made["SecretAccessKey"],
            "bucket": BUCKET,
            "endpoint_url": url,
        }
    finally:
        server.stop()


def check_signatures(url: str, *, are_checked: bool) -> None:
    """Have the server check who signs, or let everybody in."""
    httpx.post(f"{url}/moto-api/reset-auth", content=b"0" if are_checked else b"1000").raise_for_status()


@pytest.fixture
def allowed(storage: dict[str, str], settings: Any) -> dict[str, str]:
    settings.OUTBOUND_ALLOW = [storage["endpoint_url"].removeprefix("http://")]
    return storage


def upload(credentials: dict[str, str], **parameters: Any) -> Result:
    call = Call(idempotency_key=parameters.pop("idempotency_key", "step-1"))
    config = parameters.pop("config", {})
    return connect_with(S3, credentials, config, call=call).execute(Action("upload_file", parameters))


def stored(credentials: dict[str, str], key: str) -> Any:
    """The object as Amazon's own library reads it."""
    client = boto3.client(
        "s3",
        endpoint_url=credentials["endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id=credentials["access_key"],
        aws_secret_access_key=credentials["secret_key"],
    )
    return client.get_object(Bucket=BUCKET, Key=key)


@pytest.mark.parametrize("key", ["plain.txt", "tickets/4711/a b+c=d&e.txt", "ärger/日本/😀.txt", "~!*'()$@,;:.txt"])
def test_what_was_uploaded_is_there(allowed: dict[str, str], key: str) -> None:
    result = upload(allowed, key=key, content="Grüße", content_type="text/plain", metadata={"ticket": "4711"})
    found = stored(allowed, key)
    assert (found["Body"].read().decode(), found["ContentType"]) == ("Grüße", "text/plain")
    assert found["Metadata"]["ticket"] == "4711"
    assert found["ETag"].strip('"') == result.data["etag"]


@pytest.mark.parametrize("key", ["plain.txt", "ärger/a b+c=d&e.txt"])
def test_the_link_leads_to_the_object(allowed: dict[str, str], key: str) -> None:
    link = upload(allowed, key=key, content="linked").data["link"]
    # The server knows signatures in headers only; those of links are compared in test_signing.
    check_signatures(allowed["endpoint_url"], are_checked=False)
    try:
        assert httpx.get(link).text == "linked"
    finally:
        check_signatures(allowed["endpoint_url"], are_checked=True)


def test_a_large_file_arrives_whole(allowed: dict[str, str]) -> None:
    content = "0123456789abcdef" * 200_000
    result = upload(allowed, key="large.txt", content=content)
    assert result.data["size"] == len(content)
    assert stored(allowed, "large.txt")["Body"].read().decode() == content


def test_once_means_once_and_a_repeat_of_ours_is_no_failure(allowed: dict[str, str]) -> None:
    first = upload(allowed, key="once.txt", content="first", if_exists="fail")
    again = upload(allowed, key="once.txt", content="first", if_exists="fail")
    assert again.data["etag"] == first.data["etag"]
    with pytest.raises(InvalidInput, match="already"):
        upload(allowed, key="once.txt", content="other", if_exists="fail", idempotency_key="step-2")
    assert stored(allowed, "once.txt")["Body"].read() == b"first"


def test_the_connection_test_knows_good_and_bad_keys(allowed: dict[str, str]) -> None:
    assert connect_with(S3, allowed).test_connection().success
    for field, value in (("secret_key", "wrong"), ("access_key", "AKIAWRONG00000000000")):
        with pytest.raises(CredentialsRejected):
            connect_with(S3, {**allowed, field: value}).test_connection()
    with pytest.raises(NotFound, match="NoSuchBucket"):
        connect_with(S3, {**allowed, "bucket": "nowhere"}).test_connection()


def test_without_the_operators_allowance_the_server_is_not_reached(storage: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        upload(storage, key="a.txt", content="x")
