"""Brings the database up to date and, where there is no organization yet, makes the first one with its owner."""

import os

import django
from django.core.management import call_command
from django.db import connection

from supportops.running.console import say

FIRST_SLUG = "main"
FIRST_NAME = "My organization"
FIRST_OWNER = "owner@example.com"
# Any number, the same for all who migrate one database.
MIGRATION_LOCK = 7_304_117


def main() -> None:
    """Migrate, and print how to sign in when the first organization was made. Raises what Django raises."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")
    django.setup()
    is_postgres = connection.vendor == "postgresql"
    if is_postgres:
        # Another machine may be starting against the same database.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        call_command("migrate", interactive=False, verbosity=0)
        make_first_organization()
    finally:
        if is_postgres:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def make_first_organization() -> None:
    """Make an organization and its owner where there is none; the password is printed here and kept nowhere."""
    from django.conf import settings

    from supportops.people.organizations import create_organization
    from supportops.tenancy.models import Organization

    if Organization.objects.exists():
        return
    new = create_organization(FIRST_SLUG, FIRST_NAME, FIRST_OWNER)
    say("\n".join(
        [
            "",
            f"  Your first organization is '{new.organization.name}' ({new.organization.slug}).",
            f"  Address    {settings.PUBLIC_URL}/admin/",
            f"  User       {new.owner.email}",
            f"  Password   {new.password}",
            f"  API token  {new.token}",
            "  Password and token are shown this once and kept nowhere; change the password in the admin.",
            "",
        ]
    ))  # fmt: skip


if __name__ == "__main__":
    main()
