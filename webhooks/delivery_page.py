"""What a delivery's page shows: what came, what it meant, what each rule said, what was done, what a replay may ask."""

import json
from typing import Any

from rules.compiled import rules_of_organization
from rules.models import Run
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import current_organization_id
from webhooks.api import delivery_as_dict
from webhooks.models import Delivery
from webhooks.story import condition_in_words

_MOST_RULES = 200


def context_of(delivery: Delivery) -> dict[str, Any]:
    """Return the page's context."""
    shown = delivery_as_dict(delivery)
    for event in shown["events"]:
        for verdict in event["verdicts"]:
            missed = [line for line in verdict["explanation"] if not line["passed"]]
            verdict["missed"] = [condition_in_words(line) for line in missed]
        event["matched"] = sum(verdict["outcome"] == "matched" for verdict in event["verdicts"])
    body = shown["body"]
    return {
        "delivery": delivery,
        "shown": shown,
        "runs": list(Run.objects.select_related("rule").filter(delivery_id=delivery.pk).order_by("pk")[:200]),
        "pretty": _pretty(body) if shown["body_encoding"] == "utf-8" else None,
        "body_bytes": len(body.encode()) if body is not None and shown["body_encoding"] == "utf-8" else None,
        "rules": rules_to_ask(delivery.platform) if shown["events"] else [],
    }


def rules_to_ask(platform: str = "") -> list[tuple[str, str]]:
    """Return the enabled rules that may be asked anew, by id and name: those that listen to a platform, or all."""
    organization = Organization.objects.get(pk=current_organization_id())
    rules = rules_of_organization(organization.rules_version)
    found = [
        (str(rule.rule_id), rules.names[rule.rule_id])
        for rule in rules.by_key.values()
        if not platform or rule.document.trigger.platform == platform
    ]
    return sorted(found, key=lambda item: item[1].lower())[:_MOST_RULES]


def _pretty(body: str) -> str | None:
    """Return a JSON body with a line for each value; None for anything else, or what would look the same."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return text if text != body else None
