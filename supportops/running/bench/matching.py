"""How many events one core matches in a second: the index beside asking every rule, in the same run."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from time import process_time
from typing import Any

import orjson

from rules.conditions import Facts, compile_conditions, matches
from rules.index import IndexedRule, RuleIndex

PLATFORM, EVENT, ENVIRONMENT = "zendesk", "ticket.created", "prod"
_EVENTS = 200
_NOW = datetime.fromisoformat("2026-03-01T12:00:00+00:00")

_PRIORITIES = ("low", "normal", "high", "urgent")
_STATUSES = ("new", "open", "pending", "hold", "solved")
_CHANNELS = ("email", "web", "chat", "api", "voice")
_WORDS = (
    "invoice", "refund", "login", "password", "shipping", "delay", "broken", "upgrade", "cancel", "export",
    "caf\u00e9", "error", "timeout", "invite", "billing", "chargeback", "mobile", "label", "return", "update",
)  # fmt: skip


def measure(rules: int, seconds: float = 1.0) -> dict[str, Any]:
    """Return events per second through the index and by asking every rule, and what was measured.

    `rules` mixed rules of one organization listen to the same event; each way runs for `seconds` of the processor's
    time, so that what else the machine does counts little. Raises AssertionError when the two ways do not agree.
    """
    random = Random(rules)  # noqa: S311 - the same rules and events each time, nothing secret
    every = [
        IndexedRule(number, PLATFORM, (EVENT,), None, None, compile_conditions(_conditions(random, number, rules)))
        for number in range(rules)
    ]
    began = process_time()
    index = RuleIndex(every)
    build = process_time() - began
    bodies = [orjson.dumps(_payload(random, rules)) for _ in range(_EVENTS)]
    payloads = [orjson.loads(body) for body in bodies]

    def through_index(facts: Facts) -> list[Any]:
        return index.match(PLATFORM, EVENT, "account", ENVIRONMENT, facts)

    def one_by_one(facts: Facts) -> list[Any]:
        answers = [(rule.key, matches(rule.node, facts)) for rule in every]
        return [(key, "could_not_tell" if met is None else "matched") for key, met in answers if met is not False]

    found = 0
    compared = payloads[: max(5, 20_000 // max(rules, 1))]
    for payload in compared:
        expected = one_by_one(_facts(payload))
        if through_index(_facts(payload)) != expected:
            raise AssertionError("the index and asking every rule do not agree")
        found += len(expected)
    return {
        "rules": rules,
        "event_bytes": sum(map(len, bodies)) // len(bodies),
        "build_seconds": round(build, 4),
        "index_events_per_second": round(_rate(through_index, payloads, seconds)),
        "plain_events_per_second": round(_rate(one_by_one, payloads, seconds), 1),
        "matches_per_event": round(found / len(compared), 2),
    }


def _facts(payload: dict[str, Any]) -> Facts:
    return Facts(payload, "ticket", None, _NOW)


def _rate(way: Callable[[Facts], list[Any]], payloads: list[dict[str, Any]], seconds: float) -> float:
    began, done = process_time(), 0
    while True:
        # The clock is read now and then only: reading it costs as much as a part of the work.
        for payload in payloads:
            way(_facts(payload))
            done += 1
            if done % 20 == 0 and process_time() - began > seconds:
                return done / (process_time() - began)


def _conditions(random: Random, number: int, rules: int) -> dict[str, Any]:
    """Return conditions as support teams write them. Most name something of their own; one in twenty does not."""
    word, group, customer = random.choice(_WORDS), random.randrange(max(20, rules // 4)), f"C-{number}"
    kinds: list[dict[str, Any]] = [
        {"priority": random.choice(_PRIORITIES), "group_id": group},
        {"priority": ["high", "urgent"], "requester.organization": customer},
        {"tags": {"contains": f"{word}-{number}"}, "status": {"ne": "solved"}},
        {"group_id": group, "subject": {"icontains": word}},
        {"requester.organization": customer, "custom_fields.amount": {"gte": random.randrange(900)}},
        {"group_id": group, "any": [{"tags": {"contains_any": [word, "vip"]}}, {"channel": "voice"}]},
        {"requester.email": {"ends_with": f"@company{number}.example"}, "group_id": [group, group + 1]},
        {"group_id": group, "subject": {"matches": f"(?i)\\b{word}s?\\b"}},
        {"any": [{"requester.organization": customer}, {"requester.email": f"ada@{customer}.example"}]},
        {"requester.organization": customer, "created_at": {"within": "-2h"}, "not": {"status": "hold"}},
        {"subject": {"icontains": f"{word} {number}"}, "priority": random.choice(_PRIORITIES)},
    ]
    return random.choices(kinds, weights=[10] * 10 + [5])[0]


def _payload(random: Random, rules: int) -> dict[str, Any]:
    """Return an event's payload of about 1.4 KB as JSON."""
    customer = random.randrange(max(rules, 1))
    words = random.sample(_WORDS, 12)
    created_at = _NOW - timedelta(minutes=random.randrange(600))
    return {
        "ticket": {
            "id": random.randrange(10**9),
            "url": f"https://acme.example/api/v2/tickets/{random.randrange(10**9)}.json",
            "subject": f"{words[0].title()} {words[1]} and {words[2]}, please help",
            "description": " ".join(words * 7),
            "priority": random.choice(_PRIORITIES),
            "status": random.choice(_STATUSES),
            "channel": random.choice(_CHANNELS),
            "group_id": random.randrange(max(20, rules // 4)),
            "tags": [words[3], f"{words[4]}-{customer}", random.choice(["vip", "new"])],
            "created_at": created_at.isoformat(),
            "updated_at": created_at.isoformat(),
            "assignee": None,
            "collaborators": [random.randrange(10**9) for _ in range(4)],
            "custom_fields": {
                "amount": random.randrange(1000),
                "order": f"O-{random.randrange(10**6)}",
                "region": "EU",
            },
            "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}},
        },
        "requester": {
            "id": random.randrange(10**9),
            "name": "Ada Lovelace",
            "email": f"ada@company{customer}.example",
            "organization": f"C-{customer}",
            "locale": "en-GB",
            "time_zone": "Europe/London",
        },
    }
