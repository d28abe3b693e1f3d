"""Makes a demo organization for somebody who wants to look around."""

import secrets
from pathlib import Path
from typing import Any

from django.db import transaction

from audit.recording import record
from integrations import lifecycle
from integrations.lifecycle import WebhookWishes
from rules import exchange
from supportops.jobs.running import start as start_job
from supportops.people.models import User
from supportops.people.organizations import create_organization
from supportops.tenancy.models import Membership, Organization
from supportops.tenancy.scope import working_for
from webhooks.demo.tickets import TICKETS

NAME = "Demo"
_RULES = Path(__file__).parent / "rules.yaml"
_ACCOUNTS: tuple[dict[str, Any], ...] = (
    {
        "platform": "freshdesk",
        "name": "Demo Freshdesk",
        "credentials": {"domain": "acme.freshdesk.com", "api_key": "any-key-works-in-the-sandbox"},
    },
    {
        "platform": "zendesk",
        "name": "Demo Zendesk",
        "credentials": {"subdomain": "acme", "access_token": "any-token-works-in-the-sandbox"},
    },
    {"platform": "slack", "name": "Demo Slack", "credentials": {"bot_token": "xoxb-any-token-works-in-the-sandbox"}},
    {
        "platform": "trello",
        "name": "Demo Trello",
        "credentials": {"api_key": "0123456789abcdef" * 2, "token": "any-token-works-in-the-sandbox"},
    },
)


def demo_of(user: User) -> Organization | None:
    """Return the demo organization that `user` owns; None where there is none."""
    owned = Membership.across_organizations.filter(user=user, role="owner", organization__works_in_sandbox=True)
    found = owned.select_related("organization").first()
    return found.organization if found is not None else None


def make_demo(user: User) -> Organization:
    """Return a person's demo organization: the one there is, else a new one whose history is being made."""
    known = demo_of(user)
    if known is not None:
        return known
    with transaction.atomic():
        slug = f"demo-{secrets.token_hex(4)}"
        organization = create_organization(slug, NAME, user.email, works_in_sandbox=True).organization
        with working_for(organization):
            for account in _ACCOUNTS:
                # Zendesk makes the secret itself; whoever plays Zendesk needs one too.
                wishes = WebhookWishes(secret=secrets.token_urlsafe(32)) if account["platform"] == "zendesk" else None
                lifecycle.create(**account, webhook=wishes)
            for document in exchange.read(_RULES.read_text()):
                exchange.take_in(document.typed, author=user.email)
            record("demo.created", organization, changes={"tickets": TICKETS})
            start_job("demo.history", {}, total=TICKETS)
    return organization
