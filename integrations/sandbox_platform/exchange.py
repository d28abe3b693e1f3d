"""What passes between the server and its platforms."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl

Json = dict[str, Any]
# Of one kind.
MOST_OBJECTS = 20_000
_SECRET_FIELDS = frozenset({"key", "token", "client_secret", "refresh_token", "password"})
# An incoming webhook's address ends in its secret.
_HOOK = re.compile(r"(/_hooks/services/[^/]+/[^/]+/).+")


@dataclass(frozen=True)
class Asked:
    """A request, with the path below the platform's own. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    # Parsed JSON or form, else text; None for none.
    body: Any
    # The platform's address as the caller knows it: http://127.0.0.1:4010/slack
    base_url: str

    @property
    def fields(self) -> Json:
        """Query and body together, as platforms that take both read them."""
        return {**self.query, **(self.body if isinstance(self.body, dict) else {})}


@dataclass
class Reply:
    """An answer. `has_effect`: something was made or changed."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    has_effect: bool = False


@dataclass
class Refusal(Exception):
    """An answer that ends a request early."""

    reply: Reply


Route = tuple[str, re.Pattern[str], Callable[..., Reply]]


def route(method: str, pattern: str) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
    """Mark a method of a Platform as the answer to `method` at paths like ``/cards/{card}``."""
    parts = [part for part in re.split(r"(\{\w+\})", pattern) if part]
    regex = re.compile("".join(f"(?P<{part[1:-1]}>[^/]+)" if part[0] == "{" else re.escape(part) for part in parts))

    def marked(handler: Callable[..., Reply]) -> Callable[..., Reply]:
        handler.__dict__.setdefault("routes", []).append((method, regex))
        return handler

    return marked


class Platform:
    """A platform with its objects by kind and id. One lock: requests to one platform are answered one by one."""

    key: ClassVar[str] = ""
    name: ClassVar[str] = ""
    _routes: ClassVar[list[Route]]

    def __init__(self, state: Json | None = None) -> None:
        self.lock = threading.Lock()
        given = state or {}
        self.objects: dict[str, dict[str, Json]] = given.get("objects", {})
        self._numbered = int(given.get("numbered", 0))
        if state is None:
            self.seed()

    def __init_subclass__(cls) -> None:
        cls._routes = [
            (method, regex, handler)
            for handler in vars(cls).values()
            for method, regex in getattr(handler, "routes", [])
        ]

    def seed(self) -> None:
        """Make what is there from the beginning."""

    def answer(self, asked: Asked) -> Reply:
        """Return what the platform answers."""
        with self.lock:
            try:
                self.check_sign_in(asked)
                for method, regex, handler in self._routes:
                    found = regex.fullmatch(asked.path) if method == asked.method else None
                    if found:
                        return handler(self, asked, **found.groupdict())
            except Refusal as refusal:
                return refusal.reply
            return self.unknown(asked)

    def check_sign_in(self, asked: Asked) -> None:
        """Raise Refusal for a request without good credentials. Those with "wrong" or "invalid" in them are bad."""

    def unknown(self, asked: Asked) -> Reply:
        """Return what the platform says to a path that it does not have."""
        return Reply({"message": "not found"}, 404)

    def fault(self, status: int, code: str) -> Reply:
        """Return an error in the platform's own form."""
        return Reply({"message": code or "error"}, status)

    # --- objects ---------------------------------------------------------------------------------------------
    def put(self, kind: str, item: Json) -> Json:
        """Keep an object under its id; the oldest of its kind goes when there are too many."""
        kept = self.objects.setdefault(kind, {})
        kept[str(item["id"])] = item
        if len(kept) > MOST_OBJECTS:
            del kept[next(iter(kept))]
        return item

    def all(self, kind: str) -> list[Json]:
        return list(self.objects.get(kind, {}).values())

    def find(self, kind: str, item_id: object) -> Json | None:
        return self.objects.get(kind, {}).get(str(item_id))

    def number(self) -> int:
        self._numbered += 1
        return self._numbered

    def state(self) -> Json:
        """Return everything that this platform knows, for another of its kind to go on with."""
        return {"objects": self.objects, "numbered": self._numbered}


def now_text() -> str:
    """The present time as platforms write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def is_bad(credentials: str) -> bool:
    """Whether credentials shall be refused: a way to try out what happens then."""
    return not credentials or "wrong" in credentials or "invalid" in credentials


def parsed_body(raw: bytes, content_type: str) -> Any:
    """Return a body as JSON or form where it is that, else as text; None for none."""
    if not raw:
        return None
    text = raw.decode("utf-8", errors="replace")
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(text, keep_blank_values=True))
    if "json" in content_type or text[:1] in "{[":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def without_secrets(values: Mapping[str, Any]) -> Json:
    """Return query or form without the fields that carry credentials."""
    return {name: value for name, value in values.items() if name not in _SECRET_FIELDS}


def without_secret(path: str) -> str:
    """Return a path without the secret that it may end in."""
    return _HOOK.sub(r"\1…", path)
