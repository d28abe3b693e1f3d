"""A mail as bytes: headers, text, HTML, attachments. Pure."""

from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from integrations.errors import InvalidInput
from integrations.mail import SendEmail, address_of
from integrations.specs import File

# Everything in seven bits: servers that can take more need not be asked.
_POLICY = SMTP.clone(cte_type="7bit")


def envelope_address(text: str) -> str:
    """Return the bare address of ``Bo <bo@exämple.com>`` as it travels, its domain in ASCII. Raises InvalidInput."""
    local, _, domain = address_of(text)[1].rpartition("@")
    try:
        local.encode("ascii")
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise InvalidInput(f"The address {text} cannot be written in ASCII, which mail servers need.") from None


def message_of(
    data: SendEmail,
    *,
    sender: str,
    to: Sequence[str],
    cc: Sequence[str],
    reply_to: str,
    files: Sequence[File],
    message_id: str,
    sent_at: datetime,
) -> bytes:
    """Return the mail; blind copies stand nowhere in it. Raises InvalidInput for an address that cannot be written."""
    message = EmailMessage(_POLICY)
    message["From"] = _header_address(sender)
    message["To"] = [_header_address(item) for item in to]
    if cc:
        message["Cc"] = [_header_address(item) for item in cc]
    if reply_to:
        message["Reply-To"] = _header_address(reply_to)
    message["Subject"] = data.subject
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = message_id
    # Answering machines leave it unanswered: https://www.rfc-editor.org/rfc/rfc3834#section-5
    message["Auto-Submitted"] = "auto-generated"
    if data.body.strip():
        message.set_content(data.body)
        if data.html.strip():
            message.add_alternative(data.html, subtype="html")
    else:
        message.set_content(data.html, subtype="html")
    for file in files:
        kind, _, subtype = file.content_type.partition("/")
        if not (kind.isalnum() and subtype and subtype.isascii() and kind not in ("multipart", "message")):
            kind, subtype = "application", "octet-stream"
        message.add_attachment(file.content, maintype=kind, subtype=subtype.partition(";")[0], filename=file.name)
    return message.as_bytes()


def _header_address(text: str) -> HeaderAddress:
    try:
        return HeaderAddress(display_name=address_of(text)[0], addr_spec=envelope_address(text))
    except (ValueError, IndexError) as error:
        raise InvalidInput(f"'{text[:80]}' is no e-mail address: {error}") from None
