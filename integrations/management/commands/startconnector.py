"""`manage.py startconnector trello`: a folder for a new connector, complete and tested."""

import keyword
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import registry
from integrations.skeleton import files_of


class Command(BaseCommand):
    help = "Write a complete connector to start from: three modules, a README, recorded traffic and tests that pass."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="lower case letters, digits and underscores")
        parser.add_argument("--name", help="as people call the platform; made from the key otherwise")
        parser.add_argument("--into", type=Path, help="folder of the package; integrations/connectors otherwise")

    def handle(self, *args: Any, **options: Any) -> None:
        key: str = options["key"]
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", key) or keyword.iskeyword(key):
            raise CommandError(
                f"'{key}' is no key: lower case letters, digits and underscores, beginning with a letter."
            )
        if any(connector.key == key for connector in registry.all_connectors()):
            raise CommandError(f"There is a platform '{key}' already.")
        name = options["name"] or key.replace("_", " ").title()
        if not re.fullmatch(r"[\w .&+-]{1,100}", name):
            raise CommandError("A name has up to 100 letters, digits, spaces and . & + - in it.")
        parent: Path = options["into"] or settings.BASE_DIR / "integrations" / "connectors"
        folder = parent / key
        if folder.exists():
            raise CommandError(f"{folder} exists already: nothing was written.")
        parent.mkdir(parents=True, exist_ok=True)
        (parent / "__init__.py").touch()
        for path, text in files_of(key, name):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        self.stdout.write(f"{folder} is written. Its tests: pytest {folder}")
        if options["into"]:
            place = parent.resolve()
            self.stdout.write(f"Let it be found: SUPPORTOPS_CONNECTOR_PACKAGES={place.name} PYTHONPATH={place.parent}")
