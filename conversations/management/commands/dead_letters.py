"""``manage.py dead_letters``: see the steps that failed for good, replay them, or give them up."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Prefetch

from conversations import timeline, words
from conversations.ledger.models import Attempt, Delivery
from conversations.services import dead_letters

SECONDS, MILLISECONDS = "%Y-%m-%d %H:%M:%S", "milliseconds"


class Command(BaseCommand):
    """List, show, replay, give up: all, of a service, of a cause, of a call, or one."""

    help = (
        "Lists the steps that failed for good, by cause. With an action, shows one with all that happened to its call, "
        "replays them, or gives them up: these are never tried again. Times are UTC."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and with which."""
        parser.add_argument("action", nargs="?", choices=["list", "show", "replay", "give-up"], default="list")
        parser.add_argument("--service", help="only those of this service")
        parser.add_argument("--error", help="only those with this error code")
        parser.add_argument("--call", type=UUID, help="only those of this call")
        parser.add_argument("--delivery", type=int, help="only this one; its number is in the list")
        parser.add_argument("--all", action="store_true", help="really all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many."""
        names = {"service": "service", "error": "error", "call": "subject", "delivery": "id"}
        chosen = {field: options[name] for name, field in names.items() if options[name] is not None}
        dead = Delivery.objects.filter(state=Delivery.State.DEAD, **chosen)
        if options["action"] == "list":
            self.list(dead)
        elif options["action"] == "show":
            self.show(options["delivery"])
        elif not chosen and not options["all"]:
            raise CommandError("Say which: --service, --error, --call, --delivery, or --all.")
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
        history = Prefetch("history", Attempt.objects.order_by("number"))
        deliveries = dead_letters.with_death(dead).prefetch_related(history).order_by("id")
        for delivery in deliveries:
            tried = ", ".join(
                f"{each.number}: {each.outcome} {each.exception}".strip() for each in delivery.history.all()
            )
            died = f", dead since {delivery.died_at:{SECONDS}}" if delivery.died_at else ""
            self.stdout.write(f"  {delivery.id} call {delivery.subject} attempts [{tried}] {delivery.service}{died}")
        if not deliveries:
            self.stdout.write("Nothing has failed for good.")

    def show(self, id: int | None) -> None:
        """A delivery, whatever has become of it, and the timeline of its call, a line a moment. Raises CommandError."""
        if id is None:
            raise CommandError("Say which: --delivery.")
        delivery = Delivery.objects.filter(id=id).first()
        if delivery is None:
            raise CommandError(f"There is no delivery {id}.")
        error = f": {delivery.error}" if delivery.error else ""
        self.stdout.write(f"{delivery.id} {delivery.service} {delivery.state}{error}, call {delivery.subject}")
        if delivery.error:
            self.stdout.write(words.failure_sentence(delivery.error, delivery.service))
        self.stdout.write(
            f"{delivery.attempts} attempts started since it was last replayed, sent {delivery.sends} times.\n\n"
        )
        for each in timeline.moments_of(*timeline.history_of(delivery.subject)):
            at = each.at.isoformat(" ", MILLISECONDS).removesuffix("+00:00")
            mark = "!" if each.failure else " "
            self.stdout.write(f"{at} {mark} {each.sentence} ({', '.join(filter(None, [each.said, *each.names]))})")
