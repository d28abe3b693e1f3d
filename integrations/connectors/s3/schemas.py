"""What S3's actions take, and what signs them in. Limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from integrations.attachments import FileSource
from integrations.connectors.s3.signing import LONGEST_LINK
from integrations.specs import Credential, CredentialFields

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html, UsingMetadata.html
MAX_KEY, MAX_METADATA = 1024, 2048
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_METADATA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")


class S3Credentials(CredentialFields):
    # Half of each link that we make: no secret by itself.
    access_key: Annotated[str, Credential(is_secret=False, where="IAM, the user's Security credentials")] = Field(
        title="Access key", description="The access key's id, such as AKIA….", pattern=r"^[A-Za-z0-9_+/=.-]{3,128}$"
    )
    secret_key: Annotated[str, Credential(where="shown once, when the access key is made")] = Field(
        title="Secret key", min_length=1
    )
    region: Annotated[str, Credential(is_place=True)] = Field(
        "us-east-1",
        title="Region",
        description="The bucket's region, such as eu-central-1; 'auto' for Cloudflare R2.",
        pattern=r"^[a-z0-9-]{2,40}$",
    )
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    bucket: Annotated[str, Credential(is_place=True)] = Field(
        title="Bucket", description="Its name alone.", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
    )
    endpoint_url: Annotated[str | None, Credential(is_place=True)] = Field(
        None,
        title="Endpoint",
        description="Of other storage that speaks S3 (MinIO, R2, Ceph); empty for AWS.",
        json_schema_extra={"format": "uri"},
    )

    @field_validator("endpoint_url", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value


def _key(value: str) -> str:
    """Refuse keys that addresses cannot hold: what a client would resolve names another object."""
    text = value.strip()
    if any(part in ("", ".", "..") for part in text.split("/")):
        raise ValueError(
            "a key has no empty part, '.' or '..' between its slashes, nor a slash at its beginning or end"
        )
    if _CONTROL.search(text):
        raise ValueError("a key holds no control characters")
    if len(text.encode()) > MAX_KEY:
        raise ValueError(f"a key has at most {MAX_KEY} bytes")
    return text


class S3Config(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    prefix: str = Field("", title="Folder", description="Put before each key, such as exports/support.", max_length=500)
    addressing: Literal["auto", "virtual", "path"] = Field(
        "auto",
        title="Addresses",
        description="virtual: the bucket in the host (with an endpoint of your own: the endpoint is the bucket's); "
        "path: the bucket in the path; auto: virtual at AWS, path elsewhere and for names with a dot.",
    )
    link_seconds: int = Field(
        3600,
        title="Link",
        description="How many seconds the link in an answer lets anybody fetch the file; 0 makes none.",
        ge=0,
        le=LONGEST_LINK,
    )
    encryption: Literal["", "AES256", "aws:kms"] = Field(
        "", title="Encryption", description="Asked for on each upload; empty: as the bucket has it."
    )

    @field_validator("prefix")
    @classmethod
    def _whole_folders(cls, value: str) -> str:
        text = value.strip("/")
        return _key(text) if text else ""


class UploadFile(FileSource):
    key: str = Field("", title="Key", description="The object's name, with folders; the file's name when left out.")
    metadata: dict[str, str] = Field(
        {}, title="Metadata", description="Names (letters, digits, hyphens) and values kept with the object."
    )
    if_exists: Literal["replace", "fail"] = Field(
        "replace", title="If there is one of that key", description="replace it, or fail and leave it alone."
    )
    storage_class: Literal[
        "", "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"
    ] = Field("", title="Storage class", description="The bucket's own when left out.")
    cache_control: str = Field(
        "", title="Cache", description="A Cache-Control header for who fetches it.", max_length=200
    )

    @field_validator("key")
    @classmethod
    def _plain_key(cls, value: str) -> str:
        return _key(value) if value.strip() else ""

    @field_validator("metadata", mode="before")
    @classmethod
    def _as_texts(cls, value: Any) -> Any:
        return {name: str(item) for name, item in value.items()} if isinstance(value, dict) else value

    @field_validator("metadata")
    @classmethod
    def _fits_headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _METADATA_NAME.fullmatch(name):
                raise ValueError(f"'{name[:40]}' is no name of metadata: letters, digits and hyphens")
            if _CONTROL.search(text):
                raise ValueError(f"the value of '{name}' holds a line break or another control character")
        if sum(len(name) + len(text.encode()) for name, text in value.items()) > MAX_METADATA:
            raise ValueError(f"metadata has at most {MAX_METADATA} bytes in all")
        return value
