"""What a step that waits for approval asks, as people see it wherever they are asked: mail, page, chat."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from rules.compiled import subjects_of
from rules.models import Event, EventContent, Run, RunContent, Step

_MOST_SHOWN = 200


@dataclass(frozen=True)
class Question:
    """What is asked, of which run, until when."""

    message: str
    rule: str
    step: str
    # The ticket, card or other object that the event is about; empty where there is none.
    about: str
    # What started the run: a person, an event, a time.
    asked_by: str
    deadline: datetime | None
    # The run's page in the admin.
    run_url: str


def question_of(step: Step, run: Run, asked: Mapping[str, Any] | None) -> Question:
    """Return the question of a step. `asked`: its parameters. Needs the organization in scope."""
    event = Event.objects.filter(pk=run.event_id).first() if run.event_id else None
    return Question(
        message=str((asked or {}).get("message") or ""),
        rule=run.rule.name,
        step=step.name,
        about=_about(event),
        asked_by=_asked_by(run, event),
        deadline=step.deadline_at,
        run_url=settings.PUBLIC_URL + reverse("admin:rules_run_change", args=[run.pk]),
    )


def written(at: datetime) -> str:
    """Return a time as people of any place read it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _about(event: Event | None) -> str:
    if event is None:
        return ""
    content = EventContent.objects.filter(pk=event.pk).first()
    payload = content.payload if content is not None and isinstance(content.payload, Mapping) else {}
    subject = next(iter(subjects_of(event.platform, event.type)), "")
    main = payload.get(subject) if subject else None
    main = main if isinstance(main, Mapping) else {}
    title = next(
        (main[name] for name in ("subject", "title", "name", "summary") if isinstance(main.get(name), str)), ""
    )
    parts = [subject.capitalize(), event.external_id, " ".join(title.split())[:_MOST_SHOWN]]
    return " ".join(part for part in parts if part)


def _asked_by(run: Run, event: Event | None) -> str:
    if event is not None:
        return _("the event %(type)s on %(platform)s") % {"type": event.type, "platform": event.platform}
    if run.cause == "schedule":
        return _("a schedule")
    if run.cause == "rule":
        return _("another rule")
    kept = RunContent.objects.filter(pk=run.pk).only("started_by").first()
    return kept.started_by if kept is not None and kept.started_by else _("the API")
