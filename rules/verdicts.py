"""What each rule said of a stored event: kept verdicts, and the plain no's worked out anew by the same code."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from integrations.models import Integration
from rules import trial
from rules.compiled import compiled_version
from rules.context import meta_of
from rules.document import Trigger
from rules.models import Event, EventContent, Rule, RuleState, RuleVersion, Verdict, VerdictOutcome
from rules.replay import stored_event
from supportops.ids import made_at

# A page shows at most so many rules; the kept verdicts always stand first.
MOST = 200

_STATE_UNKNOWN = "Not known: there is no record of whether this rule was on when the event came."
_ACCOUNT_UNKNOWN = "Not known: the rule hears one account or environment only, and that has changed since."
_OTHERWISE_NOW = (
    "It did not match then. What has changed since (a calendar, a lookup table, a platform's code) answers otherwise "
    "today."
)


def verdicts_of(event: Event, content: EventContent | None) -> list[dict[str, Any]]:
    """Return the verdicts on `event` with their explanations, those that matched first.

    A rule of which no verdict is kept said no if it was on then, with the version that was live, and listened to the
    event's account; what is not known of that has no outcome, and a reason that says so. Once the content is forgotten,
    the kept outcomes stay and the explanations are empty.
    """
    kept = list(Verdict.objects.select_related("rule", "version").filter(event=event).order_by("-outcome", "pk"))
    page = _Page(event, content)
    shown = [page.kept(row) for row in kept]
    if content is None:
        return shown
    for version, is_certain in _heard(event, {row.rule_id for row in kept}):
        if len(shown) >= MOST:
            break
        entry = page.unkept(version, is_certain)
        if entry is not None:
            shown.append(entry)
    return shown


def _heard(event: Event, known: set[uuid.UUID]) -> Iterator[tuple[RuleVersion, bool]]:
    """Yield for each other rule the version that was live when the event was planned, and whether that is certain."""
    then = RuleState.objects.filter(rules_version__lte=event.rules_version)
    newest = then.filter(rule=OuterRef("rule")).order_by("-rules_version").values("pk")[:1]
    live = then.filter(pk=Subquery(newest), version__isnull=False).exclude(rule_id__in=known)
    for state in live.select_related("version__rule").order_by("rule_id"):
        yield state.version, True
    for version in _without_record(event, then, known):
        yield version, False


def _without_record(event: Event, then: QuerySet[RuleState], known: set[uuid.UUID]) -> Iterator[RuleVersion]:
    """Yield the newest version of that time of rules of which nobody noted then whether they were on."""
    planned_at = made_at(event.pk)
    rules = Rule.objects.filter(created_at__lte=planned_at).exclude(pk__in=then.values("rule_id"))
    for rule in rules.exclude(pk__in=known).order_by("pk"):
        if rule.deleted_at is None or rule.deleted_at > planned_at:
            versions = RuleVersion.objects.select_related("rule").filter(rule=rule, created_at__lte=planned_at)
            yield from versions.order_by("-number")[:1]


@dataclass
class _Page:
    """One event, and what its verdicts are shown with."""

    event: Event
    content: EventContent | None

    def __post_init__(self) -> None:
        self.planned_at: datetime = made_at(self.event.pk)
        self.meta = meta_of(self.event)
        accounts = list(Integration.objects.select_related("environment"))
        self.account = next((row for row in accounts if row.pk == self.event.integration_id), None)
        self.by_name = {row.name: row for row in accounts}

    def kept(self, row: Verdict) -> dict[str, Any]:
        """Return a verdict that was written when the event was planned."""
        return self._entry(row.version, row.outcome, row.reason, self._explained(row.version)[1])

    def unkept(self, version: RuleVersion, is_certain: bool) -> dict[str, Any] | None:
        """Return what a rule without a kept verdict said; None when it did not listen to this event."""
        trigger = compiled_version(version.pk).document.trigger
        if trigger.platform != self.event.platform or not {"*", self.event.type} & set(trigger.events):
            return None
        listened = self._listened(trigger)
        if listened is False:
            return None
        found, explanation = self._explained(version)
        if not is_certain:
            return self._entry(version, None, _STATE_UNKNOWN, explanation)
        if listened is None:
            return self._entry(version, None, _ACCOUNT_UNKNOWN, explanation)
        # Anything else would have been kept.
        outcome = VerdictOutcome.NOT_MATCHED.value
        return self._entry(version, outcome, "" if found == outcome else _OTHERWISE_NOW, explanation)

    def _listened(self, trigger: Trigger) -> bool | None:
        """Return whether a trigger heard the event's account; None where that is not known any more."""
        answers: list[bool | None] = []
        if trigger.integration:
            answers.append(self._is_account(trigger.integration))
        if trigger.environment:
            answers.append(self._is_environment(trigger.environment))
        return False if False in answers else None if None in answers else True

    def _is_account(self, reference: str) -> bool | None:
        named = self.by_name.get(reference)
        if named is not None:
            is_it = named.pk == self.event.integration_id
            return None if self._has_changed(named) or (not is_it and self._has_changed(self.account)) else is_it
        # An id never means another account; a name that nobody has now may have been this one's.
        return str(self.event.integration_id) == reference if _is_id(reference) and self.event.integration_id else None

    def _is_environment(self, name: str) -> bool | None:
        if self.account is None or self._has_changed(self.account):
            return None
        return self.account.environment is not None and self.account.environment.name == name

    def _has_changed(self, account: Integration | None) -> bool:
        return account is None or account.updated_at > self.planned_at

    def _explained(self, version: RuleVersion) -> tuple[str, list[dict[str, Any]]]:
        if self.content is None:
            return "", []
        event, compiled = stored_event(self.event, self.content), compiled_version(version.pk)
        return trial.explain(compiled, event, self.event.platform, now=self.planned_at, meta=self.meta)

    def _entry(
        self, version: RuleVersion, outcome: str | None, reason: str, explanation: list[dict[str, Any]]
    ) -> dict[str, Any]:
        return {
            "rule": version.rule_id,
            "rule_name": version.rule.name,
            "version": version.number,
            "outcome": outcome,
            "reason": reason,
            "explanation": explanation,
        }


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
