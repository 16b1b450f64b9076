"""``manage.py prune_ledger``: forget the deliveries that ended long ago."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.ledger.retention import KEPT_DAYS_AT_LEAST, prune


class Command(BaseCommand):
    """The events stay, and with them the history; who was given what, when and how often goes."""

    help = "Deletes deliveries, with their attempts, that were done or cancelled long ago. Run it once a day."

    def add_arguments(self, parser: CommandParser) -> None:
        """How long ago."""
        parser.add_argument("--days", type=float, default=90.0, help="how long they are kept (90)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune, and say how many went."""
        if options["days"] < KEPT_DAYS_AT_LEAST:
            raise CommandError(f"Deliveries are kept for {KEPT_DAYS_AT_LEAST} day at least.")
        self.stdout.write(f"{prune(options['days'])} deliveries pruned.")
