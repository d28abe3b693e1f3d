"""What a step can do, to be chosen from: kinds that call nobody, actions without an account, and each platform's."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from integrations.types import platforms
from rules.catalogue import OrganizationCatalogue
from rules.kinds import MODELS
from rules.step_kinds import MARK
from rules.workflow_faces import action_icon, kind_icon, kind_label
from supportops.texts import translated


@dataclass(frozen=True)
class Choice:
    """One thing a step can do. `value` is what the form sends for it."""

    value: str
    label: str
    icon: str
    description: str = ""


@dataclass(frozen=True)
class ChoiceGroup:
    """Choices of one platform. `is_connected`: there is an account for it, or none is needed."""

    label: str
    choices: tuple[Choice, ...]
    is_connected: bool = True
    platform: str = ""


def choice_groups(catalogue: OrganizationCatalogue) -> list[ChoiceGroup]:
    """Return everything a step can do, what is ready to be used first."""
    connected = {item.platform for item in catalogue.integrations}
    kinds = tuple(Choice(f"{MARK}{kind}", kind_label(kind), kind_icon(kind), _about(kind)) for kind in MODELS)
    alone: list[Choice] = []
    groups: list[ChoiceGroup] = []
    for connector in platforms().all():
        key = "" if connector.is_generic else connector.key
        choices = tuple(
            Choice(
                f"{key}:{spec.name}",
                translated(spec.label or label_of(spec.name)),
                action_icon(connector.key, spec.name),
                translated(spec.description),
            )
            for spec in connector.actions
        )
        if connector.is_generic:
            alone += choices
        elif choices:
            groups.append(ChoiceGroup(connector.name, choices, connector.key in connected, connector.key))
    groups.sort(key=lambda group: (not group.is_connected, group.label.lower()))
    flow, generic = ChoiceGroup(_("Flow"), kinds), ChoiceGroup(_("Without an account"), tuple(alone))
    ready = [group for group in groups if group.is_connected]
    return [*ready, flow, generic, *(group for group in groups if not group.is_connected)]


def action_choices(present: str) -> list[Any]:
    """Return everything a step can do as choices of a form, and the present one even where it does not exist."""
    kinds = [(f"{MARK}{kind}", kind_label(kind)) for kind in MODELS]
    groups: list[Any] = [("", _("choose an action")), (_("Flow"), kinds)]
    known = {value for value, _label in kinds}
    for connector in sorted(platforms().all(), key=lambda item: (not item.is_generic, item.name)):
        options = [
            (
                f"{'' if connector.is_generic else connector.key}:{spec.name}",
                translated(spec.label or label_of(spec.name)),
            )
            for spec in connector.actions
        ]
        known.update(value for value, _label in options)
        if options:
            groups.append((connector.name, options))
    if present not in (":", "") and present not in known:
        groups.append((present, _("%(name)s (as written)") % {"name": present.lstrip(":")}))
    return groups


def label_of(name: str) -> str:
    """Return a name of programs as people write it."""
    return name.replace("_", " ").capitalize()


def _about(kind: str) -> str:
    texts = {
        "wait": _("Rests for a while, or until a time, before the steps after it."),
        "approval": _("Asks people, and goes on when somebody approves."),
        "rule": _("Runs another rule with inputs, and goes on when it has ended."),
    }
    return texts.get(kind, "")
