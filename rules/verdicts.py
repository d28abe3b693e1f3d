"""What each rule said of a stored event: kept verdicts, and the plain no's worked out anew by the same code."""

from typing import Any

from rules import trial
from rules.compiled import compiled_version
from rules.models import Event, EventContent, Rule, RuleVersion, Verdict
from rules.replay import stored_event

# A page shows at most so many rules; the kept verdicts always stand first.
MOST = 200


def verdicts_of(event: Event, content: EventContent | None) -> list[dict[str, Any]]:
    """Return the verdicts on `event` with their explanations, those that matched first.

    A rule that said no is explained with the version that was live when the event was planned. Once the content
    is forgotten, the outcomes stay and the explanations are empty.
    """
    kept = list(Verdict.objects.select_related("rule", "version").filter(event=event).order_by("-outcome", "pk"))
    shown = [_shown(row.rule, row.version, row.outcome, row.reason, event, content) for row in kept]
    if content is None:
        return shown
    known = {row.rule_id for row in kept}
    for version in _live_then(event, known):
        compiled = compiled_version(version.pk)
        trigger = compiled.document.trigger
        if trigger.platform == event.platform and {"*", event.type} & set(trigger.events):
            shown.append(_shown(version.rule, version, None, "", event, content))
        if len(shown) >= MOST:
            break
    return shown


def _live_then(event: Event, known: set[Any]) -> list[RuleVersion]:
    """Return for each other rule the version that was live when the event was planned."""
    versions = (
        RuleVersion.objects.select_related("rule")
        .filter(created_at__lte=event.received_at)
        .exclude(rule_id__in=known)
        .order_by("rule_id", "number")
    )
    newest = {version.rule_id: version for version in versions}
    return [version for version in newest.values() if _was_there(version.rule, event)]


def _was_there(rule: Rule, event: Event) -> bool:
    return rule.deleted_at is None or rule.deleted_at > event.received_at


def _shown(
    rule: Rule, version: RuleVersion, outcome: str | None, reason: str, event: Event, content: EventContent | None
) -> dict[str, Any]:
    explanation: list[dict[str, Any]] = []
    if content is not None:
        found, explanation = trial.explain(compiled_version(version.pk), stored_event(event, content), event.platform)
        outcome = outcome or found
    return {
        "rule": rule.pk,
        "rule_name": rule.name,
        "version": version.number,
        "outcome": outcome,
        "reason": reason,
        "explanation": explanation,
    }
