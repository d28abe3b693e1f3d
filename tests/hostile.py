"""Requests that nobody would send who means well: every address, with odd things at each place of what it takes.

Addresses and examples of bodies come from the URL configuration (tests/routes.py is held against it) and from the
OpenAPI description, so that new ones are tried without being named here; where that says too little, from examples.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.belongings import Belongings, urgent_rule
from tests.routes import ROUTES

# As texts of JSON, since half of them are none.
VALUES = (
    "null", "true", "-1", "0", "1.5", "1e400", "NaN", "-Infinity", "9" * 400, "-9223372036854775809",
    '""', '" "', f'"{"x" * 10_000}"', '"\\u0000"', '"\\ud800"', '"a\\udc00b"', '"\\u202e\\ufeff"', '"%00"',
    '"../../etc"',
    '"{{ 1/0 }}"', '"{{"', '"2026-99-99T99:99:99Z"', '"-1s"', '"00000000-0000-0000-0000-000000000000"', '"(((("',
    "[]", "[[]]", "[null]", '["x", 1, {}]', "{}", '{"": ""}', '{"a": {"b": [null]}}', '{"__class__": 1, "$ref": "#/"}',
    "[" * 90 + "]" * 90, '{"a":' * 95 + "1" + "}" * 95, json.dumps(["x"] * 2_000),
)  # fmt: skip
BODIES = (
    b"", b" ", b"null", b"5", b'"text"', b"[]", b"[{}]", b"{", b"{}", b"{}{}", b'{"a": NaN}', b'{"a": 1, "a": 2}',
    b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"name": "\xed\xa0\x80"}', b"[" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"\\u0000": 1}', b'{"\\ud800": 1}', b"name=x&a=b", b"<xml/>", b"\0",
)  # fmt: skip
TEXTS = (
    "", " ", "x", "-1", "0", "1e9", "nan", "9" * 30, "null", "true", "[]", "{}", "'\"", "x" * 5_000, "\0", "\U0001f4a5",
    "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "2026-99-99",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59+23:59", "n" + "0" * 32, "..", "a:b:c", "é",
)  # fmt: skip
# Percent-encoded as no browser would.
RAW_TEXTS = ("%ff", "%ed%a0%80", "%", "%00", "%0d%0aX: y", "%25%32%35")
HEADERS = (
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/json; charset=no-such"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": ""},
    {"Accept": "text/html"},
    {"Accept": "x"},
    {"Idempotency-Key": "x" * 300},
    {"Idempotency-Key": "é"},
    {"X-Request-ID": "\t" + "x" * 300},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer é"},
    {"Authorization": "Basic !"},
    {"X-Organization": "\0"},
    {"X-Forwarded-For": "not an address"},
    {"If-None-Match": "x"},
)


@dataclass(frozen=True)
class Hostile:
    """One request."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path[:120]} {dict(self.headers)} {(self.body or b'')[:300]!r}"


def requests(own: Belongings, schema: Mapping[str, Any]) -> Iterator[Hostile]:
    """Yield every request, those of each address together."""
    for route in ROUTES:
        method, template = route.split()
        if not template.startswith("/api/") or template in ("/api/docs/", "/api/schema/"):
            continue
        method = "POST" if method == "ANY" else method
        operation = _operation(schema, method, template)
        path = _filled(template, own)
        if method == "DELETE":
            # What the other requests ask for must stay.
            path = re.sub(r"\{\w+\}", lambda _: str(uuid.uuid4()), template)
        if method != "GET":
            yield from _bodies(method, path, example_of(route, operation, schema, own))
        yield from _queries(method, path, operation)
        yield from (Hostile(method, path, b"{}" if method != "GET" else None, one) for one in HEADERS)
        yield from _paths(method, template, own)


def _bodies(method: str, path: str, example: Any) -> Iterator[Hostile]:
    yield from (Hostile(method, path, body) for body in BODIES)
    for place in _places(example, ()):
        yield from (Hostile(method, path, _with(example, place, text)) for text in VALUES)
    if isinstance(example, dict):
        yield Hostile(method, path, json.dumps({**example, "unknown": 1, "id": "x", "organization": "bo"}).encode())


def _queries(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[Hostile]:
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    body = None if method == "GET" else b"{}"
    for name in dict.fromkeys((*names, "cursor", "page_size", "format", "unknown")):
        for text in (*(quote(text) for text in TEXTS), *RAW_TEXTS):
            yield Hostile(method, f"{path}?{name}={text}", body)
    yield Hostile(method, f"{path}?{'&'.join(f'{name}=1&{name}=2' for name in names)}", body)


def _paths(method: str, template: str, own: Belongings) -> Iterator[Hostile]:
    for name in re.findall(r"\{(\w+)\}", template):
        for text in (*(quote(text, safe="") for text in TEXTS), *RAW_TEXTS):
            yield Hostile(
                method, _filled(template.replace(f"{{{name}}}", text), own), None if method == "GET" else b"{}"
            )


def _filled(template: str, own: Belongings) -> str:
    kind = template.split("/")[2]
    known = {
        "integrations": own.helpdesk, "rules": own.rule, "runs": own.run, "deliveries": own.delivery, "jobs": own.job,
        "tokens": own.token, "members": own.member, "environments": own.environment, "files": own.file,
    }  # fmt: skip
    values = {
        "pk": getattr(own, kind.rstrip("s"), None) or known.get(kind) or str(uuid.uuid4()),
        "step": own.step,
        "key": "freshdesk",
        "kind": "agents",
        "platform": "freshdesk",
        "endpoint": own.webhook["url"].rstrip("/").rsplit("/", 1)[1],
    }
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], template)


# --- what an address takes ----------------------------------------------------------------------------------------


def example_of(route: str, operation: Mapping[str, Any], schema: Mapping[str, Any], own: Belongings) -> Any:
    """Return a body that an address takes: by its description, and whole where that says too little."""
    rule = urgent_rule("another rule", condition="{{ ticket.priority > 3 }}", retry={"attempts": 2, "base": "2s"})
    rule |= {"inputs": {"severity": {"type": "string", "default": "low", "required": False}}, "late": "run"}
    rule["trigger"] |= {"integration": own.helpdesk, "environment": "prod"}
    rule["trigger"]["conditions"] = {
        "any": [{"priority": {"gte": 3}}, {"tags": {"contains": "vip"}}, {"subject": {"matches": "a+"}}],
        "not": {"expr": "ticket.id == 1"},
        "created_at": {"within": "-2h"},
    }
    trial = {"event": {"ticket": {"id": 1, "priority": 4}}, "type": "ticket_created", "inputs": {"severity": "high"}}
    account = {
        "platform": "freshdesk",
        "name": "another account",
        "credentials": {"domain": "b.freshdesk.com", "api_key": "k" * 20},
        "config": {},
        "environment": "prod",
        "webhook": {"scheme": "shared_secret", "allowed_ips": ["10.0.0.0/8"], "secret": "s" * 40},
    }
    known = {
        "POST /api/rules/": rule,
        "PUT /api/rules/{pk}/": rule,
        "PATCH /api/rules/{pk}/": rule,
        "POST /api/rules/test/": {**trial, "document": rule},
        "POST /api/rules/{pk}/test/": trial,
        "POST /api/rules/{pk}/execute/": {"inputs": {"a": 1}, "environment": "prod"},
        "POST /api/integrations/": account,
        "PATCH /api/integrations/{pk}/": {**account, "enabled": True},
        "POST /api/integrations/test/": account,
        "POST /api/integrations/{pk}/execute/": {"action": "add_note", "parameters": {"ticket_id": 42, "body": "x"}},
        "POST /api/dead-letters/retry/": {"filter": {"platform": "trello", "rule": own.rule, "after": "2026-01-01"}},
    }
    if route in known:
        return known[route]
    content = operation.get("requestBody", {}).get("content", {})
    described = next(iter(content.values()), {}).get("schema", {})
    return _example(described, schema)


def _operation(schema: Mapping[str, Any], method: str, template: str) -> Mapping[str, Any]:
    shape = re.sub(r"\{\w+\}", "{}", template)
    for path, operations in schema["paths"].items():
        if re.sub(r"\{\w+\}", "{}", path) == shape:
            found: Mapping[str, Any] = operations.get(method.lower(), {})
            return found
    return {}


def _example(described: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    if "$ref" in described:
        return _example(schema["components"]["schemas"][described["$ref"].rsplit("/", 1)[1]], schema)
    for name in ("allOf", "oneOf", "anyOf"):
        if name in described:
            return _example(described[name][0], schema)
    if described.get("enum"):
        return described["enum"][0]
    kind = described.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _example(part, schema) for name, part in described.get("properties", {}).items()}
    if kind == "array":
        return [_example(described.get("items", {"type": "string"}), schema)]
    by_format = {"uuid": str(uuid.uuid4()), "date-time": "2026-11-21T00:00:00Z", "email": "a@example.com"}
    plain = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
    return plain[kind] if kind in plain else by_format.get(described.get("format", ""), "text")


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _places(part, (*path, name))
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _places(part, (*path, position))


def _with(example: Any, place: tuple[Any, ...], text: str) -> bytes:
    """Return the example as JSON with `text` at one place."""
    mark = "\x01here\x01"
    whole = json.loads(json.dumps({"": example}))
    parent = whole
    for part in ("", *place)[:-1]:
        parent = parent[part]
    parent[("", *place)[-1]] = mark
    return json.dumps(whole[""]).replace(json.dumps(mark), text).encode()
