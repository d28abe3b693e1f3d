"""``manage.py export_audit``: an organization's audit log as JSON Lines, for audit/verify_export.py."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import export
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for


class Command(BaseCommand):
    help = "Writes an organization's audit log as JSON Lines. The head of the chain goes to standard error: note it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", required=True)
        parser.add_argument("--output", metavar="FILE", help="standard output otherwise")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization '{options['organization']}'.", returncode=2)
        with working_for(organization):
            head = export.begin()
            if options["output"]:
                with Path(options["output"]).open("wb") as file:
                    file.writelines(export.lines())
            else:
                # As bytes, whatever the terminal's encoding is.
                sys.stdout.buffer.writelines(export.lines())
                sys.stdout.buffer.flush()
        self.stderr.write(f"head: {head}")
