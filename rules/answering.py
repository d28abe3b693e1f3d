"""Answers to approvals from outside of the API and the admin: by a link of a mail, by a button in a chat.

Whoever answers is known by the link or by the chat; whether he still may is asked anew, in the transaction of the
decision, which is recorded as his.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from rules import interventions
from rules.approvals import may_still
from rules.interventions import NotPossible
from rules.models import ApprovalLink, Step, StepContent, StepStatus
from rules.questions import Question, question_of
from rules.resting import APPROVAL
from supportops import clock
from supportops.context import Actor, acting_as
from supportops.people.models import User


class NoLonger(Exception):
    """The question is answered, over, or not this person's any more. Which of them is nobody's business."""


@dataclass(frozen=True)
class Asked:
    """A question that a person may answer now."""

    step: Step
    user: User
    question: Question


def open_link(link_id: uuid.UUID) -> Asked:
    """Return what the holder of a link is asked. Changes nothing. Raises NoLonger. Needs the organization in scope."""
    link = ApprovalLink.objects.select_related("step__run__rule", "user").filter(pk=link_id).first()
    if link is None or link.used_at is not None or link.expires_at <= clock.now():
        raise NoLonger
    parameters = _waiting(link.step, link.fence)
    if may_still(parameters, link.user_id) is None:
        raise NoLonger
    return Asked(link.step, link.user, question_of(link.step, link.step.run, parameters))


def answer_link(link_id: uuid.UUID, *, is_approved: bool, comment: str) -> Asked:
    """Decide as the holder of a link, and use it up. Raises NoLonger. Needs the organization in scope."""
    with transaction.atomic():
        asked = open_link(link_id)
        # Of two at once, one finds the step decided: the settlement locks the run.
        answer(asked.step, asked.step.fence, asked.user, is_approved=is_approved, comment=comment, via="link")
        ApprovalLink.objects.filter(pk=link_id).update(used_at=clock.now())
    return asked


def answer(step: Step, fence: int, user: User, *, is_approved: bool, comment: str = "", via: str) -> None:
    """Decide a step that asked under `fence`, as `user`, who is known to be the one who answers. Raises NoLonger."""
    if may_still(_waiting(step, fence), user.pk) is None:
        raise NoLonger
    with acting_as(Actor("user", str(user.pk), user.email)):
        try:
            interventions.decide(step.run_id, step.name, is_approved, comment, fence=fence, via=via)
        except NotPossible:
            raise NoLonger from None


def _waiting(step: Step, fence: int) -> Any:
    """Return what a step asks that waits for approval since `fence`. Raises NoLonger."""
    is_over = step.deadline_at is not None and step.deadline_at <= clock.now()
    if step.status != StepStatus.WAITING or step.waits_for != APPROVAL or step.fence != fence or is_over:
        raise NoLonger
    content = StepContent.objects.filter(pk=step.pk).first()
    if content is None:
        raise NoLonger
    return content.parameters
