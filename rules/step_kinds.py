"""Pure: which kind a step is of, and where what it is given stands in it: for forms that show any step alike."""

from collections.abc import Mapping
from typing import Any

from rules.kinds import MODELS

# Before the name of a kind, where an action is named by platform and name.
MARK = "@"
# What a step of these kinds is given stands beside the kind's name, not below it.
_BESIDE = {"rule": ("rule", "inputs")}
_OF_ACTIONS = ("platform", "integration", "action", "parameters")


def kind_of(step: Mapping[str, Any]) -> str:
    """Return `action`, or the kind that the step names."""
    return next((name for name in MODELS if name in step), "action")


def choice_of(step: Mapping[str, Any]) -> str:
    """Return what a step does as one word: `@wait`, `slack:send_message`, `:http_request`."""
    kind = kind_of(step)
    return f"{MARK}{kind}" if kind != "action" else f"{step.get('platform') or ''}:{step.get('action') or ''}"


def given_of(step: Mapping[str, Any]) -> Any:
    """Return what a step is given, as it stands there: an object, unless somebody wrote something else."""
    kind = kind_of(step)
    if kind in _BESIDE:
        return {name: step[name] for name in _BESIDE[kind] if step.get(name) is not None}
    return step.get("parameters" if kind == "action" else kind)


def with_given(step: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the step given these values instead."""
    kind = kind_of(step)
    if kind not in _BESIDE:
        return {**step, ("parameters" if kind == "action" else kind): dict(values)}
    own = {name: value for name, value in step.items() if name not in _BESIDE[kind] or name in values}
    # The name of the kind stays where nothing was chosen for it yet: it says what the step is.
    return {**own, kind: "", **values}


def as_choice(step: Mapping[str, Any], choice: str) -> dict[str, Any]:
    """Return the step doing what `choice` says instead; its circumstances stay, and parameters of an action."""
    rest = {name: value for name, value in step.items() if name not in MODELS and name != "inputs"}
    if choice.startswith(MARK) and choice[1:] in MODELS:
        kind = choice[1:]
        rest = {name: value for name, value in rest.items() if name not in _OF_ACTIONS}
        return {kind: "" if kind in _BESIDE else {}, **rest}
    platform, _, action = choice.partition(":")
    kept = {name: value for name, value in rest.items() if name not in ("platform", "action", "integration")}
    return {**({"platform": platform} if platform else {}), "action": action, **kept}
