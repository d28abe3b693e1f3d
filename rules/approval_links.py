"""One-time addresses at which those who may decide a step are asked, each by a mail of his own.

Written in the transaction in which the step begins to wait; the mails go the way of all notices. Of an address only the
digest is kept; the mail that holds it is sealed until it is sent.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations import notices
from integrations.models import Notice
from rules import wake
from rules.approvals import members_who_may
from rules.models import ApprovalLink, Run, Step
from rules.questions import Question, question_of, written
from supportops import clock
from supportops.ids import new_key
from supportops.people.authentication import digest_of
from supportops.people.models import User

log = structlog.get_logger()

# Whoever is asked beyond this many learns of it in the admin.
MOST_ASKED = 50
# Characters of an address's random part: 258 bits.
_KEY_LENGTH = 43


@dataclass(frozen=True)
class Found:
    """Where a link belongs to."""

    id: uuid.UUID
    organization_id: uuid.UUID


def send(step: Step, run: Run, asked: Mapping[str, Any]) -> None:
    """Have everybody asked who may decide `step`, which begins to wait; in the caller's transaction."""
    members = members_who_may(asked)
    if len(members) > MOST_ASKED:
        log.warning("approval.not_all_asked", step=str(step.pk), may_decide=len(members), asked=MOST_ASKED)
    question = question_of(step, run, asked)
    expires_at = step.deadline_at or clock.now()
    links, mails = [], []
    for membership in members[:MOST_ASKED]:
        key = new_key(_KEY_LENGTH)
        mail = _mail(membership.user, question, key, {"run": str(run.pk), "step": step.name})
        links.append(
            ApprovalLink(
                organization_id=step.organization_id,
                step_id=step.pk,
                fence=step.fence,
                user=membership.user,
                digest=digest_of(key),
                expires_at=expires_at,
                notice_id=mail.pk,
            )
        )
        mails.append(mail)
    Notice.objects.bulk_create(mails)
    ApprovalLink.objects.bulk_create(links)
    wake.attend()


def withdraw(step: Step) -> None:
    """Take back the mails of a decided step that were not sent yet."""
    waiting = ApprovalLink.objects.filter(step=step, fence=step.fence, used_at=None)
    notices.withdraw(list(waiting.values_list("notice_id", flat=True)))


def find(key: str) -> Found | None:
    """Return the link of an address, None where there is none. Works across organizations: the digest is the key."""
    row = ApprovalLink.across_organizations.filter(digest=digest_of(key), organization__is_active=True).first()
    return Found(row.pk, row.organization_id) if row is not None else None


def _mail(user: User, question: Question, key: str, data: dict[str, Any]) -> Notice:
    address = settings.PUBLIC_URL + reverse("approval-link", args=[key])
    return notices.tell_person(
        user.email,
        "approval.requested",
        _("Your decision is needed: %(rule)s") % {"rule": question.rule},
        _text(question),
        confidential=_("Approve or reject here. The address is yours alone and works once:\n%(address)s")
        % {"address": address},
        data=data,
    )


def _text(question: Question) -> str:
    lines = [
        _("Rule: %(rule)s") % {"rule": question.rule},
        _("About: %(object)s") % {"object": question.about} if question.about else "",
        _("Asked by: %(who)s") % {"who": question.asked_by},
        _("Answer until: %(time)s") % {"time": written(question.deadline)} if question.deadline else "",
        _("The run: %(address)s") % {"address": question.run_url},
    ]
    # A long question must not push out what the answer depends on.
    message = question.message[:1200]
    return "\n".join([*([message, ""] if message else []), *(line for line in lines if line)])
