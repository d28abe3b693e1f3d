"""``manage.py import_env .env --organization acme [--dry-run] [--host CRM_TOKEN=crm.acme.com] [--skip NAME]``"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rules import env_import
from rules.env_file import read_env
from rules.env_import import Planned
from rules.problems import Refused
from supportops.context import Actor, acting_as
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for

_MARKS = {"created": "+", "changed": "~", "unchanged": "=", "skipped": "-"}


class Command(BaseCommand):
    help = "Takes a .env file in as variables: all of it, or nothing. Shows no value. Try it with --dry-run first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")
        parser.add_argument(
            "--host", action="append", default=[], metavar="NAME=HOST", help="Where a secret may be sent; repeatable."
        )
        for name, told in (("secret", "It is a secret."), ("plain", "It is none."), ("skip", "Leave it out.")):
            parser.add_argument(f"--{name}", action="append", default=[], metavar="NAME", help=told)
        parser.add_argument("--environment", help="Of all whose name says none.")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization '{options['organization']}'.")
        with working_for(organization), acting_as(Actor("system", "", "manage.py import_env")):
            try:
                text = options["file"].read_text(encoding="utf-8-sig")
                planned = self._plan(text, options)
                for item in planned:
                    self._show(item)
                if not options["dry_run"]:
                    env_import.take_in(planned)
            except OSError as error:
                raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from None
            except UnicodeDecodeError as error:
                raise CommandError(f"{options['file']} is not UTF-8 (byte {error.start}).") from None
            except Refused as refused:
                told = "\n".join(problem.detail for problem in refused.problems)
                raise CommandError(f"Nothing was changed.\n{told}") from None
        if options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")

    def _plan(self, text: str, options: dict[str, Any]) -> list[Planned]:
        lines = {entry.name: entry.line for entry in read_env(text)}
        corrections: dict[int, dict[str, Any]] = {}

        def correct(name: str, **wanted: Any) -> None:
            if name not in lines:
                raise CommandError(f"There is no '{name}' in the file.")
            corrections.setdefault(lines[name], {}).update(wanted)

        for name, hosts in _hosts(options["host"]).items():
            correct(name, secret=True, hosts=hosts)
        for name in options["secret"]:
            correct(name, secret=True)
        for name in options["plain"]:
            correct(name, secret=False)
        for name in options["skip"]:
            correct(name, skip=True)
        if options["environment"]:
            for item in env_import.plan(text):
                if item.environment is None:
                    correct(item.entry.name, environment=options["environment"])
        return env_import.plan(text, corrections)

    def _show(self, item: Planned) -> None:
        where = f" [{item.environment}]" if item.environment else ""
        kind = f" secret for {', '.join(item.hosts) or '?'}" if item.is_secret else ""
        self.stdout.write(f"{_MARKS[item.action]} {item.name}{where}{kind}")
        for note in item.notes:
            self.stderr.write(f"  line {item.entry.line}: {note}")
        for problem in item.problems:
            self.stderr.write(f"  line {item.entry.line}: {problem.detail}")


def _hosts(given: Sequence[str]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    for text in given:
        name, equals, host = text.partition("=")
        if not equals or not host:
            raise CommandError(f"--host is NAME=HOST, which '{text}' is not.")
        hosts.setdefault(name, []).append(host)
    return hosts
