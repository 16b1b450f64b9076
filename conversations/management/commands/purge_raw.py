"""``manage.py purge_raw``: delete the raw data whose time has come, now, and show that what was deleted is gone."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.services.purging import PurgeFailed, due, purge, remains
from pipeline.storage import StorageError


class Command(BaseCommand):
    """The ledger's processes do the same by themselves, every few seconds."""

    help = "Deletes recordings and raw transcripts as the organizations' settings say, or shows that they are gone."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do."""
        parser.add_argument("--dry-run", action="store_true", help="say how many calls are due, and change nothing")
        parser.add_argument(
            "--verify", action="store_true", help="delete nothing; look for raw blobs of every call that was purged"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge, or verify, and say how many."""
        try:
            if options["verify"]:
                self.verify()
            elif options["dry_run"]:
                self.stdout.write(f"{sum(1 for _ in due())} calls are due. Nothing was changed (dry run).")
            else:
                purged = sum(purge(id) for id in list(due()))
                self.stdout.write(f"The raw data of {purged} calls is deleted.")
        except (PurgeFailed, StorageError) as error:
            raise CommandError(str(error)) from error

    def verify(self) -> None:
        """A line for each raw blob that should be gone; it fails if there is any."""
        calls = blobs = 0
        for conversation, left in remains():
            calls += 1
            blobs += len(left)
            for key in sorted(left):
                self.stderr.write(f"raw_left: call {conversation.id}, blob {key}: still in the store.")
        if blobs:
            raise CommandError(
                f"{blobs} raw blobs of purged calls are in the store. `manage.py reconcile` deletes them."
            )
        self.stdout.write(f"{calls} calls are purged. Looked for raw blobs of each in the store: there is none.")
