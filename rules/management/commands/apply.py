"""``manage.py apply rules.yaml --organization acme [--dry-run] [--disabled] [--set channel=#ops]``"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rules import exchange
from rules.problems import Refused
from supportops.context import Actor, acting_as
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for

_MARKS = {"created": "+", "changed": "~", "unchanged": "="}


class Command(BaseCommand):
    help = "Creates and changes rules as files say. Rules are known by their names; what files omit is left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, help="YAML or JSON, one or many documents each.")
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=VALUE", help="A parameter of a template of the gallery."
        )
        parser.add_argument("--disabled", action="store_true", help="What is created or changed lands disabled.")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization '{options['organization']}'.")
        with working_for(organization), acting_as(Actor("system", "", "manage.py apply")):
            parameters = _parameters(options["set"])
            planned = [(path, self._plan(path, parameters, disabled=options["disabled"])) for path in options["files"]]
            if problems := [line for path, changes in planned for line in _problems(path, changes)]:
                raise CommandError("Nothing was changed.\n" + "\n".join(problems))
            self._refuse_doubles(planned)
            for path, changes in planned:
                for change in changes:
                    action = change.action
                    if not options["dry_run"]:
                        action = self._take_in(path, change)
                    places = f" ({', '.join(change.places)})" if change.places else ""
                    self.stdout.write(f"{_MARKS[action]} {change.name}{places}")
                    for warning in change.warnings:
                        self.stderr.write(f"  {_place(path, change, warning.attr)}: {warning.detail}")
        if options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")

    def _plan(self, path: Path, parameters: Mapping[str, Any], *, disabled: bool) -> list[exchange.Change]:
        try:
            found = exchange.read(path.read_text(encoding="utf-8-sig"), parameters)
            return exchange.plan(found, default_name=exchange.name_of_file(path.name), disabled=disabled)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError as error:
            raise CommandError(f"{path} is not UTF-8 (byte {error.start}).") from None
        except exchange.NotReadable as error:
            where = f"{path}:{error.line}" if error.line else str(path)
            raise CommandError(f"{where}: {error.message}") from None

    def _refuse_doubles(self, planned: list[tuple[Path, list[exchange.Change]]]) -> None:
        seen: dict[str, Path] = {}
        for path, changes in planned:
            for change in changes:
                if change.name in seen:
                    raise CommandError(
                        f"Nothing was changed. '{change.name}' stands in {seen[change.name]} and in {path}."
                    )
                seen[change.name] = path

    def _take_in(self, path: Path, change: exchange.Change) -> str:
        try:
            return exchange.take_in(change.typed)[1]
        except Refused as refused:
            raise CommandError(f"{path}: '{change.name}' was not taken: {refused}") from None


def _parameters(typed: Sequence[str]) -> dict[str, Any]:
    """Return ``NAME=VALUE`` as parameters: a value is JSON where it can be, else a text."""
    found: dict[str, Any] = {}
    for item in typed:
        name, is_given, text = item.partition("=")
        if not is_given:
            raise CommandError(f"--set {item}: write it as NAME=VALUE.")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _problems(path: Path, changes: list[exchange.Change]) -> list[str]:
    return [
        f"{_place(path, change, problem.attr)}: {problem.detail}" for change in changes for problem in change.problems
    ]


def _place(path: Path, change: exchange.Change, attr: str) -> str:
    line = change.found.line_of(attr) if change.found else 0
    return ":".join(str(part) for part in (path, line or "", f" {attr}" if attr else "") if part != "")
