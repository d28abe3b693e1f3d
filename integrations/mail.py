"""A mail as every connector that sends some takes it: one model of parameters, and its addresses. Pure."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from integrations.attachments import Attachments
from integrations.parameters import Parameters
from integrations.specs import Encode, Html

MOST_RECIPIENTS = 1000
# A line of a header: https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
MAX_SUBJECT = 998
_ADDRESS = re.compile(r"[^\s@<>\",;:()\[\]\\]+@[^\s@<>\",;:()\[\]\\]+")
# One item of a list: a comma or semicolon within quotation marks or brackets belongs to it.
_ITEM = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|<[^<>]*>|[^,;\"<])+")
_NAMED = re.compile(r"(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^\"<>]*?))\s*<(?P<address>[^<>]*)>")
_PLAIN_NAME = re.compile(r"[^\"(),.:;<>@\[\]\\]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _without_controls(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("it may not hold a line break or another control character")
    return value


def _as_list(value: Any) -> Any:
    """Take ``"a@x.example, Bo <b@x.example>"`` for a list of two."""
    if not isinstance(value, str):
        return value
    if _ITEM.sub("", _without_controls(value)).strip(" ,;"):
        raise ValueError("a quotation mark or a bracket in it is not closed")
    return [item.strip() for item in _ITEM.findall(value) if item.strip()]


def _one_address(value: str) -> str:
    name, address = address_of(_without_controls(value))
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"'{value[:80]}' is no e-mail address")
    return written(name, address)


Address = Annotated[str, Encode("header"), AfterValidator(_one_address)]
Addresses = Annotated[list[Address], Encode("header"), BeforeValidator(_as_list)]


class SendEmail(Parameters):
    to: Addresses = Field(
        title="To",
        description="Addresses, a list or separated by commas: a@example.com, Bo <b@example.com>.",
        min_length=1,
        max_length=MOST_RECIPIENTS,
    )
    subject: Annotated[str, Encode("header"), AfterValidator(_without_controls)] = Field(
        title="Subject", min_length=1, max_length=MAX_SUBJECT
    )
    body: str = Field("", title="Text", validation_alias=AliasChoices("body", "text", "message"))
    html: Html = Field("", title="HTML", description="The formatted form; with a text both are sent.")
    cc: Addresses = Field([], title="Copy to", max_length=MOST_RECIPIENTS)
    bcc: Addresses = Field([], title="Blind copy to", max_length=MOST_RECIPIENTS)
    reply_to: Address | None = Field(None, title="Answers to", description="Where answers go, if not to the sender.")
    from_address: Address | None = Field(
        None,
        title="From",
        description="The integration's own address otherwise.",
        validation_alias=AliasChoices("from_address", "from", "from_email"),
    )
    attachments: Attachments = Field([], title="Attachments", max_length=50)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not (self.body.strip() or self.html.strip()):
            raise ValueError("give a text or HTML")
        if len(self.to) + len(self.cc) + len(self.bcc) > MOST_RECIPIENTS:
            raise ValueError(f"a mail has at most {MOST_RECIPIENTS} recipients")
        return self


def address_of(text: str) -> tuple[str, str]:
    """Return name and address of ``Bo <b@example.com>``; the name is empty where there is none."""
    found = _NAMED.fullmatch(text.strip())
    if found is None:
        return "", text.strip()
    name = found["plain"] if found["quoted"] is None else re.sub(r"\\(.)", r"\1", found["quoted"])
    return name.strip(), found["address"].strip()


def written(name: str, address: str) -> str:
    """Return an address with its name, as people write it."""
    if not name:
        return address
    quoted = name if _PLAIN_NAME.fullmatch(name) else '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{quoted} <{address}>"


def distinct(*lists: Sequence[str]) -> list[list[str]]:
    """Return the lists of addresses with each address once over all of them, where it stands first."""
    seen: set[str] = set()
    result = []
    for addresses in lists:
        kept = []
        for text in addresses:
            address = address_of(text)[1].casefold()
            if address not in seen:
                seen.add(address)
                kept.append(text)
        result.append(kept)
    return result
