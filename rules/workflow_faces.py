"""What a picture of a rule says on each node: what wakes it, and what each step is, in words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.errors import IntegrationError
from rules.catalogue import Catalogue
from rules.cron import SCHEDULE
from rules.kinds import MODELS
from rules.workflow import Workflow, drawing_of
from supportops.texts import translated

# Names of symbols of the admin's icon font.
_KIND_ICONS = {"wait": "hourglass_top", "approval": "how_to_reg", "rule": "account_tree", "for_each": "repeat"}
_PLATFORM_ICONS = {
    "": "bolt",
    "smtp": "mail",
    "sendgrid": "mail",
    "twilio": "sms",
    "slack": "forum",
    "teams": "forum",
    "telegram": "send",
    "trello": "view_kanban",
    "jira": "bug_report",
    "github": "code",
    "zendesk": "support_agent",
    "freshdesk": "support_agent",
    "pagerduty": "notifications_active",
    "datadog": "monitoring",
    "grafana": "monitoring",
    "prometheus": "monitoring",
    "monitoring": "monitoring",
    "notion": "description",
    "google_sheets": "table",
    "postgresql": "database",
    "s3": "cloud_upload",
    "compliance": "verified_user",
}
_ACTION_ICONS = {
    "http_request": "language",
    "webhook": "webhook",
    "shell_script": "terminal",
    "python_script": "code_blocks",
}
_LONGEST = 200


def picture_of(workflow: Workflow, catalogue: Catalogue) -> dict[str, Any]:
    """Return a graph as pages draw it: the drawing, the face of what wakes the rule, and one for each step."""
    drawing = drawing_of(workflow)
    for node in drawing["nodes"]:
        node["face"] = face_of(node["step"], catalogue)
    return {**drawing, "start": start_face(workflow.base, catalogue)}


def start_face(document: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """Return the face of what wakes a rule."""
    trigger = document.get("trigger")
    trigger = trigger if isinstance(trigger, Mapping) else {}
    platform = str(trigger.get("platform") or "manual")
    if platform == SCHEDULE:
        zone = str(trigger.get("zone") or "UTC")
        title = _("At set times")
        return _face("schedule", "schedule", title, f"{trigger.get('cron') or '–'} · {zone}")
    if platform == "manual":
        inputs = trigger_inputs(document)
        detail = ngettext("%(count)s input", "%(count)s inputs", inputs) % {"count": inputs} if inputs else ""
        return _face("manual", "touch_app", _("Started by hand or by the API"), detail)
    connector = _connector(platform, catalogue)
    given = trigger.get("event")
    names = [str(name) for name in (given if isinstance(given, list) else [given] if given else [])]
    labels = [_event_label(connector, name) for name in names]
    title = ", ".join(labels) or _("No event chosen yet")
    face = _face("event", "bolt", title, connector.name if connector else platform)
    face["marks"] = _trigger_marks(trigger)
    return face


def trigger_inputs(document: Mapping[str, Any]) -> int:
    """Return how many inputs a document declares."""
    inputs = document.get("inputs")
    return len(inputs) if isinstance(inputs, Mapping) else 0


def face_of(step: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """Return the face of a step: kind, icon, what it does, where, and under which circumstances."""
    kind = next((name for name in MODELS if name in step), "action")
    if kind == "action":
        face = _action_face(step, catalogue)
    else:
        title, detail = _kind_words(kind, step)
        face = _face(kind, _KIND_ICONS.get(kind, "extension"), title, detail)
    face["marks"] = _step_marks(step)
    return face


def kind_label(kind: str) -> str:
    """Return what people call a kind of step."""
    labels = {
        "action": _("Action"),
        "wait": _("Wait"),
        "approval": _("Approval"),
        "rule": _("Run another rule"),
        "for_each": _("For each"),
        "throttle": _("At most"),
        "digest": _("Digest"),
    }
    return labels.get(kind) or words_of(kind)


def kind_icon(kind: str) -> str:
    """Return the symbol of a kind of step."""
    return _KIND_ICONS.get(kind, "extension")


def action_icon(platform: str, action: str) -> str:
    """Return the symbol of an action."""
    return _ACTION_ICONS.get(action) or _PLATFORM_ICONS.get(platform, "extension")


def _action_face(step: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    platform, action = str(step.get("platform") or ""), str(step.get("action") or "")
    if not action:
        return _face("action", "help", _("No action chosen yet"), "")
    label = words_of(action)
    try:
        found, spec = catalogue.action(platform, action)
    except IntegrationError:
        return _face("action", "help", label, platform or _("Unknown action"))
    account = str(step.get("integration") or "")
    where = "" if found.is_generic else found.name
    return _face(
        "action",
        action_icon(platform, action),
        translated(spec.label or label),
        " · ".join(filter(None, (where, account))),
    )


def _kind_words(kind: str, step: Mapping[str, Any]) -> tuple[str, str]:
    given = step.get(kind)
    values = given if isinstance(given, Mapping) else {}
    if kind == "wait":
        if values.get("until"):
            return _("Wait until %(time)s") % {"time": _cut(values["until"])}, ""
        return (_("Wait %(time)s") % {"time": _cut(values["for"])} if values.get("for") else kind_label(kind)), ""
    if kind == "approval":
        asked = [*(values.get("roles") or ()), *(values.get("people") or ())]
        return _cut(values.get("message")) or kind_label(kind), _cut(", ".join(map(str, asked)))
    if kind == "rule":
        return kind_label(kind), _cut(given)
    return kind_label(kind), _cut(given) if isinstance(given, str) else ""


def _step_marks(step: Mapping[str, Any]) -> list[dict[str, str]]:
    marks = []
    if step.get("for_each") is not None:
        given = step["for_each"]
        values = given.get("items") if isinstance(given, Mapping) else given
        text = (
            _("For each of a list") if isinstance(values, list) else _("For each of %(list)s") % {"list": _cut(values)}
        )
        marks.append({"icon": kind_icon("for_each"), "text": text})
    if step.get("condition") is not None:
        marks.append(
            {"icon": "filter_alt", "text": _("Only if %(condition)s") % {"condition": _cut(step["condition"])}}
        )
    for name, icon in (("throttle", "speed"), ("digest", "stacks")):
        if step.get(name) is not None:
            marks.append({"icon": icon, "text": f"{kind_label(name)}: {_cut(step[name])}"})
    if step.get("optional"):
        marks.append({"icon": "low_priority", "text": _("Optional")})
    if step.get("on_failure") == "continue":
        marks.append({"icon": "resume", "text": _("Goes on if it fails")})
    return marks


def _trigger_marks(trigger: Mapping[str, Any]) -> list[dict[str, str]]:
    marks = []
    if trigger.get("integration"):
        marks.append({"icon": "key", "text": _cut(trigger["integration"])})
    if trigger.get("environment"):
        marks.append({"icon": "lan", "text": _cut(trigger["environment"])})
    conditions = trigger.get("conditions")
    if conditions:
        count = len(conditions) if isinstance(conditions, (Mapping, list)) else 1
        text = ngettext("%(count)s condition", "%(count)s conditions", count) % {"count": count}
        marks.append({"icon": "filter_alt", "text": text})
    return marks


def _connector(platform: str, catalogue: Catalogue) -> Any:
    try:
        return catalogue.connector(platform)
    except IntegrationError:
        return None


def _event_label(connector: Any, name: str) -> str:
    if name == "*":
        return _("Every event")
    spec = connector.event_spec(name) if connector is not None else None
    return translated((spec.label if spec is not None else "") or words_of(name))


def words_of(name: str) -> str:
    """Return a name of programs as people write it: `ticket.created` as Ticket created."""
    return name.replace("_", " ").replace(".", " ").capitalize()


def _face(kind: str, icon: str, title: str, detail: str) -> dict[str, Any]:
    return {"kind": kind, "icon": icon, "title": title, "detail": detail, "marks": []}


def _cut(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
