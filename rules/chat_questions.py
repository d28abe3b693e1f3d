"""Approvals asked in a chat: the question with its two buttons, and the message that says what became of it.

Comes from resting, goes to chat_calls; what people answer is taken by chat_answers.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.lookup import Integrations
from integrations.models import Integration
from integrations.specs import Action, ChatQuestion
from integrations.types import connector_of
from rules import wake
from rules.models import ChatCall, ChatPurpose, Run, Step, StepContent, StepStatus
from rules.questions import question_of, written
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.scope import current_organization_id, working_for

_AT_ONCE = 50


def ask(step: Step, run: Run, asked: Mapping[str, Any]) -> str:
    """Have the question posted where the step says; return "", or why that cannot be. In the caller's transaction."""
    place = asked["slack"]
    try:
        integration = Integrations().find("slack", place.get("integration"), run.environment)
    except IntegrationError as error:
        return f"The question was not posted: {error.message}"
    key = new_id()
    question = _question(step, run, asked, key)
    action = connector_of(integration.platform).question_message(question)
    if action is None:
        return f"The question was not posted: {integration.platform} has no buttons."
    put(ChatPurpose.ASK, step, step.fence, integration, action, id=key, is_open=True)
    return ""


def close_decided() -> int:
    """Have the messages changed whose question waits no more; return how many. Works across organizations by ids."""
    waiting = {"step__status": StepStatus.WAITING, "step__waits_for": "approval", "step__fence": F("fence")}
    over = ChatCall.across_organizations.filter(is_open=True, due_at=None).exclude(**waiting)
    groups: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for organization_id, row_id in over.values_list("organization_id", "pk")[:_AT_ONCE]:
        groups[organization_id].append(row_id)
    for organization_id, row_ids in groups.items():
        with working_for(organization_id):
            for row_id in row_ids:
                _close(row_id)
    return sum(map(len, groups.values()))


def _close(row_id: uuid.UUID) -> None:
    with transaction.atomic():
        row = ChatCall.objects.select_related("step__run__rule", "integration").get(pk=row_id)
        if not ChatCall.objects.filter(pk=row_id, is_open=True).update(is_open=False):
            return
        content = StepContent.objects.filter(pk=row.step_id).first()
        asked = (content.parameters if content else None) or {"slack": {}}
        question = _question(row.step, row.step.run, asked, row.pk)
        connector = connector_of(row.integration.platform)
        action = connector.closing_message(question, _told(row, content), row.answer or {})
        if action is not None:
            put(ChatPurpose.CLOSE, row.step, row.fence, row.integration, action)


def _question(step: Step, run: Run, asked: Mapping[str, Any], key: uuid.UUID) -> ChatQuestion:
    question = question_of(step, run, asked)
    facts = [
        (_("Rule"), question.rule),
        (_("About"), question.about),
        (_("Asked by"), question.asked_by),
        (_("Answer until"), written(question.deadline) if question.deadline else ""),
    ]
    return ChatQuestion(
        key=str(key),
        place=str((asked.get("slack") or {}).get("channel") or ""),
        title=_("Your decision is needed: %(rule)s") % {"rule": question.rule},
        text=question.message,
        facts=[(name, value) for name, value in facts if value],
        url=question.run_url,
        url_title=_("Open the run"),
    )


def _told(row: ChatCall, content: StepContent | None) -> str:
    step = row.step
    output = content.output if content is not None and isinstance(content.output, Mapping) else {}
    if step.status == StepStatus.CANCELLED:
        return _("No longer asked: the run was cancelled.")
    if step.fence != row.fence:
        return _("Asked anew.")
    if step.status == StepStatus.SUCCEEDED and output.get("by"):
        return _("Approved by %(who)s.") % {"who": output["by"]}
    if step.status == StepStatus.SUCCEEDED:
        return _("Approved: nobody answered in time.")
    if step.error_class == "Rejected":
        return str(step.error)
    return _("No longer asked.")


def put(purpose: ChatPurpose, step: Step, fence: int, integration: Integration, action: Action, **more: Any) -> None:
    """Have a call made soon; in the caller's transaction."""
    ChatCall.objects.create(
        organization_id=current_organization_id(),
        purpose=purpose,
        step=step,
        fence=fence,
        integration=integration,
        action=action.name,
        parameters=dict(action.payload),
        due_at=clock.now(),
        **more,
    )
    wake.attend()
