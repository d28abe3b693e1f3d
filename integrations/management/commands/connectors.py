"""`manage.py connectors`: what each connector has of what it should have."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import registry
from integrations.connector_pages import pages_of_built_in
from integrations.quality import Quality, quality_of


class Command(BaseCommand):
    help = "List the connectors with their check, README, and recorded traffic of each event and action."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("keys", nargs="*", help="connectors to list; all without any")
        parser.add_argument("--json", action="store_true", help="as JSON")
        parser.add_argument("--strict", action="store_true", help="end with an error where something is missing")
        parser.add_argument("--tests", type=Path, help="folder with recorded traffic, by key")
        parser.add_argument("--docs", type=Path, help="write a page for each connector that ships into this folder")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["docs"]:
            self._write_pages(options["docs"])
            return
        try:
            connectors = [registry.get(key) for key in options["keys"]] or registry.all_connectors()
        except registry.UnknownPlatform as error:
            raise CommandError(error.message) from None
        tests = options["tests"] or settings.BASE_DIR / "tests" / "integrations"
        found = [quality_of(connector, tests) for connector in connectors]
        problems = [] if options["keys"] else registry.problems()
        if options["json"]:
            self.stdout.write(json.dumps({"connectors": [item.as_dict() for item in found], "problems": problems}))
        else:
            self._print(found, problems)
        incomplete = [item.key for item in found if item.missing()]
        if options["strict"] and (incomplete or problems):
            raise CommandError(f"Something is missing: {', '.join(incomplete) or '; '.join(problems)}")

    def _write_pages(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        pages = pages_of_built_in()
        for path in folder.glob("*.md"):
            if path.name not in pages:
                path.unlink()
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")
        self.stdout.write(f"{len(pages)} pages are written to {folder}.")

    def _print(self, found: list[Quality], problems: list[str]) -> None:
        row = "{:<16} {:<6} {:<7} {:<10} {:<10}"
        self.stdout.write(row.format("connector", "check", "README", "events", "actions"))
        for item in found:
            events = sum(bool(requests) for requests in item.events.values())
            actions = sum(bool(successes and failures) for successes, failures in item.actions.values())
            self.stdout.write(
                row.format(
                    item.key,
                    "yes" if item.has_check else "NO",
                    "yes" if item.has_readme else "NO",
                    f"{events}/{len(item.events)}",
                    f"{actions}/{len(item.actions)}",
                )
            )
            for sentence in item.missing():
                self.stdout.write(f"    {sentence}")
        for problem in problems:
            self.stdout.write(self.style.WARNING(problem))
