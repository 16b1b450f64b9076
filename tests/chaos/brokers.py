"""The brokers that a storm can strike: each with the same few doors, so that faults need not know which it is."""

import random
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import redis
from amqp.exceptions import AMQPError, ChannelError
from kombu import Connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.bus import CPU, GPU, LEDGER
from tests.chaos.cluster import Process
from tests.rabbitmq import RabbitMQ
from tests.running import free_port
from tests.unpacked import unpacked
from webapp.stack import valkey
from webapp.stack.home import Home

STANDING = ("_kombu.binding", "unacked_mutex")  # Redis: the names of queues, and locks that expire


class Broker(Protocol):
    """What a fault may do to a broker, and what a checker asks it."""

    url: str
    process: Process

    def wait_until_ready(self) -> None:
        """Wait until it takes messages."""

    def forget(self, chance: random.Random) -> None:
        """Forget every message."""

    def hang_up(self) -> None:
        """End every connection."""

    def refuse(self, seconds: float) -> None:
        """Take nothing in for a while, as when its memory is full."""

    def has(self, queues: list[str]) -> bool:
        """Whether there are these queues on the control's exchange."""

    def leftovers(self) -> list[str]:
        """What lies there: messages on queues, and what was taken and not acknowledged."""

    def overheard(self, words: str) -> bool:
        """Whether words have ever been seen on it."""


class Valkey:
    """A Redis; it keeps nothing on disk, so that it comes back empty."""

    def __init__(self, home: Home) -> None:
        home.valkey.mkdir(mode=0o700, exist_ok=True)
        self.home, self.url = home, valkey.url(home)
        self.process = Process("broker", valkey.command(home, durable=False))
        self.traffic = home.path / "traffic"
        threading.Thread(target=self.listen, name="listener", daemon=True).start()

    def client(self, **options: float | None) -> redis.Redis:
        """A client that gives up soon."""
        return redis.Redis(
            unix_socket_path=str(valkey.socket(self.home)), retry=Retry(NoBackoff(), 0),
            **{"socket_timeout": 5, **options},
        )  # fmt: skip

    def listen(self) -> None:
        """Write down every command that it is given."""
        with self.traffic.open("a") as file:
            while True:
                with suppress(redis.RedisError, OSError), self.client(socket_timeout=None).monitor() as monitor:
                    for command in monitor.listen():
                        file.write(command["command"] + "\n")
                        file.flush()
                time.sleep(0.05)

    def wait_until_ready(self) -> None:
        """Wait until it answers."""
        valkey.wait_until_ready(self.home)

    def forget(self, chance: random.Random) -> None:
        """FLUSHALL."""
        with self.client() as client:
            client.flushall()

    def hang_up(self) -> None:
        """CLIENT KILL."""
        with self.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def refuse(self, seconds: float) -> None:
        """Have a memory of one byte."""
        with self.client() as client:
            client.config_set("maxmemory", 1)
        time.sleep(seconds)
        with suppress(redis.ConnectionError), self.client() as client:
            client.config_set("maxmemory", 0)

    def has(self, queues: list[str]) -> bool:
        """As kombu notes them: an empty queue is no key."""
        with self.client() as client:
            return bool(client.scard("_kombu.binding.events") == len(queues))

    def leftovers(self) -> list[str]:
        """Its keys."""
        try:
            with self.client() as client:
                keys = [key.decode() for key in client.keys("*")]
        except redis.ConnectionError:
            return ["an unknown load: it does not answer"]
        return sorted(key for key in keys if not key.startswith(STANDING))

    def overheard(self, words: str) -> bool:
        """Whether they are in a command that it was given, or packed in one: kombu sends bodies in base64."""
        with self.traffic.open() as file:
            return any(words in text for line in file for text in (line, *unpacked(line)))


class Rabbit:
    """A RabbitMQ; it comes back with its messages or, every second time, empty."""

    def __init__(self, home: Home) -> None:
        self.server = RabbitMQ(home.path / "rabbitmq", free_port())
        self.server.prepare()
        self.url, self.starts = self.server.url, 0
        self.process = Process("broker", self.server.command(), prepare=self.prepare)

    def prepare(self) -> None:
        """Lose the data before every second start."""
        self.starts += 1
        if self.starts % 2 == 0:
            shutil.rmtree(self.server.folder / "data", ignore_errors=True)

    def wait_until_ready(self) -> None:
        """Wait until it takes connections."""
        self.server.wait_until_ready()

    def forget(self, chance: random.Random) -> None:
        """Empty the queues, or delete them."""
        with suppress(AMQPError, OSError), Connection(self.url) as connection:
            for name in (GPU, CPU, LEDGER):
                channel = connection.channel()
                (channel.queue_purge if chance.random() < 0.5 else channel.queue_delete)(name)

    def hang_up(self) -> None:
        """Close all connections."""
        self.server.control("close_all_connections", "chaos")

    def refuse(self, seconds: float) -> None:
        """Raise the alarm of full memory: it then takes nothing in, and says nothing."""
        self.server.control("set_vm_memory_high_watermark", "0.0000001")
        time.sleep(seconds)
        self.server.control("set_vm_memory_high_watermark", "0.6")

    def has(self, queues: list[str]) -> bool:
        """Ask for each."""
        try:
            with Connection(self.url) as connection:
                for name in queues:
                    connection.channel().queue_declare(name, passive=True)
        except ChannelError:
            return False
        return True

    def leftovers(self) -> list[str]:
        """The queues with messages, ready or not acknowledged."""
        lines = self.server.control("list_queues", "--no-table-headers", "name", "messages").splitlines()
        counts = dict(line.split("\t") for line in lines if "\t" in line)
        return [f"{count} messages on {name}" for name, count in counts.items() if count not in ("0", "")]

    def overheard(self, words: str) -> bool:
        """Whether they are in one of its files; its log of messages is cut every 64 MiB at the earliest."""
        files = [path for path in Path(self.server.folder / "data").rglob("*") if path.is_file()]
        return any(words.encode() in path.read_bytes() for path in files)


BROKERS: dict[str, type[Valkey] | type[Rabbit]] = {"redis": Valkey, "rabbitmq": Rabbit}
