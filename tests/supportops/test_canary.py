"""A canary is put where secrets go, platforms repeat it in whatever they answer, and then it is looked for everywhere.

Every column of every table, every answer of the API, the audit log and its export, the logs, the admin's pages: the
canary stands nowhere, neither plain nor in base64, hex or as a URL has it. Only the answer that makes a secret shows
it, once. A connector with a new secret field fails here until it has a row in VARIANTS.
"""

import base64
import itertools
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection

from integrations import registry
from integrations.credentials import secret_fields
from rules.execution import StepSource
from supportops.logs import JsonFormatter
from tests.belongings import created, deliver, ticket, urgent_rule
from tests.builders import World, browser
from tests.integrations.samples import PARAMETERS
from tests.supportops.test_routes_and_roles import routes
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db(transaction=True)

_numbers = itertools.count(1)


def canary() -> str:
    """Return a secret that stands nowhere else: long enough to be redacted, plain enough for every platform."""
    return f"cAnArY-{next(_numbers):04d}~xK7qPz.Wm3Rt9_vB"


def word(length: int = 32) -> str:
    """Return a canary of letters and digits, for platforms that take no others."""
    return f"cAnArY{next(_numbers):04d}xK7qPzWm3Rt9vBhJ4sLd8fGn2TcYk6Qw5Ee"[:length]


def service_account() -> str:
    """Return the key of a service account as Google gives it, as one text."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return json.dumps({"type": "service_account", "client_email": "ops@acme.example", "private_key": pem})


# Ways to sign in, so that each secret field of each platform is set in one of them.
VARIANTS: dict[str, list[Callable[[], dict[str, str]]]] = {
    "freshdesk": [lambda: {"domain": "acme.freshdesk.com", "api_key": canary()}],
    "slack": [
        lambda: {"bot_token": "xoxb-" + canary(), "user_token": "xoxp-" + canary()},
        lambda: {"bot_token": "xoxb-" + canary(), "client_id": "1.2", "client_secret": canary()},
        lambda: {
            "webhook_url": "https://hooks.slack.com/services/T01/B01/" + canary().replace("~", "").replace(".", "")
        },
    ],
    "trello": [lambda: {"api_key": canary(), "token": canary(), "api_secret": canary()}],
    "zendesk": [
        lambda: {"subdomain": "acme", "client_id": "ours", "client_secret": canary()},
        lambda: {"subdomain": "acme", "access_token": canary(), "refresh_token": canary()},
        lambda: {"subdomain": "acme", "email": "ann@example.com", "api_token": canary()},
    ],
    "compliance": [lambda: {"url": "https://compliance.acme.example", "token": canary()}],
    "datadog": [lambda: {"api_key": canary()}],
    "github": [lambda: {"token": canary()}],
    "google_sheets": [
        lambda: {"service_account": service_account()},
        lambda: {"access_token": canary()},
        lambda: {"client_id": "ours", "client_secret": canary(), "refresh_token": canary()},
    ],
    "grafana": [lambda: {"url": "https://acme.grafana.net", "token": canary()}],
    "jira": [
        lambda: {"site_url": "https://acme.atlassian.net", "email": "ops@acme.example", "api_token": canary()},
        lambda: {"site_url": "https://jira.acme.example", "bearer_token": canary()},
    ],
    "monitoring": [lambda: {"url": "https://monitoring.acme.example", "token": canary()}],
    "notion": [lambda: {"token": canary(), "client_id": "ours", "client_secret": canary()}],
    "pagerduty": [lambda: {"routing_key": word(), "api_token": canary(), "from_email": "ops@acme.example"}],
    "postgresql": [lambda: {"host": "db.acme.example", "database": "shop", "username": "reader", "password": canary()}],
    "prometheus": [
        lambda: {"url": "https://prometheus.acme.example", "token": canary()},
        lambda: {"url": "https://prometheus.acme.example", "username": "reader", "password": canary()},
    ],
    "s3": [lambda: {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": canary(), "bucket": "acme-files"}],
    "sendgrid": [lambda: {"api_key": canary()}],
    "smtp": [
        lambda: {
            "host": "mail.acme.example",
            "username": "ops",
            "password": canary(),
            "security": "starttls",
            "from_address": "ops@acme.example",
        }
    ],
    "teams": [
        lambda: {
            "webhook_url": "https://prod-27.westeurope.logic.azure.com/workflows/0a1b/triggers/manual/paths/invoke"
            f"?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={word(40)}"
        }
    ],
    "telegram": [lambda: {"bot_token": f"123456789:{word(40)}"}],
    "twilio": [
        lambda: {
            "account_sid": "AC0123456789abcdef0123456789abcdef",
            "auth_token": word(),
            "from_number": "+14155550100",
        }
    ],
    "custom": [lambda: {}],
    "python": [lambda: {}],
    "shell": [lambda: {}],
    "http": [lambda: {}],
    "webhook": [lambda: {}],
}
# Their lines hold no requests and answers.
WITHOUT_HTTP = ("postgresql", "smtp")
# Signing secrets that platforms make, where one of ours would not do; a public key is no secret.
SIGNING: dict[str, Callable[[], str] | None] = {
    "teams": lambda: base64.b64encode(canary().encode()).decode(),
    "sendgrid": None,
}
ACTIONS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "freshdesk": [("add_note", {"ticket_id": 42, "body": "Hello"}), ("create_company", {"name": "Acme"})],
    "slack": [("send_message", {"channel": "#general", "message": "Hello"})],
    "trello": [("create_card", {"name": "Hello", "list": "5f1a2b3c4d5e6f7a8b9c0d1e"})],
    "zendesk": [("add_comment", {"ticket_id": 42, "body": "Hello"}), ("search", {"query": "printer"})],
    **{
        key: [(name, given) for name, given in PARAMETERS[key].items()][:2]
        for key in (
            "compliance",
            "datadog",
            "github",
            "google_sheets",
            "grafana",
            "jira",
            "monitoring",
            "notion",
            "pagerduty",
            "prometheus",
            "s3",
            "sendgrid",
            "teams",
            "telegram",
            "twilio",
        )
    },
    "postgresql": [("execute_query", {"query": "select 1"})],
    "smtp": [("send_email", {"to": "ann@example.com", "subject": "Hello", "body": "Hello"})],
    "custom": [("test_connection", {})],
    "python": [("test_connection", {})],
    "shell": [("test_connection", {})],
    "http": [("http_request", {"url": "https://api.example.com/things"})],
    "webhook": [("webhook", {"url": "https://hooks.example.com/in", "payload": {"a": 1}})],
}


# --- what a platform says -------------------------------------------------------------------------------------


def forms(secret: str) -> dict[str, str]:
    """Return how a secret may look in what is stored or shown."""
    raw = secret.encode()
    # What of the base64 is the secret's alone, whatever stands before and behind it: three alignments.
    cores = [
        base64.b64encode(b"\0" * shift + raw).decode()[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]
        for shift in range(3)
    ]
    shapes = {
        "plain": secret,
        "hex": raw.hex(),
        "quoted": quote(secret, safe=""),
        "percent": "".join(f"%{b:02x}" for b in raw),
    }
    shapes |= {f"base64, {shift} before": core for shift, core in enumerate(cores)}
    shapes |= {f"base64url, {shift} before": c.replace("+", "-").replace("/", "_") for shift, c in enumerate(cores)}
    return shapes


def echo_of(secrets: Iterable[str]) -> str:
    """Return an error text that repeats secrets in every form."""
    return " ".join(
        f"{text}, {base64.b64encode(b'user:' + text.encode()).decode()}, {' '.join(forms(text).values())}"
        for text in secrets
    )


def json_answer(text: str, status: int, **fields: Any) -> httpx.Response:
    named = ("error", "message", "description", "detail", "title", "name", "email", "user", "team", "subject", "body")
    body = {
        "id": 42,
        **dict.fromkeys(named, text),
        "errors": [{"message": text, "field": text, "code": text}],
        **fields,
    }
    return httpx.Response(status, json=body, headers={"X-Request-Id": "1", "Retry-After": "1", "X-Echo": text[:200]})


ANSWERS: dict[str, Callable[[str], httpx.Response]] = {
    "success": lambda text: json_answer(text, 200, ok=True, ts="1.2", channel="C1"),
    "success that is a failure": lambda text: json_answer(text, 200, ok=False),
    "success in plain text": lambda text: httpx.Response(200, text=text),
    "bad request": lambda text: json_answer(text, 400),
    "bad credentials": lambda text: json_answer(text, 401),
    "forbidden": lambda text: json_answer(text, 403),
    "not found": lambda text: httpx.Response(404, text=f"<html><b>{text}</b></html>"),
    "unprocessable": lambda text: json_answer(text, 422, errors=[text, {"base": [text]}]),
    "too many": lambda text: json_answer(text, 429),
    "broken": lambda text: httpx.Response(500, text=text),
    "redirect": lambda text: httpx.Response(
        302, headers={"Location": "https://elsewhere.example.com/?key=" + quote(text[:100])}
    ),
}


@contextmanager
def platforms_that_answer(answer: Callable[[httpx.Request], httpx.Response]) -> Iterator[list[httpx.Request]]:
    """Let every platform answer with what a function of the request returns; gives the list of what arrived."""
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer(request)

    with patch("integrations.http.shared_transport", lambda *_: httpx.MockTransport(handle)):
        yield requests


# --- where it is looked for -----------------------------------------------------------------------------------


class Lines(logging.Handler):
    """Keeps every line as the product writes it, everything down to DEBUG."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logs(settings: Any) -> Iterator[list[str]]:
    """Every line that is logged, with the calls of connectors written out."""
    settings.INTEGRATION_DEBUG = True
    handler = Lines()
    # What the database driver of the tests says is not the product's.
    handler.addFilter(lambda record: not record.name.startswith(("django.db", "asyncio", "httpcore")))
    loggers = [logging.getLogger(), logging.getLogger("integrations")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield handler.lines
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


class Birdcage:
    """Looks for secrets in texts, and says where one stands and in which form."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._known = {shape.lower(): (text, name) for text in secrets for name, shape in forms(text).items()}
        assert self._known, "nothing to look for"
        self._pattern = re.compile("|".join(re.escape(shape) for shape in self._known))
        self.found: set[str] = set()

    def look(self, where: str, value: Any) -> None:
        if isinstance(value, (bytes, memoryview)):
            value = bytes(value).decode("latin-1")
        match = self._pattern.search(str(value).lower())
        if match:
            text, form = self._known[match[0]]
            self.found.add(f"{where}: {text} ({form})")


def look_in_the_database(cage: Birdcage) -> None:
    """Read every column of every table as the database has it: sealed columns hold ciphertext, others no secret."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    cage.look(f"{table}.{column}", value)


def look_at_the_pages(world: World, cage: Birdcage) -> None:
    """Read everything that can be read over the API and in the admin, objects included."""
    api, person, ids = world.ada.api, browser(world.ada.owner), {}
    for route in routes():
        method, address = route.split()
        if method == "GET" and address.startswith("/api/") and "{" not in address:
            text = api.get(address).getvalue().decode()
            cage.look(f"GET {address}", text)
            ids[address] = re.findall(r'"id":"([0-9a-f-]{36})"', text.replace(" ", ""))[:50]
    for route in routes():
        method, address = route.split()
        if method == "GET" and "{pk}" in address:
            for pk in ids[address.split("{pk}")[0]]:
                cage.look(f"GET {address}", api.get(address.replace("{pk}", pk)).getvalue())
    pages = {"integrations/integration": "/api/integrations/", "rules/rule": "/api/rules/", "rules/run": "/api/runs/"}
    pages |= {"webhooks/delivery": "/api/deliveries/", "audit/auditentry": "/api/audit/logs/"}
    for page, listed in pages.items():
        cage.look(f"/admin/{page}/", read(person, f"/admin/{page}/"))
        for pk in ids[listed][:5]:
            for view in ("change", "history"):
                cage.look(f"/admin/{page}/{view}/", read(person, f"/admin/{page}/{pk}/{view}/"))


def read(person: Any, address: str) -> bytes:
    response = person.get(address, follow=True)
    assert response.status_code in (200, 403), (address, response.status_code)
    return bytes(response.getvalue())


def assert_it_stands_nowhere(world: World, secrets: Iterable[str], logs: list[str]) -> None:
    cage = Birdcage(secrets)
    look_in_the_database(cage)
    look_at_the_pages(world, cage)
    for line in logs:
        cage.look("log", line)
    assert logs, "nothing was logged: the search of the logs would prove nothing"
    assert not cage.found, "\n".join(sorted(cage.found))


# --- the tests ------------------------------------------------------------------------------------------------


def test_every_secret_field_of_every_platform_is_tried() -> None:
    for connector in registry.all_connectors():
        tried = {name for variant in VARIANTS[connector.key] for name in variant()}
        assert secret_fields(connector) <= tried, f"{connector.key}: give VARIANTS a way to sign in with the others"
        assert ACTIONS[connector.key]


def test_the_search_finds_what_it_looks_for() -> None:
    """A search that finds nothing anywhere would pass every other test here."""
    secret = canary()
    for form in forms(secret).values():
        for text in (form, f"before{form}behind", form.upper() if "%" in form else form):
            cage = Birdcage([secret])
            cage.look("there", text)
            assert cage.found, text
    for prefix in (b"", b"a", b"ab", b"user:"):
        cage = Birdcage([secret])
        cage.look("there", base64.b64encode(prefix + secret.encode() + b":x"))
        assert cage.found, prefix


@pytest.mark.parametrize("platform", sorted(connector.key for connector in registry.all_connectors()))
def test_credentials_stand_nowhere_whatever_the_platform_answers(world: World, logs: list[str], platform: str) -> None:
    secrets: list[str] = []
    shown = ""
    api = world.ada.api
    connector = registry.get(platform)
    for number, variant in enumerate(VARIANTS[platform]):
        credentials = variant()
        own = [value for name, value in credentials.items() if name in secret_fields(connector)]
        # Platforms repeat what is sent to them; the signing secret never is, nor the key of a service account.
        repeated = [value for value in own if value != credentials.get("service_account")]
        body: dict[str, Any] = {"platform": platform, "name": f"{platform} {number}", "credentials": credentials}
        if connector.platform_makes_secret and not connector.webhook_secret_field:
            signing = SIGNING.get(platform, canary)
            if signing is not None:
                own.append(signing())
                body["webhook"] = {"secret": own[-1]}
        # What only stands at the end of an address is as secret as the whole.
        own += [end for value in own if value.startswith("https://") and len(end := _end_of(value)) > 8]
        secrets += own
        answer = api.post("/api/integrations/", body, format="json", headers={"Idempotency-Key": f"one-{number}"})
        assert answer.status_code == 201, answer.content
        made = answer.json()
        shown += json.dumps({**made, "webhook": {**(made["webhook"] or {}), "secret": None}})
        if made["webhook"] and made["webhook"].get("secret"):
            secrets.append(made["webhook"]["secret"])
        place = f"/api/integrations/{made['id']}"
        for name, reply in ANSWERS.items():
            with platforms_that_answer(lambda _, reply=reply, repeated=repeated: reply(echo_of(repeated))):
                tries = [
                    (f"{place}/test/", {}),
                    ("/api/integrations/test/", {"platform": platform, "credentials": credentials}),
                ]
                for action, parameters in ACTIONS[platform]:
                    tries.append((f"{place}/execute/", {"action": action, "parameters": parameters}))
                for address, given in tries:
                    response = api.post(address, given, format="json")
                    assert response.status_code == 200, (name, address, response.content)
                    shown += response.content.decode()
        # A refusal must not repeat what was given either.
        wrong = {
            **credentials,
            **{field: f"\x00 {value}" for field, value in credentials.items()},
            "extra": echo_of(own),
        }
        shown += api.post("/api/integrations/", {**body, "credentials": wrong}, format="json").content.decode()
        shown += api.patch(f"{place}/", {"credentials": {"extra": echo_of(own)}}, format="json").content.decode()
        shown += api.patch(f"{place}/", {"name": "Another"}, format="json").content.decode()
    if secrets:
        cage = Birdcage(secrets)
        cage.look("an answer", shown)
        assert not cage.found, "\n".join(cage.found)
        assert_it_stands_nowhere(world, secrets, logs if platform not in WITHOUT_HTTP else [*logs, "-"])


def _end_of(address: str) -> str:
    parts = urlsplit(address)
    return parts.query.rpartition("sig=")[2] or parts.path.rpartition("/")[2]


def test_secret_parameters_stand_nowhere_whatever_is_answered(world: World, logs: list[str]) -> None:
    key = "whsec_" + base64.b64encode(b"a key of the canary, 32 bytes...").decode()
    password = canary()
    api = world.ada.api
    for secret, platform, action, parameters in (
        (key, "webhook", "webhook", {"url": "https://hooks.example.com/in", "payload": {"a": 1}, "secret": key}),
        (
            password,
            "http",
            "http_request",
            {"url": "https://api.example.com/", "method": "POST", "auth": {"username": "ann", "password": password}},
        ),
    ):
        made = created(api, "/api/integrations/", {"platform": platform, "name": platform, "credentials": {}})
        for reply in ANSWERS.values():
            with platforms_that_answer(lambda _, reply=reply, secret=secret: reply(echo_of([secret]))) as requests:
                body = {"action": action, "parameters": parameters}
                response = api.post(f"/api/integrations/{made['id']}/execute/", body, format="json")
                assert response.status_code == 200, response.content
            assert requests, "the request went out, with the secret"
    assert_it_stands_nowhere(world, [key, password], logs)


@pytest.mark.parametrize("name", ["success", "bad request", "bad credentials", "broken"])
def test_a_delivery_and_its_run_keep_no_secret(world: World, logs: list[str], name: str) -> None:
    """The whole way: the webhook's password, the help desk's key while it is asked, the chat's token while we post."""
    api, key, token = world.ada.api, canary(), "xoxb-" + canary()
    text = echo_of([token])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "acme.freshdesk.com":
            return httpx.Response(200, json=ticket("Printer on fire"))
        return ANSWERS[name](text)

    desk = created(
        api,
        "/api/integrations/",
        {"platform": "freshdesk", "name": "Desk", "credentials": {"domain": "acme.freshdesk.com", "api_key": key}},
    )
    created(api, "/api/integrations/", {"platform": "slack", "name": "Chat", "credentials": {"bot_token": token}})
    created(api, "/api/rules/", urgent_rule("Tell"))
    with platforms_that_answer(answer) as requests:
        deliver(desk["webhook"], {"event": "ticket_created", "ticket_id": "42"})
        process_due([StepSource()])
    assert [request.url.host for request in requests][:2] == ["acme.freshdesk.com", "slack.com"]
    assert api.get("/api/runs/").json()["results"], "a run came of it"
    assert_it_stands_nowhere(world, [key, token, desk["webhook"]["secret"]], logs)


@pytest.mark.parametrize("name", ["bad request", "bad credentials", "broken", "success in plain text"])
def test_a_failed_look_up_keeps_no_secret(world: World, logs: list[str], name: str) -> None:
    api, key = world.ada.api, canary()
    desk = created(
        api,
        "/api/integrations/",
        {"platform": "freshdesk", "name": "Desk", "credentials": {"domain": "acme.freshdesk.com", "api_key": key}},
    )
    with platforms_that_answer(lambda _: ANSWERS[name](echo_of([key]))) as requests:
        deliver(desk["webhook"], {"event": "ticket_created", "ticket_id": "42"})
        process_due([StepSource()])
    assert requests
    assert_it_stands_nowhere(world, [key, desk["webhook"]["secret"]], logs)
