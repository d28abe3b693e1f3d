"""What a platform is to somebody who wants to connect it: made from its declaration and its README."""

from typing import Any

from integrations.base import BaseIntegration
from integrations.credentials import credentials_model
from integrations.readmes import setup_text
from integrations.specs import ActionSpec


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
