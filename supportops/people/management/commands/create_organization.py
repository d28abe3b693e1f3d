"""``manage.py create_organization acme --name "Acme Inc." --owner ada@acme.example --json``"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportops import odd_json
from supportops.people.organizations import create_organization


class Command(BaseCommand):
    help = "Makes an organization with an owner and an API token of all scopes. Password and token are shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="Lower-case letters, digits and hyphens, such as acme.")
        parser.add_argument("--name", default="", help="What people call it; the slug when left out.")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="Signs in with this address.")
        parser.add_argument("--json", action="store_true", help="Answer with one line of JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = create_organization(options["slug"], options["name"], options["owner"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        if options["json"]:
            answer = {
                "organization": made.organization.slug,
                "owner": made.owner.email,
                "password": made.password,
                "api_token": made.token,
            }
            self.stdout.write(odd_json.dumps(answer).decode())
            return
        self.stdout.write(f"Organization {made.organization.slug} ({made.organization.name})")
        self.stdout.write(f"Owner        {made.owner.email}")
        self.stdout.write(f"Password     {made.password or '(as before: this person has an account already)'}")
        self.stdout.write(f"API token    {made.token}")
        self.stdout.write("Password and token are shown this once.")
