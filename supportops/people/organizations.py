"""A new organization with its owner, environments and first token, all or nothing."""

import secrets
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.recording import record
from supportops.people.environments import DEFAULTS
from supportops.people.members import add_member
from supportops.people.models import User
from supportops.people.tokens import create_token
from supportops.tenancy.models import Environment, Organization
from supportops.tenancy.names import unless_taken
from supportops.tenancy.roles import SCOPES, Role
from supportops.tenancy.scope import working_for


class NewOrganization(NamedTuple):
    """What `create_organization` made. Password and token are stored nowhere: show them now or never.

    `password` is None for an owner who has an account already and keeps his password.
    """

    organization: Organization
    owner: User
    password: str | None
    token: str


def create_organization(slug: str, name: str, owner_email: str, *, works_in_sandbox: bool = False) -> NewOrganization:
    """Make an organization. Raises ValidationError, such as for a slug that is taken."""
    organization = Organization(slug=slug, name=name.strip() or slug, works_in_sandbox=works_in_sandbox)
    organization.clean_fields()
    with transaction.atomic():
        message = f"There is an organization '{slug}' already."
        with unless_taken(ValidationError({"slug": ValidationError(message, "not_unique")})):
            organization.save(force_insert=True)
        with working_for(organization):
            record("organization.created", organization, changes={"slug": slug, "name": organization.name})
            for position, environment in enumerate(DEFAULTS):
                Environment.objects.create(name=environment, position=position)
            membership, is_new = add_member(owner_email, Role.OWNER, by_owner=True)
            owner: User = membership.user
            password = None
            if is_new:
                password = secrets.token_urlsafe(15)
                owner.set_password(password)
                owner.save(update_fields=["password"])
            _, token = create_token("First token", SCOPES)
    return NewOrganization(organization, owner, password, token)
