"""``manage.py sweep_blobs``: delete blobs that nothing refers to."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from conversations.services.reconciliation import keys_in_events
from pipeline.storage import blob_store


class Command(BaseCommand):
    """An upload cut off, a second attempt or an erased call leaves bytes behind; no event ever named them."""

    help = "Deletes blobs older than a day that no event refers to. Run it once a day."

    def add_arguments(self, parser: CommandParser) -> None:
        """How old a blob must be."""
        parser.add_argument("--hours", type=float, default=24.0)

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep, and say how many went."""
        before = timezone.now() - timedelta(hours=options["hours"])
        swept = 0
        for tenant, conversation in blob_store().places():
            referred = keys_in_events(conversation)
            for key in blob_store().blobs(tenant, conversation) - referred:
                if blob_store().modified(key) < before:
                    blob_store().remove(key)
                    swept += 1
        self.stdout.write(f"{swept} blobs swept.")
