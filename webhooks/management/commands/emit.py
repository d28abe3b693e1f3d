"""``manage.py emit deployment.pre_setup --organization acme --environment prod --payload '{"branch": "x"}' --wait 60``

Exit codes: 0 taken in (with --wait: succeeded), 1 failed or refused, 3 not finished within --wait.
"""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rules.problems import Refused
from supportops import odd_json
from supportops.context import Actor, acting_as
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from webhooks import own_events

_EXIT = {"succeeded": 0, "failed": 1, "running": 3}


class Command(BaseCommand):
    help = "Sends an event of the organization's own. With --wait the exit code is its outcome: 0, 1, or 3 (open)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("type", help="Such as deployment.post_setup, or any name of your own.")
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--environment", default="", metavar="NAME")
        parser.add_argument("--payload", default="{}", help="A JSON object, @FILE, or - for standard input.")
        parser.add_argument("--id", default="", help="Makes a repeat harmless: the same id again is the same event.")
        parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="Wait for the outcome.")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization '{options['organization']}'.")
        payload = _payload(options["payload"])
        with working_for(organization), acting_as(Actor("system", "", "manage.py emit")):
            try:
                emitted = own_events.emit(
                    options["type"], payload, environment=options["environment"], event_id=options["id"]
                )
            except Refused as refused:
                raise CommandError(str(refused)) from None
            except own_events.Conflict as conflict:
                raise CommandError(str(conflict)) from None
            self.stdout.write(f"delivery {emitted.delivery_id}" + (" (sent before)" if emitted.is_duplicate else ""))
            if options["wait"] <= 0:
                return
            own_events.wait_for(emitted.delivery_id, options["wait"])
            outcome, runs = own_events.outcome_of(emitted.delivery_id)
        for run in runs:
            self.stdout.write(f"{run.status:10} {run.rule.name}" + (f": {run.reason}" if run.reason else ""))
        self.stdout.write(f"outcome  {outcome}")
        if _EXIT[outcome]:
            sys.exit(_EXIT[outcome])


def _payload(text: str) -> Any:
    try:
        if text == "-":
            raw = sys.stdin.buffer.read()
        elif text.startswith("@"):
            raw = Path(text[1:]).read_bytes()
        else:
            raw = text.encode()
        return odd_json.loads(raw)
    except OSError as error:
        raise CommandError(f"The payload cannot be read: {error.strerror}.") from None
    except odd_json.MalformedJson as error:
        raise CommandError(f"The payload is no JSON: {error}.") from None
