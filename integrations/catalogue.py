"""What a platform is to somebody who wants to connect it: made from its declaration and its README."""

import re
from importlib import resources
from typing import Any

from integrations.base import BaseIntegration
from integrations.credentials import credentials_model
from integrations.specs import ActionSpec

# The sections of a README that tell how events get here.
_SETUP_HEADING = re.compile(r"^## .*\b(events?|webhooks?)\b", re.IGNORECASE)


def describe(connector: type[BaseIntegration]) -> dict[str, Any]:
    """Return a platform in the form of the API."""
    names = connector.scheme_names()
    return {
        "key": connector.key,
        "name": connector.name,
        "description": connector.description,
        "version": connector.version,
        "generic": connector.is_generic,
        "own": connector.is_own,
        "credentials": credentials_model(connector).model_json_schema(),
        "config": connector.Config.model_json_schema(),
        "reconciles": connector.can("list_changes"),
        "oauth": {"scopes": list(connector.oauth.scopes)} if connector.oauth is not None else None,
        "actions": [_action(spec) for spec in connector.all_actions()],
        "events": [
            {"name": spec.name, "description": spec.description, "subject": spec.subject, "sample": dict(spec.sample)}
            for spec in connector.events
        ],
        "webhook": {
            "scheme": names[0],
            "schemes": names,
            "platform_makes_secret": connector.platform_makes_secret,
            "registers": connector.can("register_webhook"),
            "setup": setup_text(connector),
        }
        if names
        else None,
    }


def _action(spec: ActionSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "parameters": spec.model.model_json_schema(),
        "idempotent": spec.may_repeat,
        "effect": str(spec.effect),
    }


def setup_text(connector: type[BaseIntegration]) -> str:
    """Return the README's steps for the webhook, in Markdown; the whole README where they have no heading."""
    text = readme_of(connector)
    sections = re.split(r"(?m)^(?=## )", text)
    steps = [section.strip() for section in sections if _SETUP_HEADING.match(section)]
    return "\n\n".join(steps) or text


def readme_of(connector: type[BaseIntegration]) -> str:
    """Return the connector's README, empty where its package has none."""
    package = connector.__module__.rpartition(".")[0]
    try:
        readme = resources.files(package).joinpath("README.md")
        return readme.read_text(encoding="utf-8") if readme.is_file() else ""
    except (ModuleNotFoundError, TypeError, FileNotFoundError):
        return ""
