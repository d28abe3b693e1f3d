"""Answers like Freshdesk's and Zendesk's ticket APIs, with what both share."""

import base64
from typing import Any

from integrations.sandbox_platform.exchange import Asked, Json, Platform, Refusal, Reply, is_bad, now_text, route


class _HelpDesk(Platform):
    """Objects with numbers as ids and times of creation and change."""

    def make(self, kind: str, values: Any, **defaults: Any) -> Json:
        given = values if isinstance(values, dict) else {}
        item = {"id": 1000 + self.number(), **defaults, **given, "created_at": now_text(), "updated_at": now_text()}
        return self.put(kind, item)

    def change(self, kind: str, item_id: str, values: Any) -> Json:
        item = self.known(kind, item_id)
        item.update(values if isinstance(values, dict) else {}, updated_at=now_text())
        return item

    def known(self, kind: str, item_id: object) -> Json:
        item = self.find(kind, item_id)
        if item is None:
            raise Refusal(self.fault(404, "not_found"))
        return item


class FreshdeskSandbox(_HelpDesk):
    key = "freshdesk"
    name = "Freshdesk"
    AGENT: Json = {"id": 1, "available": True, "type": "support_agent"}

    def seed(self) -> None:
        contact = {"name": "SupportOps", "email": "supportops@example.com", "active": True}
        self.put("agents", {**self.AGENT, "contact": contact})
        self.put("agents", {"id": 2, "contact": {"name": "Ada Byron", "email": "ada@example.com", "active": True}})
        self.put("groups", {"id": 11, "name": "Billing"})
        statuses = {"2": ["Open", "Being Processed"], "3": ["Pending", "Awaiting your Reply"]}
        statuses |= {"4": ["Resolved", "This ticket has been Resolved"], "5": ["Closed", "This ticket has been Closed"]}
        self.put("ticket_fields", {"id": 31, "name": "status", "type": "default_status", "choices": statuses})

    def check_sign_in(self, asked: Asked) -> None:
        if is_bad(_basic(asked).partition(":")[0]):
            message = "You have to be logged in to perform this action."
            raise Refusal(Reply({"code": "invalid_credentials", "message": message}, 401))

    def unknown(self, asked: Asked) -> Reply:
        return Reply(None, 404)

    def fault(self, status: int, code: str) -> Reply:
        if status == 404:
            return Reply(None, 404)
        return Reply({"code": code or "error", "message": code or "Something went wrong."}, status)

    @route("GET", "/agents/me")
    def me(self, asked: Asked) -> Reply:
        return Reply(self.find("agents", 1))

    @route("GET", "/{kind}")
    def listed(self, asked: Asked, kind: str) -> Reply:
        if kind not in ("tickets", "contacts", "companies", "agents", "groups", "ticket_fields"):
            return self.unknown(asked)
        email = asked.query.get("email")
        items = self.all(kind) if asked.query.get("page", "1") == "1" else []
        return Reply([item for item in items if not email or email in (item.get("email"), _of_contact(item))])

    @route("GET", "/search/tickets")
    def search(self, asked: Asked) -> Reply:
        tag = asked.query.get("query", "").strip('"').removeprefix("tag:").strip("'")
        found = [ticket for ticket in self.all("tickets") if tag in ticket.get("tags", [])]
        return Reply({"total": len(found), "results": found})

    @route("GET", "/companies/autocomplete")
    def companies(self, asked: Asked) -> Reply:
        start = asked.query.get("name", "").lower()
        return Reply({"companies": [item for item in self.all("companies") if item["name"].lower().startswith(start)]})

    @route("POST", "/tickets")
    def create_ticket(self, asked: Asked) -> Reply:
        if not asked.fields.get("description") or not asked.fields.get("subject"):
            return _validation("description", "It should not be blank as this is a mandatory field")
        ticket = self.make("tickets", asked.body, status=2, priority=1, source=2, tags=[], custom_fields={})
        return Reply(ticket, 201, has_effect=True)

    @route("GET", "/{kind}/{item}")
    def get(self, asked: Asked, kind: str, item: str) -> Reply:
        known = self.known(kind, item)
        with_conversations = "conversations" in asked.query.get("include", "")
        return Reply({**known, "conversations": self._of(item)} if with_conversations else known)

    @route("PUT", "/{kind}/{item}")
    def update(self, asked: Asked, kind: str, item: str) -> Reply:
        return Reply(self.change(kind, item, asked.body), has_effect=True)

    @route("POST", "/{kind}")
    def create(self, asked: Asked, kind: str) -> Reply:
        if kind not in ("contacts", "companies"):
            return self.unknown(asked)
        if not asked.fields.get("name"):
            return _validation("name", "It should not be blank as this is a mandatory field")
        return Reply(self.make(kind, asked.body), 201, has_effect=True)

    @route("POST", "/tickets/bulk_update")
    def bulk_update(self, asked: Asked) -> Reply:
        given = asked.fields.get("bulk_action") or {}
        done: list[Json] = []
        for ticket_id in given.get("ids") or []:
            known = self.find("tickets", ticket_id)
            if known is not None:
                known.update(given.get("properties") or {}, updated_at=now_text())
            done.append({"id": ticket_id, "success": known is not None})
        job = self.put("jobs", {"id": f"job{self.number()}", "status": "COMPLETED", "data": done})
        return Reply({"job_id": job["id"], "href": f"{asked.base_url}/jobs/{job['id']}"}, 202, has_effect=True)

    @route("GET", "/tickets/{ticket}/conversations")
    def conversations(self, asked: Asked, ticket: str) -> Reply:
        self.known("tickets", ticket)
        return Reply(self._of(ticket) if asked.query.get("page", "1") == "1" else [])

    @route("GET", "/tickets/{ticket}/time_entries")
    def time_entries(self, asked: Asked, ticket: str) -> Reply:
        entries = [item for item in self.all("time_entries") if str(item["ticket_id"]) == ticket]
        return Reply(entries if asked.query.get("page", "1") == "1" else [])

    @route("POST", "/tickets/{ticket}/{kind}")
    def on_ticket(self, asked: Asked, ticket: str, kind: str) -> Reply:
        known = self.known("tickets", ticket)
        stored = {"notes": "conversations", "reply": "conversations", "time_entries": "time_entries"}.get(kind)
        if stored is None:
            return self.unknown(asked)
        private = kind == "notes" and bool(asked.fields.get("private", True))
        made = self.make(stored, asked.body, ticket_id=known["id"], private=private, user_id=self.AGENT["id"])
        return Reply(made, 201, has_effect=True)

    def _of(self, ticket: str) -> list[Json]:
        return [item for item in self.all("conversations") if str(item["ticket_id"]) == ticket]


class ZendeskSandbox(_HelpDesk):
    key = "zendesk"
    name = "Zendesk"

    def seed(self) -> None:
        self.put("users", {"id": 1, "name": "SupportOps", "email": "supportops@example.com", "role": "admin"})
        self.put("users", {"id": 2, "name": "Ada Byron", "email": "ada@example.com", "role": "agent"})
        self.put("groups", {"id": 11, "name": "Billing"})
        actions = [{"field": "priority", "value": "urgent"}]
        self.put("macros", {"id": 21, "title": "Escalate", "active": True, "actions": actions})

    def check_sign_in(self, asked: Asked) -> None:
        if asked.path.startswith("/_"):
            return
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if is_bad(_basic(asked) if kind.lower() == "basic" else token):
            raise Refusal(Reply({"error": "Couldn't authenticate you"}, 401))

    def answer(self, asked: Asked) -> Reply:
        # Each address may end in .json.
        path = asked.path.removesuffix(".json")
        return super().answer(Asked(asked.method, path, asked.query, asked.headers, asked.body, asked.base_url))

    def unknown(self, asked: Asked) -> Reply:
        return self.fault(404, "InvalidEndpoint")

    def fault(self, status: int, code: str) -> Reply:
        name = {404: "RecordNotFound", 429: "APIRateLimitExceeded"}.get(status, code or "error")
        return Reply({"error": name, "description": code or name}, status)

    @route("POST", "/_oauth/tokens")
    def token(self, asked: Asked) -> Reply:
        if is_bad(str(asked.fields.get("client_secret") or asked.fields.get("refresh_token") or "")):
            return Reply({"error": "invalid_client"}, 401)
        access = {"access_token": f"sandbox-{self.number()}", "token_type": "bearer", "expires_in": 3600}
        return Reply({**access, "refresh_token": f"sandbox-refresh-{self.number()}", "scope": "read write"})

    @route("GET", "/users/me")
    def me(self, asked: Asked) -> Reply:
        return Reply({"user": self.find("users", 1)})

    @route("GET", "/search")
    def search(self, asked: Asked) -> Reply:
        words = [word.lower() for word in asked.query.get("query", "").split() if ":" not in word]
        found = [item for item in self.all("tickets") if all(word in str(item).lower() for word in words)]
        return Reply({"results": found, "count": len(found), "next_page": None, "previous_page": None})

    @route("GET", "/macros/active")
    def macros(self, asked: Asked) -> Reply:
        return Reply({"macros": self.all("macros"), "meta": {"has_more": False}, "next_page": None})

    @route("GET", "/tickets/{ticket}/macros/{macro}/apply")
    def apply_macro(self, asked: Asked, ticket: str, macro: str) -> Reply:
        changes = {item["field"]: item["value"] for item in self.known("macros", macro)["actions"]}
        return Reply({"result": {"ticket": {**self.known("tickets", ticket), **changes}}})

    @route("POST", "/tickets")
    def create_ticket(self, asked: Asked) -> Reply:
        given = asked.fields.get("ticket") or {}
        if not given.get("comment") and not given.get("description"):
            return Reply({"error": "RecordInvalid", "description": "Record validation errors"}, 422)
        key = asked.headers.get("idempotency-key", "")
        earlier = self.find("idempotency", key) if key else None
        if earlier is not None:
            headers = {"x-idempotency-lookup": "hit"}
            return Reply({"ticket": self.known("tickets", earlier["ticket"]), "audit": {"id": 1}}, 201, headers)
        ticket = self._ticket(given)
        if key:
            self.put("idempotency", {"id": key, "ticket": ticket["id"]})
        reply = {"ticket": ticket, "audit": self._audit(ticket, given)}
        return Reply(reply, 201, {"x-idempotency-lookup": "miss"} if key else {}, has_effect=True)

    @route("PUT", "/tickets/update_many")
    def update_many(self, asked: Asked) -> Reply:
        common = asked.fields.get("ticket") or {}
        each = [{"id": item, **common} for item in asked.query.get("ids", "").split(",") if item]
        results = []
        for given in asked.fields.get("tickets") or each:
            known = self.find("tickets", given["id"])
            if known is not None:
                known.update({name: value for name, value in given.items() if name != "id"}, updated_at=now_text())
            results.append({"id": int(given["id"]), "success": known is not None, "action": "update"})
        job = {"id": f"job{self.number()}", "status": "completed", "total": len(results), "results": results}
        return Reply({"job_status": self.put("job_statuses", job)}, has_effect=True)

    @route("GET", "/job_statuses/{job}")
    def job(self, asked: Asked, job: str) -> Reply:
        return Reply({"job_status": self.known("job_statuses", job)})

    @route("PUT", "/tickets/{ticket}/tags")
    def add_tags(self, asked: Asked, ticket: str) -> Reply:
        known = self.known("tickets", ticket)
        known["tags"] = sorted({*known.get("tags", []), *(asked.fields.get("tags") or [])})
        return Reply({"tags": known["tags"]}, has_effect=True)

    @route("PUT", "/tickets/{ticket}")
    def update_ticket(self, asked: Asked, ticket: str) -> Reply:
        given = self._with_assignee(dict(asked.fields.get("ticket") or {}))
        known = self.known("tickets", ticket)
        known.update({name: value for name, value in given.items() if name != "comment"}, updated_at=now_text())
        return Reply({"ticket": known, "audit": self._audit(known, given)}, has_effect=True)

    @route("GET", "/tickets/{ticket}/audits")
    def audits(self, asked: Asked, ticket: str) -> Reply:
        found = [item for item in self.all("audits") if str(item["ticket_id"]) == ticket]
        return Reply({"audits": found, "meta": {"has_more": False}, "links": {}, "count": len(found)})

    @route("POST", "/users/create_or_update")
    def create_or_update_user(self, asked: Asked) -> Reply:
        given = asked.fields.get("user") or {}
        known = next((user for user in self.all("users") if user.get("email") == given.get("email")), None)
        if known is not None:
            return Reply({"user": self.change("users", str(known["id"]), given)}, has_effect=True)
        return Reply({"user": self.make("users", given)}, 201, has_effect=True)

    @route("GET", "/{kind}/search")
    def search_kind(self, asked: Asked, kind: str) -> Reply:
        wanted = asked.query.get("query") or asked.query.get("external_id") or asked.query.get("name") or ""
        wanted = wanted.removeprefix("email:").strip('"').lower()
        found = [item for item in self.all(kind) if wanted in str(item).lower()]
        return Reply({kind: found, "count": len(found), "next_page": None})

    @route("GET", "/{kind}/{item}")
    def get(self, asked: Asked, kind: str, item: str) -> Reply:
        return Reply({_one_of(kind): self.known(kind, item)})

    @route("GET", "/{kind}")
    def listed(self, asked: Asked, kind: str) -> Reply:
        if kind not in ("tickets", "users", "groups", "organizations", "macros"):
            return self.unknown(asked)
        external = asked.query.get("external_id")
        items = [item for item in self.all(kind) if not external or item.get("external_id") == external]
        return Reply({kind: items, "meta": {"has_more": False}, "links": {}, "next_page": None, "count": len(items)})

    @route("POST", "/{kind}")
    def create(self, asked: Asked, kind: str) -> Reply:
        if kind not in ("users", "organizations"):
            return self.unknown(asked)
        return Reply({_one_of(kind): self.make(kind, asked.fields.get(_one_of(kind)))}, 201, has_effect=True)

    @route("PUT", "/{kind}/{item}")
    def update(self, asked: Asked, kind: str, item: str) -> Reply:
        return Reply({_one_of(kind): self.change(kind, item, asked.fields.get(_one_of(kind)))}, has_effect=True)

    def _ticket(self, given: Json) -> Json:
        comment = given.get("comment") or {}
        plain = {name: value for name, value in self._with_assignee(given).items() if name != "comment"}
        text = comment.get("body") or comment.get("html_body") or given.get("description", "")
        return self.make("tickets", plain | {"description": text}, status="new", priority=None, tags=[])

    def _with_assignee(self, given: Json) -> Json:
        """Zendesk takes an agent's address too, and keeps the id."""
        email = given.get("assignee_email")
        agent = next((user for user in self.all("users") if email and user.get("email") == email), None)
        plain = {name: value for name, value in given.items() if name != "assignee_email"}
        return plain | {"assignee_id": agent["id"]} if agent else plain

    def _audit(self, ticket: Json, given: Json) -> Json:
        comment = given.get("comment")
        said = [{"id": 1000 + self.number(), "type": "Comment", **comment}] if isinstance(comment, dict) else []
        changed = [
            {"id": 1000 + self.number(), "type": "Change", "field_name": name, "value": value}
            for name, value in given.items()
            if name != "comment"
        ]
        audit = {"id": 1000 + self.number(), "ticket_id": ticket["id"], "created_at": now_text(), "author_id": 1}
        return self.put("audits", audit | {"events": said + changed, "metadata": given.get("metadata") or {}})


def _basic(asked: Asked) -> str:
    kind, _, value = asked.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:
        return ""


def _of_contact(item: Json) -> str | None:
    contact = item.get("contact")
    return contact.get("email") if isinstance(contact, dict) else None


def _validation(field: str, message: str) -> Reply:
    errors = [{"field": field, "message": message, "code": "missing_field"}]
    return Reply({"description": "Validation failed", "errors": errors}, 400)


def _one_of(kind: str) -> str:
    return kind.removesuffix("s")
