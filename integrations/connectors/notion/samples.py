"""Payloads as rules see them, after the object was fetched."""

from typing import Any

_ADA = {"id": "c7c11cca-1d73-471d-9b6e-bdef51470190", "type": "person"}
_PAGE_ID = "153104cd-477e-809d-8dc4-ff2d96ae3090"
_PAGE: dict[str, Any] = {
    "object": "page",
    "id": _PAGE_ID,
    "url": "https://www.notion.so/Payment-fails-153104cd477e809d8dc4ff2d96ae3090",
    "title": "Payment fails",
    "values": {"Name": "Payment fails", "Status": "Open", "Priority": 2, "Tags": ["payments"]},
    "in_trash": False,
    "parent": {
        "type": "data_source_id",
        "data_source_id": "0ef104cd-477e-80e1-8571-cfd10e92339b",
        "database_id": "0ef104cd-477e-80e1-8571-cfd10e92339a",
    },
    "created_time": "2026-11-20T10:00:00.000Z",
    "last_edited_time": "2026-11-20T10:00:00.000Z",
}


def _told(type_: str, entity: str) -> dict[str, Any]:
    return {
        "id": "1782edd6-a853-4d4a-b02c-9c8c16f28e53",
        "type": type_,
        "timestamp": "2026-11-20T10:00:05.379Z",
        "workspace_id": "13950b26-c203-4f3b-b97d-93ec06319565",
        "workspace_name": "Acme",
        "entity": {"id": _PAGE_ID, "type": entity},
        "authors": [_ADA],
        "user": _ADA,
    }


PAGE_CREATED = {**_told("page.created", "page"), "page": _PAGE}
PAGE_UPDATED = {
    **_told("page.properties_updated", "page"),
    "page": {**_PAGE, "last_edited_time": "2026-11-20T10:10:00.000Z"},
    "updated_properties": ["Status"],
}
COMMENT_CREATED = {
    **_told("comment.created", "comment"),
    "comment": {
        "object": "comment",
        "id": "153104cd-477e-80ca-8f75-001d9e2b6839",
        "text": "Looking into it.",
        "discussion_id": "f4be6752-a539-4da2-a8a9-c3953e13bc0b",
        "created_by": {"object": "user", "id": _ADA["id"]},
        "created_time": "2026-11-20T10:15:00.000Z",
    },
    "page": _PAGE,
}
