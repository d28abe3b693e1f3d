"""``manage.py verify_audit``: walks the chains of all organizations, or of one."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import guards
from audit.verifying import Verification, verify
from supportops import clock
from supportops.tenancy.models import Organization

# The sealer needs seconds; what waits longer says that it does not run.
LATE = timedelta(minutes=10)


class Command(BaseCommand):
    help = "Finds changed, deleted, reordered, inserted and cut-off entries of the audit log. Exit code 1 when broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="this one only; all of them otherwise")

    def handle(self, *args: Any, **options: Any) -> None:
        organizations = Organization.objects.all()
        if options["organization"]:
            organizations = organizations.filter(slug=options["organization"])
            if not organizations:
                raise CommandError(f"There is no organization '{options['organization']}'.", returncode=2)
        broken = 0
        for organization in organizations:
            found = verify(organization)
            broken += not found.valid
            self.stdout.write(f"{organization.slug}: {_sentence(found)}")
        absent = guards.missing()
        if absent:
            self.stdout.write(f"The database does not guard the audit log: {', '.join(absent)} missing; run migrate.")
        if broken:
            raise CommandError(f"The audit log is broken ({broken} organization{'s' * (broken > 1)}).")
        if absent:
            raise CommandError("The chains hold, but the database does not refuse changes of the audit log.")


def _sentence(found: Verification) -> str:
    if not found.valid:
        entry = f" (entry {found.entry_id})" if found.entry_id else ""
        return f"BROKEN at position {found.first_broken}: {found.reason}{entry}; head {found.head}"
    parts = [f"holds, {found.entries} entries"]
    if found.trimmed_to:
        parts.append(f"positions up to {found.trimmed_to} removed after their time")
    if found.unsealed:
        parts.append(f"{found.unsealed} not sealed yet")
        if found.oldest_unsealed_at and found.oldest_unsealed_at < clock.now() - LATE:
            parts.append(f"the oldest since {found.oldest_unsealed_at:%Y-%m-%d %H:%M} UTC: does the sweep run?")
    return f"{', '.join(parts)}; head {found.head}"
