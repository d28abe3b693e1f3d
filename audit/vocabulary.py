"""The names of acts. An entry can only be written under a name that stands here or that an app added."""

import re
from collections.abc import Mapping


class UnknownAction(ValueError):
    """The name of an act that nobody declared."""


_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")

_actions: dict[str, str] = {
    # organizations and people
    "organization.created": "An organization was created.",
    "demo.created": "A demo organization was made.",
    "sandbox.ticket_sent": "A ticket was sent from the sandbox.",
    "sandbox.emptied": "The sandbox was emptied.",
    "organization.changed": "An organization's name or settings were changed.",
    "organization.disabled": "An organization was disabled.",
    "organization.enabled": "An organization was enabled again.",
    "environment.created": "An environment was created.",
    "environment.changed": "An environment was changed.",
    "environment.deleted": "An environment was deleted.",
    "member.invited": "Somebody was invited.",
    "invitation.sent_again": "An invitation was sent again.",
    "invitation.changed": "An invitation's role was changed.",
    "invitation.revoked": "An invitation was revoked.",
    "member.added": "Somebody became a member.",
    "member.changed": "A member's role was changed.",
    "member.removed": "A member was removed.",
    "signed_in": "Somebody signed in.",
    "signed_out": "Somebody signed out.",
    "sessions.ended": "Somebody ended sign-ins of his own in other browsers.",
    "sign_in_failed": "A sign-in failed.",
    "password.changed": "A password was changed.",
    "second_factor.added": "A second factor was set up.",
    "second_factor.removed": "A second factor was removed.",
    "second_factor.reset": "Somebody's second factor was reset, since it was lost.",
    "recovery_codes.renewed": "New recovery codes were made.",
    "password.reset_asked": "Somebody asked for a new password by mail.",
    "token.created": "An API token was created.",
    "token.changed": "An API token was changed.",
    "token.revoked": "An API token was revoked.",
    # secrets
    "keys.rotated": "Stored secrets were sealed under a newer key.",
    "recipients.created": "A list of recipients was created.",
    "recipients.changed": "A list of recipients was changed.",
    "recipients.deleted": "A list of recipients was deleted.",
    "lookup_table.created": "A lookup table was created.",
    "lookup_table.changed": "A lookup table was changed.",
    "lookup_table.deleted": "A lookup table was deleted.",
    "calendar.created": "A calendar was created.",
    "calendar.changed": "A calendar was changed.",
    "calendar.deleted": "A calendar was deleted.",
    "variables.imported": "Variables were taken in from a file.",
    "variable.created": "A variable was created.",
    "variable.changed": "A variable was changed.",
    "variable.deleted": "A variable was deleted.",
    # integrations
    "integration_type.created": "An integration type was created.",
    "integration_type.changed": "An integration type was changed.",
    "integration_type.deleted": "An integration type was deleted.",
    "integration_type.tried": "An integration type was tried.",
    "integration.created": "An integration was created.",
    "integration.changed": "An integration was changed.",
    "integration.enabled": "An integration was enabled.",
    "integration.disabled": "An integration was disabled.",
    "integration.tested": "An integration's connection was tested.",
    "integration.executed": "An action was executed by hand.",
    "integration.deleted": "An integration was deleted.",
    "integration.secret_rotated": "A signing secret was replaced.",
    "integration.handshake_taken": "A platform sent its signing secret, which awaits confirmation.",
    "integration.handshake_shown": "A signing secret that awaits confirmation was shown.",
    "integration.handshake_confirmed": "A platform's signing secret was confirmed.",
    "integration.handshake_discarded": "A signing secret that somebody had sent was discarded.",
    "integration.authorized": "A platform granted access by OAuth.",
    "integration.webhook_registered": "A webhook was registered at the platform.",
    "integration.reconciled": "Events were found that no webhook had told of.",
    "integration.needs_attention": "A platform rejected an integration's credentials.",
    # rules and what came of them
    "rule.created": "A rule was created.",
    "rule.changed": "A rule was changed.",
    "rule.enabled": "A rule was enabled.",
    "rule.disabled": "A rule was disabled.",
    "rule.rolled_back": "A rule went back to an earlier version.",
    "rule.deleted": "A rule was deleted.",
    "rule.tested": "A rule was tried dry.",
    "rule.executed": "A rule was run by hand.",
    "rule.backtested": "A rule was tried on past deliveries.",
    "rule.imported": "Rules were imported.",
    "rule.exported": "Rules were exported.",
    "run.finished": "A run ended.",
    "run.cancelled": "A run was cancelled.",
    "run.retried": "A run was retried.",
    "step.approved": "A step was approved.",
    "step.rejected": "A step was rejected.",
    "step.resolved": "A person said what became of an uncertain step.",
    "dead_letters.retried": "Dead letters were retried.",
    # deliveries
    "delivery.replayed": "A delivery was replayed.",
    "delivery.rejected": "Deliveries were rejected, counted by endpoint, reason and minute.",
    "endpoint.created": "An address for webhooks was made.",
    "endpoint.changed": "An address for webhooks was changed.",
    "endpoint.deleted": "An address for webhooks was removed.",
    "endpoint.handshake_confirmed": "A platform's handshake was confirmed.",
    # what an organization keeps besides
    "file.created": "A file was uploaded.",
    "file.deleted": "A file was deleted.",
    "script.created": "A script was created.",
    "script.changed": "A script was changed.",
    "script.deleted": "A script was deleted.",
    "script.granted": "The operator let an organization run scripts.",
    "script.grant_revoked": "The operator took scripts from an organization.",
    "notification.changed": "Who is told of what was changed.",
    # the audit log itself
    "audit.exported": "The audit log was exported.",
    "audit.trimmed": "Entries beyond their time were removed, leaving a checkpoint.",
    "audit.person_erased": "A person's name and addresses were erased.",
}


def add(actions: Mapping[str, str]) -> None:
    """Declare further acts, name → what it says. An app calls this in its `ready`. Raises ValueError for a bad name."""
    for name, meaning in actions.items():
        if not _NAME.fullmatch(name) or len(name) > 80:
            raise ValueError(f"'{name}' is no name of an act: write it like `rule.changed`, at most 80 characters.")
        _actions[name] = meaning


def check(action: str) -> str:
    """Return `action`. Raises UnknownAction when nobody declared it."""
    if action not in _actions:
        raise UnknownAction(
            f"'{action}' is not in the audit vocabulary: add it to audit/vocabulary.py "
            "or declare it with audit.vocabulary.add() in the app's `ready`."
        )
    return action


def meaning_of(action: str) -> str:
    """Return the sentence that says what `action` means; the name itself for one that was removed since."""
    return _actions.get(action, action)


def names() -> list[str]:
    """Return the names of all acts, sorted."""
    return sorted(_actions)
