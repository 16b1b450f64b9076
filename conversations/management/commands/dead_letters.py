"""``manage.py dead_letters``: see the steps that failed for good, replay them, or give them up."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations import words
from conversations.ledger.models import Delivery
from conversations.services import dead_letters


class Command(BaseCommand):
    """List, replay, give up: all, of a service, of a cause, or one."""

    help = "Lists the steps that failed for good, by cause; with an action, replays them or gives them up."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and with which."""
        parser.add_argument("action", nargs="?", choices=["list", "replay", "give-up"], default="list")
        parser.add_argument("--service", help="only those of this service")
        parser.add_argument("--error", help="only those with this error code")
        parser.add_argument("--delivery", type=int, help="only this one")
        parser.add_argument("--all", action="store_true", help="really all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many."""
        names = {"service": "service", "error": "error", "delivery": "id"}
        chosen = {field: options[name] for name, field in names.items() if options[name] is not None}
        dead = Delivery.objects.filter(state=Delivery.State.DEAD, **chosen)
        if options["action"] == "list":
            self.list(dead)
        elif not chosen and not options["all"]:
            raise CommandError("Say which: --service, --error, --delivery, or --all.")
        elif options["action"] == "replay":
            self.stdout.write(f"{dead_letters.replay(dead)} replayed.")
        else:
            self.stdout.write(f"{dead_letters.give_up(dead)} given up.")

    def list(self, dead: Any) -> None:
        """A line a cause, then a line a delivery."""
        for cause in dead_letters.causes(dead):
            sentence = words.failure_sentence(cause["error"], cause["service"])
            since = f"since {cause['since']:%Y-%m-%d %H:%M}" if cause["since"] else "never sent"
            self.stdout.write(f"{cause['count']} × {cause['service']}: {cause['error']}, {since}. {sentence}")
        for delivery in dead.order_by("id"):
            attempts = delivery.history.order_by("number")
            history = ", ".join(f"{each.number}: {each.outcome} {each.exception}".strip() for each in attempts)
            self.stdout.write(f"  {delivery.id} call {delivery.subject} attempts [{history}]")
        if not dead.exists():
            self.stdout.write("Nothing has failed for good.")
