"""Notion's webhooks as events. They tell ids alone; what stands there is fetched before rules look at it.

https://developers.notion.com/reference/webhooks-events-delivery, read 2026-11
"""

from collections.abc import Mapping
from typing import Any

from integrations.connectors.notion import samples
from integrations.connectors.notion.blocks import plain
from integrations.connectors.notion.values import plain_values, title_of
from integrations.payloads import identifier, items, mapping, moment, text
from integrations.specs import Event, EventSpec

EVENTS = [
    EventSpec("page.created", "A page or an entry of a database came into being.", subject="page",
              sample=samples.PAGE_CREATED, label="Page created"),
    EventSpec("page.updated", "A page's content, columns, place or lock changed: see `type`.", subject="page",
              sample=samples.PAGE_UPDATED, label="Page updated"),
    EventSpec("comment.created", "Somebody commented on a page or block.", subject="comment",
              sample=samples.COMMENT_CREATED, label="Comment created"),
]  # fmt: skip
# Notion's name → ours; the rest is no event here.
_OURS = {
    "page.created": "page.created",
    "page.content_updated": "page.updated",
    "page.properties_updated": "page.updated",
    "page.moved": "page.updated",
    "page.undeleted": "page.updated",
    "page.locked": "page.updated",
    "page.unlocked": "page.updated",
    "comment.created": "comment.created",
}
_TOLD = ("id", "type", "timestamp", "workspace_id", "workspace_name", "entity", "authors")
_PAGE_FIELDS = ("object", "id", "url", "in_trash", "parent", "created_time", "last_edited_time", "created_by",
                "last_edited_by", "icon", "public_url")  # fmt: skip
_COMMENT_FIELDS = ("object", "id", "discussion_id", "created_by", "created_time", "last_edited_time", "parent")


def events_of(payload: Any) -> list[Event]:
    """Return the event in a request; none for kinds that are no events here."""
    told = mapping(payload)
    name = _OURS.get(text(told.get("type")) or "")
    entity = mapping(told.get("entity"))
    entity_id = identifier(entity.get("id"))
    if name is None or entity_id is None:
        return []
    authors = [dict(mapping(author)) for author in items(told.get("authors"))]
    data = mapping(told.get("data"))
    found: dict[str, Any] = {
        **{field: told[field] for field in _TOLD if field in told},
        "authors": authors,
        "user": authors[0] if authors else {},
    }
    if name == "comment.created":
        found["comment"] = {"object": "comment", "id": entity_id, "parent": dict(mapping(data.get("parent")))}
        found["page"] = {"object": "page", "id": _page_of(data)}
    else:
        found["page"] = {"object": "page", "id": entity_id, "parent": dict(mapping(data.get("parent")))}
    for field in ("updated_properties", "updated_blocks"):
        if field in data:
            found[field] = data[field]
    happened_at = moment(told.get("timestamp"))
    return [
        Event(
            name,
            external_id=entity_id,
            payload=found,
            occurred_at=happened_at,
            key=identifier(told.get("id")),
            actor_id=_actor(authors),
            updated_at=happened_at,
        )
    ]


def with_page(event: Event, page: Mapping[str, Any]) -> Event:
    """Return an event with its page as Notion itself has it: title and columns as plain values, too."""
    columns = mapping(page.get("properties"))
    event.payload["page"] = {
        **{field: page[field] for field in _PAGE_FIELDS if field in page},
        "title": title_of(columns),
        "values": plain_values(columns),
    }
    changed = event.payload.get("updated_properties")
    if isinstance(changed, list):
        # Told by ids, which nobody writes conditions on.
        names = {str(mapping(column).get("id")): name for name, column in columns.items()}
        event.payload["updated_properties"] = [names.get(str(one), one) for one in changed]
    if event.type != "comment.created":
        event.updated_at = moment(page.get("last_edited_time")) or event.updated_at
    return event


def with_comment(event: Event, comment: Mapping[str, Any]) -> Event:
    """Return an event with its comment as Notion itself has it."""
    event.payload["comment"] = {
        **{field: comment[field] for field in _COMMENT_FIELDS if field in comment},
        "text": plain(comment.get("rich_text")),
    }
    event.actor_id = identifier(mapping(comment.get("created_by")).get("id")) or event.actor_id
    return event


def handshake_secret(payload: Any) -> str | None:
    """Return the token with which Notion will sign, from the one request that carries it."""
    told = mapping(payload)
    return text(told.get("verification_token")) if "entity" not in told else None


def _page_of(data: Mapping[str, Any]) -> str | None:
    parent = mapping(data.get("parent"))
    return identifier(data.get("page_id")) or (identifier(parent.get("id")) if parent.get("type") == "page" else None)


def _actor(authors: list[dict[str, Any]]) -> str | None:
    """Who did it. Of several a person counts first: only what we did alone is our own echo."""
    known = [author for author in authors if identifier(author.get("id"))]
    people = [author for author in known if author.get("type") == "person"]
    return identifier((people or known)[0].get("id")) if known else None
