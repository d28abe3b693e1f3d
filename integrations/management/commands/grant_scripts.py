"""``manage.py grant_scripts acme --network --hosts api.example.com --read-only-dirs /srv/inventory``"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import script_grants
from supportops.context import Actor, acting_as
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for


class Command(BaseCommand):
    help = "Lets an organization's scripts run, and says all that they may see. Replaces an earlier grant."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The organization.")
        parser.add_argument("--network", action="store_true", help="They have the network of this machine, all of it.")
        parser.add_argument("--hosts", nargs="*", default=[], help="Secrets for these hosts may be given to them.")
        parser.add_argument(
            "--read-only-dirs", nargs="*", default=[], metavar="DIR", help="Folders that they can read."
        )
        parser.add_argument("--secret-files", nargs="*", default=[], metavar="FILE", help="Such as keys of ssh.")
        parser.add_argument("--interpreters", nargs="*", default=[], metavar="NAME", help="All when left out.")
        parser.add_argument("--revoke", action="store_true", help="No script of theirs runs from now on.")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["slug"]).first()
        if organization is None:
            raise CommandError(f"There is no organization '{options['slug']}'.")
        with working_for(organization), acting_as(Actor("system", "", "manage.py grant_scripts")):
            if options["revoke"]:
                was_granted = script_grants.revoke_scripts()
                self.stdout.write("Revoked." if was_granted else "There was nothing to revoke.")
                return
            self._grant(options)
        self.stdout.write(f"Scripts of {organization.slug} may run.")
        if settings.SCRIPTS == "off":
            self.stdout.write("They are switched off on this installation, though: see SUPPORTOPS_SCRIPTS.")

    def _grant(self, options: dict[str, Any]) -> None:
        try:
            script_grants.grant_scripts(
                network=options["network"],
                hosts=options["hosts"],
                read_only_dirs=options["read_only_dirs"],
                secret_files=options["secret_files"],
                interpreters=options["interpreters"],
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
