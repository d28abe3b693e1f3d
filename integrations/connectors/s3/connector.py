"""S3: files into a bucket of AWS, or of storage that speaks the same language."""

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.s3.client import S3Api, error_for
from integrations.connectors.s3.schemas import S3Config, S3Credentials, UploadFile
from integrations.errors import Forbidden, IntegrationError, InvalidInput
from integrations.specs import CREATES, SETS, Account, ActionSpec, Effect, File, Limit, Result
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

# The metadata by which an upload that must not replace anything is found again after a call that was cut off.
MARK = "supportops-step"


def _effect_of_uploading(data: UploadFile) -> Effect:
    """Replacing an object by the same one changes nothing; making one that was not there happens once."""
    return SETS if data.if_exists == "replace" else CREATES


class S3(BaseIntegration):
    key, name = "s3", "Amazon S3"
    description = "Files into a bucket of S3, MinIO, R2 or other storage that speaks S3, with a link to fetch them."
    Credentials = S3Credentials
    Config = S3Config
    base_url = "https://{bucket}.s3.{region}.amazonaws.com"
    other_urls = {"region": "https://s3.{region}.amazonaws.com", "endpoint": "{endpoint_url}"}
    # Far below the 3,500 writes a second that S3 takes for each prefix: smaller storage shall keep up too.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html, read 2026-11
    limits = [Limit("bucket", calls=100, seconds=1, burst=50)]
    signature = None
    actions = [
        ActionSpec(
            "upload_file",
            "Write a file into the bucket.",
            model=UploadFile,
            handler="upload_file",
            idempotent_by="marker",
            find_earlier="find_uploaded",
            effect_of=_effect_of_uploading,
            label="Upload a file",
        )
    ]

    credentials: S3Credentials
    config: S3Config
    api: S3Api

    def authorize(self, http: "PlatformClient") -> None:
        # Each request is signed by itself: nothing goes with all of them.
        self.api = S3Api(http, self.credentials, self.config)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    def test_connection(self) -> Result:
        """List one name of the bucket; writes nothing."""
        bucket = self.credentials.bucket
        account = Account(id=bucket, actor_id=self.credentials.access_key)
        try:
            self.api.list_one()
        except Forbidden:
            # S3 says so only to a key whose signature it has verified; keys that may only write are good practice.
            message = f"S3 accepts the key, which may not list {bucket}. The first upload shows if it may write."
            return Result(True, message, {"account": account, "may_list": False})
        return Result(True, f"S3 accepts the key for {bucket}.", {"account": account, "may_list": True})

    def upload_file(self, data: UploadFile) -> Result:
        file = self.open_file(data)
        key = self._key(data, file)
        creates = data.if_exists == "fail"
        response = self.api.put(key, file.content, self._headers(data, file), expected=(412,) if creates else ())
        if response.status_code == 412:
            earlier = self._ours(key, file)
            if earlier is None:
                raise InvalidInput(f"There is an object '{key}' in {self.credentials.bucket} already.", status_code=412)
            return earlier
        return self._uploaded(key, file, response)

    def find_uploaded(self, data: UploadFile) -> Result | None:
        """Return the object that an earlier call of this step wrote: the one with our mark."""
        file = self.open_file(data)
        return self._ours(self._key(data, file), file)

    def _ours(self, key: str, file: File) -> Result | None:
        there = self.api.head(key)
        mark = there.headers.get(f"x-amz-meta-{MARK}") if there is not None else None
        if there is None or not mark or mark != self.call.idempotency_key:
            return None
        return self._uploaded(key, file, there)

    def _key(self, data: UploadFile, file: File) -> str:
        try:
            # The name of a fetched file is a stranger's: held to the same rules as a key that was typed.
            name = data.key or UploadFile(content="", key=file.name).key
        except ValueError as error:
            raise InvalidInput(f"The file's name '{file.name[:80]}' cannot be its key: name a key.") from error
        return f"{self.config.prefix}/{name}" if self.config.prefix else name

    def _headers(self, data: UploadFile, file: File) -> dict[str, str]:
        headers = {"Content-Type": file.content_type}
        for name, value in data.metadata.items():
            headers[f"x-amz-meta-{name.lower()}"] = _as_ascii(value)
        if data.if_exists == "fail":
            headers["If-None-Match"] = "*"
            if self.call.idempotency_key:
                headers[f"x-amz-meta-{MARK}"] = self.call.idempotency_key
        optional = {
            "x-amz-storage-class": data.storage_class,
            "x-amz-server-side-encryption": self.config.encryption,
            "Cache-Control": data.cache_control,
        }
        return {**headers, **{name: value for name, value in optional.items() if value}}

    def _uploaded(self, key: str, file: File, response: "Response") -> Result:
        bucket, seconds, now = self.credentials.bucket, self.config.link_seconds, clock.now()
        data: dict[str, Any] = {
            "bucket": bucket,
            "key": key,
            "url": self.api.address(key),
            "link": self.api.link(key, seconds, now) if seconds else None,
            "link_expires_at": (now + timedelta(seconds=seconds)).isoformat() if seconds else None,
            "etag": response.headers.get("etag", "").strip('"') or None,
            "version_id": response.headers.get("x-amz-version-id"),
            "size": len(file.content),
            "content_type": file.content_type,
        }
        return Result(True, f"{key} is in {bucket}.", data)


def _as_ascii(value: str) -> str:
    """Return a value of metadata as headers carry it: other letters in the form of RFC 2047, which S3 understands."""
    return value if value.isascii() else f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="
