"""``manage.py run_ledger``: the relay and the consumer. Any number of these run side by side."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from conversations.ledger.consumer import Consumer
from conversations.ledger.relay import Relay
from pipeline.config import require


class Command(BaseCommand):
    """Run the ledger until SIGTERM or SIGINT."""

    help = "Delivers events to services and records their answers. Run as many as you like, side by side."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run both loops in threads; the end of either ends the process, so that its supervisor sees it."""
        require("database_url", "broker_url", "master_key")
        relay = Relay()
        consumer = Consumer(recorded=relay.woken.set)
        done = threading.Event()

        def stop(*_: Any) -> None:
            relay.stopping.set()
            consumer.stopping.set()
            done.set()

        def run_until_stopped(loop: Any) -> None:
            try:
                loop.run()
            finally:
                stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        threads = [threading.Thread(target=run_until_stopped, args=[loop]) for loop in (relay, consumer)]
        for thread in threads:
            thread.start()
        done.wait()
        for thread in threads:
            thread.join()
