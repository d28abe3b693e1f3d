"""Which rules are gates: those that alone decide how an event ends for whoever waits for it."""

import uuid

from rules.compiled import rules_of_organization
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import current_organization_id


def gates_of(platform: str, event_type: str) -> set[uuid.UUID]:
    """Return the enabled rules with `gate: true` that listen to an event of this type."""
    version = Organization.objects.values_list("rules_version", flat=True).get(pk=current_organization_id())
    return {
        rule.rule_id
        for rule in rules_of_organization(version).rules.values()
        if rule.document.gate
        and rule.document.trigger.platform == platform
        and {"*", event_type} & set(rule.document.trigger.events)
    }
