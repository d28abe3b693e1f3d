"""A page of documentation for each connector that ships, made from its declaration; the README beside it is linked."""

from collections.abc import Iterator, Mapping
from typing import Any

from integrations import registry
from integrations.base import BaseIntegration
from integrations.catalogue import describe
from integrations.readmes import readme

INDEX = "README.md"
HOW = "<!-- Made by `manage.py connectors --docs docs/connectors`: change the connector, not this page. -->"


def pages_of_built_in() -> dict[str, str]:
    """Return the pages of the connectors that ship, by file name, and an index of them."""
    prefix = f"{registry.BUILT_IN}."
    shipped = [cls for cls in registry.all_connectors() if cls.__module__.startswith(prefix)]
    pages = {f"{cls.key}.md": page_of(cls) for cls in shipped}
    rows = [f"| [{cls.name}]({cls.key}.md) | {_actions(cls)} | {len(cls.events)} |" for cls in shipped]
    pages[INDEX] = "\n".join([HOW, "# Connectors", "", "| platform | actions | events |", "|---|---|---|", *rows, ""])
    return pages


def page_of(connector: type[BaseIntegration]) -> str:
    """Return a connector's page in Markdown."""
    shown = describe(connector)
    return "\n".join([*_lines(connector, shown), ""])


def _lines(connector: type[BaseIntegration], shown: Mapping[str, Any]) -> Iterator[str]:
    yield from (HOW, f"# {connector.name}", "")
    if connector.description:
        yield from (connector.description, "")
    yield f"Platform `{connector.key}`."
    if readme(connector):
        folder = connector.__module__.split(".")[2]
        yield f"How to set it up, and known quirks: [README](../../integrations/connectors/{folder}/README.md)."
    for title, schema in (("Credentials", shown["credentials"]), ("Configuration", shown["config"])):
        if schema.get("properties"):
            yield from ("", f"## {title}", "", "| field | type | |", "|---|---|---|", *_fields(schema))
    if shown["actions"]:
        yield from ("", "## Actions", "", "| action | parameters | repeated freely |", "|---|---|---|")
        for action in shown["actions"]:
            names = _names(action["parameters"])
            said = _cell(action["description"])
            yield f"| `{action['name']}`: {said} | {names} | {'yes' if action['idempotent'] else 'no'} |"
    if shown["events"]:
        yield from ("", "## Events", "", "| event | |", "|---|---|")
        yield from (f"| `{event['name']}` | {_cell(event['description'])} |" for event in shown["events"])
    if shown["webhook"]:
        schemes = ", ".join(f"`{name}`" for name in shown["webhook"]["schemes"])
        maker = "the platform" if shown["webhook"]["platform_makes_secret"] else "SupportOps"
        yield from ("", f"Webhooks: {schemes}; {maker} makes the signing secret.")


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        words = [field.get("description", ""), "" if name in required else "Optional."]
        yield f"| `{name}` | {_type(field)} | {_cell(' '.join(word for word in words if word))} |"


def _type(field: Mapping[str, Any]) -> str:
    if field.get("format") == "password" or any(o.get("format") == "password" for o in field.get("anyOf", ())):
        return "secret"
    if "enum" in field:
        return _cell(", ".join(str(value) for value in field["enum"]))
    kinds = [field, *field.get("anyOf", ())]
    names = [str(kind["type"]) for kind in kinds if kind.get("type") not in (None, "null")]
    return " or ".join(dict.fromkeys(names)) or "any"


def _names(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    names = [f"**{name}**" if name in required else name for name in schema.get("properties", {})]
    return ", ".join(name.replace("_", "\\_") for name in names) or "none"


def _actions(connector: type[BaseIntegration]) -> int:
    return len(connector.actions)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
