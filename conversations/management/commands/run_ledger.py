"""``manage.py run_ledger``: the relay, the consumer, the purger. Any number of these run side by side."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from conversations.ledger.consumer import Consumer
from conversations.ledger.relay import Relay
from conversations.services.purging import Purger
from pipeline.config import require


class Command(BaseCommand):
    """Run the ledger until SIGTERM or SIGINT."""

    help = (
        "Delivers events to services, records their answers, and deletes raw data whose time has come. Run as many as "
        "you like, side by side."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run each loop in a thread; the end of any ends the process, so that its supervisor sees it."""
        require("database_url", "broker_url", "master_key")
        relay = Relay()
        consumer = Consumer(recorded=relay.woken.set)
        loops = (relay, consumer, Purger())
        done = threading.Event()

        def stop(*_: Any) -> None:
            for loop in loops:
                loop.stopping.set()
            done.set()

        def run_until_stopped(loop: Any) -> None:
            try:
                loop.run()
            finally:
                stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        threads = [threading.Thread(target=run_until_stopped, args=[loop]) for loop in loops]
        for thread in threads:
            thread.start()
        done.wait()
        for thread in threads:
            thread.join()
