"""``manage.py reset_second_factor ada@acme.example``"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportops.people import second_factor
from supportops.people.models import User


class Command(BaseCommand):
    help = (
        "Takes somebody's lost second factor away, ends all of his sign-ins and tells him by mail. "
        "Be sure first that it is he who asks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="The address with which the person signs in.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError(f"Nobody signs in as '{options['email']}'.")
        if not second_factor.reset(user):
            raise CommandError(f"{user.email} has no second factor.")
        self.stdout.write(f"{user.email} signs in with the password alone now, and was signed out everywhere.")
