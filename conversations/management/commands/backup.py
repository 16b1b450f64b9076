"""``manage.py backup FOLDER``: the database and the blobs, into a folder, as often as you like."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from conversations.services.backups import BackupRefused, back_up
from conversations.services.dumps import DumpFailed
from pipeline.storage import StorageError


class Command(BaseCommand):
    """Write a backup, or bring one up to date."""

    help = "Backs up the database and the blobs into a folder; of blobs only what it has not. Never the keys."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("folder", type=Path, help="made when it is not there; it holds one backup, the last")

    def handle(self, *args: Any, **options: Any) -> None:
        """Back up, and say what is in the backup."""
        try:
            manifest, copied = back_up(options["folder"])
        except (BackupRefused, DumpFailed, StorageError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The folder cannot be written: {error.strerror}.") from error
        size = filesizeformat(manifest.dump.size)
        self.stdout.write(f"Database: {manifest.calls} calls, {manifest.events} events, {size}.")
        self.stdout.write(
            f"Blobs: {copied.copied} copied ({filesizeformat(copied.size)}), {copied.there} there already, "
            f"{copied.dropped} deleted; {manifest.blobs} in all."
        )
        for key in copied.damaged:
            self.stderr.write(f"blob_damaged: {key}: not copied, since it is not what its hash says")
        self.stdout.write(f"The backup is whole; its database is of {manifest.time}.")
