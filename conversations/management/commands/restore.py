"""``manage.py restore FOLDER``: a backup back into database and blob store, and what then differs reconciled."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.management.commands.reconcile import tell
from conversations.services.backups import BackupRefused, copy_in, restore
from conversations.services.dumps import DumpFailed
from conversations.services.reconciliation import Reconciliation
from pipeline.storage import StorageError


class Command(BaseCommand):
    """Restore, then reconcile. Web, ledger and workers must be stopped."""

    help = "Restores a backup into an empty database, copies back missing blobs, and reconciles."
    requires_system_checks = []  # some look into the database, which may have no tables yet
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """From where, and over what."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("--replace", action="store_true", help="drop all that is in the database first")
        parser.add_argument("--without-keys", action="store_true", help="restore though the key store is lost")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, and tell what is there and what differs."""
        try:
            manifest, copied = restore(
                options["folder"], replace=options["replace"], without_keys=options["without_keys"]
            )
            self.stdout.write(f"Database: {manifest.calls} calls, {manifest.events} events, as of {manifest.time}.")
            self.stdout.write(f"Blobs: {copied.copied} copied back, {copied.there} there already.")
            for key in copied.damaged:
                self.stderr.write(f"blob_damaged: {key}: not copied back, since it is not what its hash says")
            tell(Reconciliation(spare=copy_in(options["folder"])), self.stdout)
        except (BackupRefused, DumpFailed, StorageError) as error:
            raise CommandError(str(error)) from error
