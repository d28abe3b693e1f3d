"""``manage.py rotate_keys``: every stored secret under the newest key."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportops.vault import rotation
from supportops.vault.keyring import CannotOpen


class Command(BaseCommand):
    help = (
        "Wraps all data keys with the newest of SUPPORTOPS_MASTER_KEYS; with --data-keys also makes new data keys and "
        "re-encrypts every secret. May run under load, be stopped and be started again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data-keys", action="store_true", help="Make new data keys and re-encrypt every secret.")
        parser.add_argument(
            "--grace",
            type=int,
            default=int(rotation.GRACE.total_seconds()),
            metavar="SECONDS",
            help="How long a retired data key stays for requests under way (3600).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wrapped = rotation.rewrap_all(self._tell)
            made = rotation.renew_data_keys(self._tell) if options["data_keys"] else 0
            # Two passes: the first may meet rows that somebody changed under a key that was current a moment ago.
            first, _ = rotation.reseal_all(self._tell)
            second, damaged = rotation.reseal_all(self._tell)
        except CannotOpen as error:
            raise CommandError(
                f"A data key does not open: {error}. Keep the old master key in SUPPORTOPS_MASTER_KEYS "
                "(after the new one) until this command has finished, then run it again."
            ) from None
        deleted, kept = rotation.remove_unused_keys(timedelta(seconds=options["grace"]))
        self.stdout.write(
            f"Done: {wrapped} data keys wrapped anew, {made} made, {first + second} secrets re-encrypted, "
            f"{deleted} old data keys deleted."
        )
        if kept:
            self.stdout.write(
                f"{kept} old data keys stay for requests under way. Run `rotate_keys` again in "
                f"{options['grace'] // 60 or 1} minutes to delete them."
            )

        if damaged:
            raise CommandError(f"{damaged} secrets do not open; the lines above name their rows. Enter them anew.")

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
