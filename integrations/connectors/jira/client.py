"""Calls to Jira's REST API (Cloud: version 3, Data Center: 2), look-ups of names, and what its answers mean.

https://developer.atlassian.com/cloud/jira/platform/rest/v3, read 2026-11.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations.connectors.jira.documents import document_of, is_document
from integrations.errors import (
    CredentialsRejected,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
)
from integrations.http import path
from integrations.payloads import items, mapping
from integrations.rate_headers import rate_limit
from integrations.retry_after import clamped, wait_of
from integrations.specs import File
from integrations.vendor_message import shortened
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
PER_PAGE = 100
MAX_PAGES = 10
# Where our mark stands on issues and comments: people never see it.
# https://developer.atlassian.com/cloud/jira/platform/storing-data-without-a-database
PROPERTY = "supportops"
# Where Jira names no time: https://developer.atlassian.com/cloud/jira/platform/rate-limiting advises 2 s, doubling.
UNNAMED_WAIT = 4.0
_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,}")
_FIELD_ID = re.compile(r"customfield_[0-9]+|[a-z]+")
_ACCOUNT_ID = re.compile(r"[0-9a-f]{24}|[0-9a-z]+:[0-9A-Za-z-]{20,}")


class JiraClient:
    """Jira as one integration sees it. Keeps what it looked up for as long as it lives: one call of a handler."""

    def __init__(self, http: "PlatformClient", *, is_cloud: bool) -> None:
        self.http, self.is_cloud = http, is_cloud
        self._base = "/rest/api/3" if is_cloud else "/rest/api/2"

    # --- calls -----------------------------------------------------------------------------------------------
    def get(self, *parts: object, **params: Any) -> Any:
        return self.http.get(self.at(*parts), params=params).json()

    def post(self, *parts: object, body: Mapping[str, Any]) -> Any:
        response = self.http.post(self.at(*parts), json=dict(body))
        # Transitions are answered with nothing.
        return response.json() if response.body.strip() else {}

    def at(self, *parts: object) -> str:
        return self._base + path(*parts)

    @cached_property
    def me(self) -> Json:
        """Who we are. The one call that anonymous people get no answer to."""
        return dict(self.get("myself"))

    @property
    def my_id(self) -> str:
        return user_id(self.me) or ""

    def server(self) -> Json:
        return dict(self.get("serverInfo"))

    # --- issues ----------------------------------------------------------------------------------------------
    def create(self, body: Mapping[str, Any], *parts: object) -> Json:
        return self.http.post(self.at(*parts), json=dict(body)).made()

    def edit_issue(self, issue: str, body: Mapping[str, Any]) -> None:
        self.http.put(self.at("issue", issue), json=dict(body))

    def issue(self, issue: str, fields: str) -> Json:
        return dict(self.get("issue", issue, fields=fields))

    def transitions(self, issue: str) -> list[Json]:
        return _objects(mapping(self.get("issue", issue, "transitions")).get("transitions"))

    def attach(self, issue: str, files: Sequence[File]) -> list[Json]:
        """Attach files to an issue, all in one call."""
        parts = [("file", (file.name, file.content, file.content_type)) for file in files]
        # Without this header the call is taken for a forgery across sites.
        headers = {"X-Atlassian-Token": "no-check"}
        return _objects(self.http.post(self.at("issue", issue, "attachments"), files=parts, headers=headers).json())

    def comments(self, issue: str) -> list[Json]:
        """The newest comments of an issue, newest first."""
        answer = mapping(self.get("issue", issue, "comment", orderBy="-created", maxResults=50))
        return _objects(answer.get("comments"))

    def property_of(self, kind: str, object_id: str) -> Any:
        """Return our mark on an issue or comment, None where it bears none."""
        response = self.http.get(self.at(kind, object_id, "properties", PROPERTY), expected={404})
        return mapping(response.json_or_none()).get("value") if response.is_success else None

    def search(self, jql: str, fields: Sequence[str], most: int, token: str | None = None, expand: str = "") -> Json:
        """Return a page of issues as ``{"issues", "next_page_token"}``; the token is None on the last one."""
        body: Json = {"jql": jql, "fields": list(fields), "maxResults": most}
        if self.is_cloud:
            body |= {"nextPageToken": token} if token else {}
            answer = mapping(self.post("search", "jql", body=body | ({"expand": expand} if expand else {})))
            following = answer.get("nextPageToken") if answer.get("isLast") is not True else None
        else:
            # https://docs.atlassian.com/software/jira/docs/api/REST/9.17.0/#api/2/search
            start = int(token) if token and token.isdecimal() else 0
            body |= {"startAt": start, **({"expand": [expand]} if expand else {})}
            answer = mapping(self.post("search", body=body))
            reached = start + len(items(answer.get("issues")))
            following = str(reached) if reached < int(answer.get("total") or 0) else None
        if not isinstance(answer.get("issues"), list):
            # Taken for "nothing found", it would have made again what is there.
            raise Permanent("Jira's answer to the search is not of the known form.")
        return {"issues": _objects(answer.get("issues")), "next_page_token": following}

    def all_found(self, jql: str, fields: Sequence[str], expand: str = "") -> Iterator[Json]:
        token: str | None = None
        for _ in range(MAX_PAGES):
            page = self.search(jql, fields, PER_PAGE, token, expand)
            yield from page["issues"]
            token = page["next_page_token"]
            if not token:
                return

    # --- names into ids --------------------------------------------------------------------------------------
    def project(self, name: str) -> Json:
        """Return what names a project given by key, id or name. Raises NotFound."""
        text = name.strip()
        if text.isdecimal():
            return {"id": text}
        if _KEY.fullmatch(text):
            return {"key": text}
        there = self.projects(text)
        for item in there:
            if text.casefold() in (str(item.get("key", "")).casefold(), str(item.get("name", "")).casefold()):
                return {"key": str(item["key"])}
        some = ", ".join(f"{item.get('name')} ({item.get('key')})" for item in there[:10])
        raise NotFound(f"Jira has no project '{text}' that we may see." + (f" There are: {some}." if some else ""))

    def projects(self, like: str = "") -> list[Json]:
        if not self.is_cloud:
            return _objects(self.get("project"))
        found: list[Json] = []
        for _ in range(MAX_PAGES):
            query = {"startAt": len(found), "maxResults": PER_PAGE, "query": like or None}
            page = mapping(self.get("project", "search", **query))
            values = _objects(page.get("values"))
            found += values
            if page.get("isLast", True) or not values:
                break
        return found

    def person(self, who: str) -> Json:
        """Return what names a person given by e-mail address, name or id. Raises NotFound, and InvalidInput for two.

        Cloud knows people by account id alone; Data Center by user name.
        """
        text = who.strip()
        if self.is_cloud:
            if _ACCOUNT_ID.fullmatch(text):
                return {"accountId": text}
            found = _objects(self.get("user", "search", query=text))
        else:
            if "@" not in text and " " not in text:
                return {"name": text}
            found = _objects(self.get("user", "search", username=text))
        # Addresses may be hidden: of one person alone, who was found by it, it is the right one.
        fitting = [user for user in found if text.casefold() in _names_of(user)] or found
        if not fitting:
            raise NotFound(f"Jira has nobody called '{text}' that we may see.")
        if len(fitting) > 1:
            raise InvalidInput(f"Jira has {len(fitting)} people called '{text}': give the account id.")
        name = "accountId" if self.is_cloud else "name"
        return {name: fitting[0][name]}

    def field_id(self, name: str) -> str:
        """Return the id of a field given by id or name. Raises NotFound."""
        if _FIELD_ID.fullmatch(name):
            return name
        for item in self._fields:
            if name.casefold() in (str(item.get("id", "")).casefold(), str(item.get("name", "")).casefold()):
                return str(item["id"])
        raise NotFound(f"Jira has no field '{name}'.")

    @cached_property
    def _fields(self) -> list[Json]:
        return _objects(self.get("field"))

    # --- texts -----------------------------------------------------------------------------------------------
    def content(self, text: str | Mapping[str, Any]) -> Any:
        """Return a text in the form of this edition. Raises InvalidInput for a document where none is taken."""
        if isinstance(text, str):
            return document_of(text) if self.is_cloud else text
        if not self.is_cloud or not is_document(text):
            raise InvalidInput("Jira Data Center takes texts, no documents.")
        return dict(text)

    # --- webhooks --------------------------------------------------------------------------------------------
    # https://developer.atlassian.com/cloud/jira/platform/webhooks: admin webhooks, the only ones that are signed
    def webhooks(self) -> list[Json]:
        return _objects(self.http.get("/rest/webhooks/1.0/webhook").json())

    def make_webhook(self, body: Mapping[str, Any]) -> str:
        """Make a webhook and return its id, "" where Jira does not tell it."""
        response = self.http.post("/rest/webhooks/1.0/webhook", json=dict(body))
        return webhook_id(mapping(response.json_or_none()))

    def change_webhook(self, one: str, body: Mapping[str, Any]) -> None:
        self.http.put("/rest/webhooks/1.0/webhook" + path(one), json=dict(body))

    def remove_webhook(self, one: str) -> None:
        """Remove a webhook; fine where it is gone already."""
        self.http.delete("/rest/webhooks/1.0/webhook" + path(one), expected={404})


def _names_of(user: Mapping[str, Any]) -> set[str]:
    return {str(user.get(name) or "").casefold() for name in ("emailAddress", "displayName")}


def webhook_id(webhook: Mapping[str, Any]) -> str:
    return str(webhook.get("self") or "").rstrip("/").rpartition("/")[2]


def user_id(user: Mapping[str, Any]) -> str | None:
    """Return the id of a person as Jira tells it: Cloud by account, Data Center by key or name."""
    return next((str(user[name]) for name in ("accountId", "key", "name") if user.get(name)), None)


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means at Jira: which limit, conflicts that pass, and 404 for what is hidden."""
    status, headers = response.status_code, response.headers
    if 200 <= status < 300:
        return None
    said = shortened(response.message)
    words = f"Jira answered {status}" + (f": {said}" if said else ".")
    if status == 429:
        reason = headers.get("ratelimit-reason", "")
        return RateLimited(
            words + (f" ({shortened(reason, 60)})" if reason else ""), retry_after=_wait(response), status_code=status
        )
    if status == 409:
        # Somebody else changed the issue at the same moment.
        return Unavailable(words, status_code=status)
    if status == 404:
        return NotFound(f"{words} It does not exist, or our account may not see it.", status_code=status)
    if status == 401 or "AUTHENTICATION_DENIED" in headers.get("x-seraph-loginreason", ""):
        hint = " A token with scopes needs https://api.atlassian.com/ex/jira/<cloud id> as its site."
        return CredentialsRejected(words + hint, status_code=status)
    return None


def _wait(response: "Response") -> float:
    """https://developer.atlassian.com/cloud/jira/platform/rate-limiting, read 2026-11"""
    now = clock.now()
    said = wait_of(response.headers.get("retry-after"), now, date=response.headers.get("date"))
    if said is not None:
        return said
    limit = rate_limit(response.headers, now)
    if limit and limit["reset_at"]:
        return clamped((datetime.fromisoformat(limit["reset_at"]) - now).total_seconds())
    return UNNAMED_WAIT


def _objects(value: Any) -> list[Json]:
    return [item for item in items(value) if isinstance(item, dict)]
