"""Answers that people give in a chat, by the buttons of a question (rules/chat_questions.py).

Which person pressed a button is for the platform to say, by his mail address there (`BaseIntegration.enrich`); he
decides as the member with that address, if he may. Whoever is none is told so, and nobody else sees it.
"""

import uuid

from django.utils.translation import gettext as _

from integrations.base import BaseIntegration
from integrations.models import Integration
from integrations.specs import ChatAnswer
from rules import wake
from rules.answering import NoLonger, answer
from rules.approvals import may_still
from rules.chat_questions import put
from rules.models import ChatCall, ChatPurpose, StepContent
from supportops.people.models import User
from supportops.tenancy.models import Membership


def take(integration: Integration, connector: type[BaseIntegration], given: ChatAnswer) -> None:
    """Decide as whoever pressed a button, or tell him alone why not. Safe to repeat.

    Needs the organization in scope.
    """
    ask_row = _asked(given.key, integration)
    if ask_row is None:
        return
    if not ask_row.answer:
        # The call that posted it was cut off: now it is known that it arrived, and where it stands.
        ChatCall.objects.filter(pk=ask_row.pk).update(answer=dict(given.message), is_open=True, due_at=None, error="")
    reason = _decided(ask_row, given)
    action = connector.private_word(given.person, reason) if reason else None
    if action is not None:
        put(ChatPurpose.WORD, ask_row.step, ask_row.fence, integration, action)
    else:
        wake.attend()


def _asked(key: str, integration: Integration) -> ChatCall | None:
    try:
        wanted = uuid.UUID(key)
    except ValueError:
        return None
    found: ChatCall | None = (
        ChatCall.objects.select_related("step__run")
        .filter(pk=wanted, purpose=ChatPurpose.ASK, integration=integration)
        .first()
    )
    return found


def _decided(row: ChatCall, given: ChatAnswer) -> str:
    """Decide; return "", or why that was not possible."""
    user = _member(given.email)
    if user is None:
        return _("You cannot decide this: no member has the mail address of your account here.")
    content = StepContent.objects.filter(pk=row.step_id).first()
    if may_still(content.parameters if content else None, user.pk) is None:
        return _("This is not yours to decide.")
    try:
        answer(row.step, row.fence, user, is_approved=given.is_approved, via="slack")
    except NoLonger:
        return _("This was decided already, or its time is over.")
    return ""


def _member(email: str) -> User | None:
    if not email:
        return None
    found = Membership.objects.select_related("user").filter(user__email=email.lower(), user__is_active=True).first()
    return found.user if found is not None else None
