"""Tells people what they should know: written with what happened, sent soon after by a chore, again where it fails."""

import uuid
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from integrations.errors import IntegrationError
from integrations.http import PlatformClient
from integrations.models import Channel, Notice, NotificationTarget
from integrations.outbox import send_each_due
from integrations.signatures import StandardWebhooks
from integrations.specs import Call
from supportops import clock, odd_json
from supportops.tenancy.models import Membership
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import current_organization_id

log = structlog.get_logger()

EVENTS = {
    "integration.needs_attention": "A platform refused an integration's credentials: its steps wait for new ones.",
    "integration.broken": "An integration stopped working.",
    "integration.recovered": "An integration works again.",
    "sign_ins.failed": "Somebody keeps failing to sign in as a member.",
}
# After each failure; then it is given up.
_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480))
_SECONDS = 10.0


def tell(event: str, subject: str, text: str, data: dict[str, Any]) -> None:
    """Have everybody told who wants to know of `event`, in the caller's transaction; the owners where nobody said who.

    Needs the organization in scope.
    """
    targets = list(NotificationTarget.objects.all())
    wanting: list[NotificationTarget | None] = [t for t in targets if t.is_enabled and event in t.events]
    if not targets:
        wanting = [None]
    now = clock.now()
    Notice.objects.bulk_create(
        [
            Notice(
                organization_id=current_organization_id(),
                target=target,
                event=event,
                subject=subject[:300],
                text=text[:2000],
                data=data,
                due_at=now,
                created_at=now,
            )
            for target in wanting
        ]
    )


def tell_person(to: str, event: str, subject: str, text: str, *, confidential: str, data: dict[str, Any]) -> Notice:
    """Return a notice for one address, to be saved by the caller in his transaction.

    `confidential` ends the mail, is sealed until it is sent, and forgotten then. Needs the organization in scope.
    """
    now = clock.now()
    notice = Notice(
        organization_id=current_organization_id(),
        to=to,
        event=event,
        subject=subject[:300],
        text=text[:2000],
        data=data,
        due_at=now,
        created_at=now,
    )
    notice.confidential.put({"text": confidential})
    return notice


def withdraw(notice_ids: Collection[uuid.UUID]) -> None:
    """Let notices that were not sent yet stay unsent: what they say is no longer so."""
    Notice.objects.filter(pk__in=notice_ids, due_at__isnull=False).update(due_at=None, confidential=b"")


def send_due() -> int:
    """Send what is due, and return how many were. Any number may call it. Works across organizations by ids alone."""
    return send_each_due(Notice, _send)


def _send(notice_id: uuid.UUID) -> bool:
    notice: Notice = Notice.objects.select_related("target", "organization").get(pk=notice_id)
    send: Callable[[Notice], None] = _mail
    if notice.target is not None and notice.target.channel == Channel.WEBHOOK:
        send = _post
    try:
        send(notice)
    except (IntegrationError, OSError) as error:  # smtplib's errors are among the latter
        _failed(notice, str(error))
        return False
    Notice.objects.filter(pk=notice.pk).update(sent_at=clock.now(), due_at=None, error="", confidential=b"")
    return True


def _failed(notice: Notice, error: str) -> None:
    made = notice.attempts_made + 1
    due_at = clock.now() + _PAUSES[made - 1] if made <= len(_PAUSES) else None
    Notice.objects.filter(pk=notice.pk).update(attempts_made=made, due_at=due_at, error=error[:500])
    if due_at is None:
        Notice.objects.filter(pk=notice.pk).update(confidential=b"")
    log.warning("notice.not_sent", notice=str(notice.pk), attempt=made, is_given_up=due_at is None)


def _mail(notice: Notice) -> None:
    to = notice.target.to if notice.target is not None else [notice.to] if notice.to else _owners()
    if not to:
        return
    place = f"{settings.PUBLIC_URL}/admin/"
    confidential = (notice.confidential.open() or {}).get("text", "")
    parts = [notice.text, confidential, f"{notice.organization.name} on SupportOps: {place}\n"]
    text = "\n\n".join(part for part in parts if part)
    subject = " ".join(notice.subject.split())
    # The same mail, should it be sent once more because its sender died before he could write that it was: mailboxes
    # know it by this. https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    # Each for himself: who else is told is nobody's business.
    connection = get_connection(timeout=_SECONDS) if "smtp" in settings.EMAIL_BACKEND else get_connection()
    connection.send_messages(
        [
            EmailMessage(subject, text, None, [address], headers={"Message-ID": f"<{notice.pk}.{number}@{host}>"})
            for number, address in enumerate(to, 1)
        ]
    )


def _post(notice: Notice) -> None:
    webhook = notice.target.webhook.open()
    body = odd_json.dumps(
        {"type": notice.event, "timestamp": notice.created_at.isoformat(), "data": {**notice.data, "text": notice.text}}
    )
    headers = StandardWebhooks().sign(body, webhook["secret"], clock.now(), delivery_id=f"msg_{notice.pk}")
    http = PlatformClient(
        platform="The webhook",
        call=Call(organization_id=str(notice.organization_id), deadline=_SECONDS),
        secrets=[webhook["secret"]],
    )
    http.add_secret(webhook["url"])
    http.post(
        webhook["url"],
        content=body,
        headers={**headers, "Content-Type": "application/json"},
        signed_in=False,
        follow=False,
    )


def _owners() -> list[str]:
    rows = Membership.objects.filter(role=Role.OWNER, user__is_active=True)
    return list(rows.values_list("user__email", flat=True))
