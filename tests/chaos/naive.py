"""The control: the same cascade as one would wire it in an afternoon, which must lose calls under the same faults.

Every service has a queue on a kombu topic exchange, acknowledges when it has published its answer, and keeps nothing;
a recorder notes every event in a file. `python -m tests.chaos.naive SERVICE,… BROKER_URL FILE` is one process of it.
"""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from kombu import Connection, Consumer, Exchange, Message, Producer, Queue
from kombu.exceptions import OperationalError
from kombu.mixins import ConsumerMixin

from pipeline.events import (
    AudioRedacted,
    ConversationQualified,
    ConversationReceived,
    ConversationTranscribed,
    EntitiesTagged,
    Event,
    TranscriptAnonymized,
)
from tests.chaos.cluster import Process, python, wait_until
from tests.chaos.invented import InventedCall, work_on
from tests.chaos.nemesis import strike
from tests.chaos.storm import Storm

EXCHANGE = Exchange("events", type="topic")
CASCADE: dict[str, tuple[type[Event], type[Event]]] = {
    "transcription": (ConversationReceived, ConversationTranscribed),
    "entity_tagging": (ConversationTranscribed, EntitiesTagged),
    "anonymization": (EntitiesTagged, TranscriptAnonymized),
    "audio_redaction": (TranscriptAnonymized, AudioRedacted),
    "qualification": (TranscriptAnonymized, ConversationQualified),
}
QUEUES = [f"naive.{name}" for name in (*CASCADE, "recorder")]
LAST = (AudioRedacted.__name__, ConversationQualified.__name__)
RECORDER, CPU_WORKERS, SECONDS_OF_SILENCE, MOST_SECONDS = "recorder", 4, 12, 90


class Member(ConsumerMixin):
    """A process with some services, or with the recorder."""

    def __init__(self, services: list[str], url: str, effects: Path) -> None:
        self.services, self.effects = services, effects
        self.connection = Connection(url)

    def get_consumers(self, consumer: type[Consumer], channel: Any) -> list[Consumer]:
        """A queue a service."""
        return [
            consumer([Queue(f"naive.{name}", EXCHANGE, routing_key=heard(name))], callbacks=[self.receiver(name)])
            for name in self.services
        ]

    def receiver(self, name: str) -> Any:
        """What a service does with a message: work, publish, acknowledge."""

        def receive(body: dict[str, Any], message: Message) -> None:
            if name == RECORDER:
                with self.effects.open("a") as file:
                    file.write(f"{body['type']} {body['call']['number']}\n")
            else:
                work_on(msgspec.convert(body["call"], InventedCall), name)
                with self.connection.clone() as connection:
                    publish(Producer(connection), CASCADE[name][1], body["call"])
            message.ack()

        return receive


def heard(name: str) -> str:
    """The routing key of a service."""
    return "#" if name == RECORDER else CASCADE[name][0].__name__


def publish(producer: Producer, event: type[Event], call: dict[str, Any]) -> None:
    """Say that something has happened to a call."""
    body = {"type": event.__name__, "call": call}
    producer.publish(body, exchange=EXCHANGE, routing_key=event.__name__, declare=[EXCHANGE], retry=True)


def naive_processes(url: str, effects: Path) -> list[Process]:
    """One process for speech, four for the rest, and the recorder."""
    cpu = ",".join(name for name in CASCADE if name != "transcription")
    services = {"worker-gpu-1": "transcription", "worker-gpu-2": "transcription", "ledger": RECORDER}
    services |= {f"worker-cpu-{number}": cpu for number in range(CPU_WORKERS)}
    return [python(name, f"-m tests.chaos.naive {which} {url} {effects}") for name, which in services.items()]


def storm_over_naive(storm: Storm, seed: int, calls: int, faults: int, effects: Path) -> dict[str, Any]:
    """Publish calls while faults strike, wait until nothing more comes, and count what was recorded."""
    published: list[int] = []
    waiting = [InventedCall(number=number, seed=seed) for number in range(calls)]

    def send(count: int) -> None:
        for call in waiting[:count]:
            try:
                with Connection(storm.broker.url) as connection:
                    publish(Producer(connection), ConversationReceived, msgspec.to_builtins(call))
                published.append(call.number)
            except (OperationalError, OSError) as error:  # not acknowledged, so not owed
                print(f"  not published: {type(error).__name__}", file=sys.stderr)
        del waiting[:count]

    strike(storm, faults, [], before_each=lambda: send(-(-calls // faults)))
    send(len(waiting))
    wait_until(lambda: silent(effects), MOST_SECONDS)
    recorded = Counter(effects.read_text().splitlines() if effects.exists() else [])
    lost = [number for number in published if any(not recorded[f"{event} {number}"] for event in LAST)]
    repeated = [line for line, count in recorded.items() if count > 1]
    return {
        "acknowledged": len(published), "lost": len(lost), "duplicated": len(repeated), "stuck": 0, "unexpected": 0,
        "publishes_per_event": None, "recovery_p95_s": None,
    }  # fmt: skip


def silent(effects: Path) -> bool:
    """Whether nothing was recorded for a while."""
    return effects.exists() and time.time() - effects.stat().st_mtime > SECONDS_OF_SILENCE


if __name__ == "__main__":
    Member(sys.argv[1].split(","), sys.argv[2], Path(sys.argv[3])).run()
