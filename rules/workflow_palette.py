"""What can be put into a picture: steps that call nobody, and every action of every platform."""

from typing import Any

from django.utils.translation import gettext as _

from integrations.types import platforms
from rules.catalogue import OrganizationCatalogue
from rules.workflow_faces import action_icon, kind_icon, kind_label

# What a fresh step of a kind begins with; kinds that are not here have no sound beginning without a person's choice.
_FRESH: dict[str, dict[str, Any]] = {
    "wait": {"wait": {"for": "15m"}},
    "approval": {"approval": {"message": ""}},
    "rule": {"rule": ""},
}


def palette(catalogue: OrganizationCatalogue) -> list[dict[str, Any]]:
    """Return groups of fresh steps: what is at hand first, then platforms without an account."""
    flow = [_item(step, kind_icon(kind), kind_label(kind), _about(kind)) for kind, step in _FRESH.items()]
    connected = {item.platform for item in catalogue.integrations}
    generic: list[dict[str, Any]] = []
    ready: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for connector in sorted(platforms().all(), key=lambda item: item.name.lower()):
        items = [
            _item(
                {**({} if connector.is_generic else {"platform": connector.key}), "action": spec.name},
                action_icon(connector.key, spec.name),
                spec.label or spec.name.replace("_", " ").capitalize(),
                spec.description,
            )
            for spec in connector.actions
        ]
        if connector.is_generic:
            generic += items
        elif items:
            is_ready = connector.key in connected
            note = "" if is_ready else _("no account yet")
            (ready if is_ready else others).append({"label": connector.name, "note": note, "items": items})
    return [
        {"label": _("Flow"), "note": "", "items": flow},
        {"label": _("Without an account"), "note": "", "items": generic},
        *ready,
        *others,
    ]


def _item(step: dict[str, Any], icon: str, label: str, description: str) -> dict[str, Any]:
    return {"step": step, "icon": icon, "label": label, "description": description}


def _about(kind: str) -> str:
    texts = {
        "wait": _("Rests for a while, or until a time, before the steps after it."),
        "approval": _("Asks people, and goes on when somebody approves."),
        "rule": _("Runs another rule with inputs, and goes on when it has ended."),
    }
    return texts.get(kind, "")
