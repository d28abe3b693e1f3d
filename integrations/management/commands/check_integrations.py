"""``manage.py check_integrations --organization acme --environment prod --json``"""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import checking
from supportops import odd_json
from supportops.context import Actor, acting_as
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for


class Command(BaseCommand):
    help = "Checks that integrations are configured completely and their credentials accepted; exit code 1 where not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="This one alone; all of them when left out.")
        parser.add_argument("--environment", metavar="NAME", help="Those of this environment, and those of none.")
        parser.add_argument("--config-only", action="store_true", help="Ask no platform.")
        parser.add_argument("--json", action="store_true", help="Answer with one line of JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        checked = list(self._checked(options))
        is_well = all(item.is_well for item in checked)
        if options["json"]:
            answer = {"ok": is_well, "integrations": [item.as_dict() for item in checked]}
            self.stdout.write(odd_json.dumps(answer).decode())
        else:
            for item in checked:
                mark = "ok  " if item.is_well else "FAIL"
                self.stdout.write(f"{mark} {item.organization}  {item.name} ({item.platform})  {item.message}")
            self.stdout.write(f"{len(checked)} checked, {sum(not item.is_well for item in checked)} not well.")
        if not is_well:
            raise SystemExit(1)

    def _checked(self, options: dict[str, Any]) -> Iterator[checking.Checked]:
        organizations = Organization.objects.filter(is_active=True)
        if options["organization"]:
            organizations = organizations.filter(slug=options["organization"])
            if not organizations:
                raise CommandError(f"There is no organization '{options['organization']}'.")
        for organization in organizations:
            with working_for(organization), acting_as(Actor("system", "", "manage.py check_integrations")):
                try:
                    yield from checking.check_all(
                        organization.slug, options["environment"], config_only=options["config_only"]
                    )
                except checking.UnknownEnvironment as error:
                    if options["organization"]:
                        raise CommandError(str(error)) from None
