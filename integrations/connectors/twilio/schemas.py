"""What Twilio's action takes, and what signs it in. https://www.twilio.com/docs/messaging/api/message-resource."""

import re
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from integrations.parameters import Names, Parameters
from integrations.specs import Choice, Credential, CredentialFields

MAX_TEXT, MOST_RECIPIENTS = 1600, 100
_PUNCTUATION = re.compile(r"[\s().\-\u2010-\u2015]")
_NUMBER = re.compile(r"(whatsapp:)?\+[1-9]\d{5,14}")
# A number, a short code, a name, or a messaging service, which chooses among its numbers.
_SENDER = re.compile(r"(whatsapp:)?\+[1-9]\d{5,14}|\d{3,8}|MG[0-9a-fA-F]{32}|(?=.*[A-Za-z])[A-Za-z0-9 &._+-]{1,11}")


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    number = _PUNCTUATION.sub("", value)
    if not _NUMBER.fullmatch(number):
        raise ValueError("a number is written with its country: +14158675309")
    return number


def _sender(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip():
        return value
    number = _PUNCTUATION.sub("", value)
    sender = number if _NUMBER.fullmatch(number) else value.strip()
    if not _SENDER.fullmatch(sender):
        raise ValueError("a sender is a number (+14158675309), a short code, a name or a messaging service (MG…)")
    return sender


def _numbers(value: Any) -> Any:
    """Take one number for a list, and several separated by commas; a number that stands twice is one."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()] or [value]
    return list(dict.fromkeys(map(_number, value))) if isinstance(value, list) else value


Number = Annotated[str, BeforeValidator(_number)]
Sender = Annotated[str, BeforeValidator(_sender)]


class TwilioCredentials(CredentialFields):
    account_sid: Annotated[str, Credential(is_secret=False, where="the console's first page, 'Account Info'")] = Field(
        title="Account SID", description="Begins with AC.", pattern=r"^AC[0-9a-fA-F]{32}$"
    )
    auth_token: Annotated[str, Credential(where="beside the Account SID")] = Field(
        title="Auth token",
        description="Signs our calls in, and Twilio's requests to us.",
        pattern=r"^[\x21-\x7e]+$",
    )
    from_number: Annotated[Sender, Credential(is_secret=False)] = Field(
        title="From",
        description="Your number at Twilio (+14158675309), a short code, a name or a messaging service (MG…).",
        min_length=1,
    )


class TwilioConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    validity_seconds: int | None = Field(
        None,
        title="Valid for",
        description="Seconds after which Twilio gives up a message that it could not send; its own limit otherwise.",
        ge=1,
        le=36_000,
    )
    cut_long_texts: bool = Field(
        False, title="Cut long texts", description="Texts of more than 1,600 characters are cut instead of refused."
    )


class SendSms(Parameters):
    to: Annotated[list[Number], BeforeValidator(_numbers)] = Field(
        title="To",
        description="The number with its country: +14158675309. Several as a list, or separated by commas.",
        min_length=1,
        max_length=MOST_RECIPIENTS,
        validation_alias=AliasChoices("to", "number", "phone", "phone_number"),
    )
    body: str = Field(
        "",
        title="Text",
        description="Up to 1,600 characters; long ones are sent, and paid for, in parts.",
        max_length=100_000,
        validation_alias=AliasChoices("body", "message", "text"),
    )
    from_number: Annotated[Sender | None, Choice("numbers")] = Field(
        None,
        title="From",
        description="The integration's own otherwise.",
        min_length=1,
        validation_alias=AliasChoices("from_number", "from"),
    )
    media_urls: Names = Field(
        [],
        title="Media",
        description="Public addresses of pictures, which Twilio fetches; not in every country.",
        max_length=10,
        validation_alias=AliasChoices("media_urls", "media_url", "media"),
    )
