"""What people do to rules: create, change, switch, roll back, delete. Each change is a version and an audit entry."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from audit.recording import record
from rules import schedules, timers
from rules.catalogue import OrganizationCatalogue
from rules.checking import check
from rules.models import Rule, RuleState, RuleVersion
from rules.problems import Problem, Refused
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.models import Organization
from supportops.tenancy.names import unless_taken
from supportops.tenancy.scope import current_organization_id

# Kept on the rule itself, outside of the versioned document.
_OWN_FIELDS = ("name", "enabled", "description")


def create(typed: Mapping[str, Any], *, author: str = "") -> tuple[Rule, list[str]]:
    """Create a rule of the organization in scope from its document, and return it with warnings. Raises Refused."""
    document, warnings = _checked(typed)
    name = _free_name(typed.get("name"))
    with transaction.atomic():
        rule = Rule(
            id=new_id(),
            organization_id=current_organization_id(),
            name=name,
            description=str(typed.get("description") or ""),
            is_enabled=bool(typed.get("enabled", True)),
        )
        with unless_taken(_taken(name)):
            rule.save(force_insert=True)
        _add_version(rule, document, author, "created")
        record("rule.created", rule, changes={"name": name, "enabled": rule.is_enabled})
    return rule, warnings


def change(rule: Rule, typed: Mapping[str, Any], *, author: str = "") -> tuple[Rule, list[str]]:
    """Replace a rule's document by `typed` (name, enabled and description only where given). Raises Refused.

    Each change of the document makes a new version; a document that is the same makes none.
    """
    document, warnings = _checked({**typed, "name": typed.get("name", rule.name)})
    changes: dict[str, Any] = {}
    with transaction.atomic():
        rule = Rule.objects.select_for_update().get(pk=rule.pk)
        if typed.get("name", rule.name) != rule.name:
            name = _free_name(typed["name"], rule)
            changes["name"], rule.name = [rule.name, name], name
        if "description" in typed:
            rule.description = str(typed["description"] or "")
        if "enabled" in typed and bool(typed["enabled"]) != rule.is_enabled:
            rule.is_enabled = bool(typed["enabled"])
            changes["enabled"] = rule.is_enabled
        if document != live_version(rule).document:
            changes["version"] = [rule.version, rule.version + 1]
            _add_version(rule, document, author, "changed")
        else:
            _save(rule)
        record("rule.changed", rule, changes=changes)
    return rule, warnings


def set_enabled(rule: Rule, is_enabled: bool) -> Rule:
    """Switch a rule on or off. Runs under way are not touched."""
    with transaction.atomic():
        rule = Rule.objects.select_for_update().get(pk=rule.pk)
        if rule.is_enabled != is_enabled:
            rule.is_enabled = is_enabled
            _save(rule)
            record("rule.enabled" if is_enabled else "rule.disabled", rule)
    return rule


def roll_back(rule: Rule, number: int, *, author: str = "") -> Rule:
    """Make an earlier version's document the live one again, as a new version. Raises RuleVersion.DoesNotExist."""
    with transaction.atomic():
        rule = Rule.objects.select_for_update().get(pk=rule.pk)
        earlier = RuleVersion.objects.get(rule=rule, number=number)
        _add_version(rule, earlier.document, author, f"rolled back to version {number}")
        record("rule.rolled_back", rule, changes={"to": number, "version": rule.version})
    return rule


def delete(rule: Rule) -> None:
    """Delete a rule. Its runs and versions stay in the history, and runs under way go on."""
    with transaction.atomic():
        rule = Rule.objects.select_for_update().get(pk=rule.pk)
        rule.deleted_at, rule.is_enabled = clock.now(), False
        _save(rule)
        record("rule.deleted", rule, changes={"name": rule.name})


def live_version(rule: Rule) -> RuleVersion:
    """Return the version that matches events now."""
    version: RuleVersion = RuleVersion.objects.get(rule=rule, number=rule.version)
    return version


def _checked(typed: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    checked = check(dict(typed), OrganizationCatalogue())
    if checked.problems:
        raise Refused(list(checked.problems))
    document = {key: value for key, value in typed.items() if key not in _OWN_FIELDS}
    return document, [warning.detail for warning in checked.warnings]


def _free_name(name: Any, own: Rule | None = None) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise Refused([Problem("name", "invalid", "A rule needs a name of 1 to 200 characters.")])
    others = Rule.objects.filter(name=name.strip(), deleted_at__isnull=True)
    if (others.exclude(pk=own.pk) if own else others).exists():
        raise _taken(name)
    return name.strip()


def _taken(name: str) -> Refused:
    return Refused([Problem("name", "not_unique", f"There is another rule named '{name}'. Names are unique.")])


def _add_version(rule: Rule, document: dict[str, Any], author: str, note: str) -> None:
    rule.version += 1
    RuleVersion.objects.create(
        id=new_id(), rule=rule, number=rule.version, document=document, author=author[:254], note=note[:200]
    )
    _save(rule)


def _save(rule: Rule) -> None:
    rule.updated_at = clock.now()
    with unless_taken(_taken(rule.name)):
        rule.save()
    own = Organization.objects.filter(pk=current_organization_id())
    own.update(rules_version=F("rules_version") + 1)
    hears = rule.is_enabled and rule.deleted_at is None
    (now,) = own.values_list("rules_version").get()
    live = live_version(rule) if hears else None
    RuleState.objects.create(rule=rule, rules_version=now, version=live)
    schedules.follow(rule, live.document if live else None)
    trigger = live.document.get("trigger") if live else None
    timers.follow(rule, has_timers=isinstance(trigger, Mapping) and trigger.get("since") is not None)
