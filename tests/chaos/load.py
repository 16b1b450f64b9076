"""Clients of the real HTTP API, who note of every call what they know: taken in, refused, or unknown."""

import io
import queue
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from urllib.parse import urlsplit

import httpx
import msgspec

from tests.chaos.invented import InventedCall

CLIENTS, TRIES, SECONDS_BETWEEN_TRIES = 3, 6, 1.5
NEVER_TRIED_AGAIN = 0.1  # so that unknown outcomes stay


class Outcome(IntEnum):
    """What a client knows of an upload; a later word counts if it is greater."""

    NEVER = 0  # cut off before its last byte
    FAILED = 1  # not taken in
    UNKNOWN = 2  # no answer, or one that tells nothing
    OK = 3  # acknowledged


@dataclass
class Upload:
    """A call and what came of sending it. ``ids`` are those that were answered: never more than one."""

    call: InventedCall
    content_of: Callable[[InventedCall], bytes]
    outcome: Outcome = Outcome.NEVER
    ids: set[str] = field(default_factory=set)

    @property
    def content(self) -> bytes:
        """The bytes that are sent."""
        return self.content_of(self.call)

    @property
    def agent(self) -> str:
        """What finds its row."""
        return f"upload {self.call.number}"


class SlowFile(io.BytesIO):
    """A file that takes its time to be read."""

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes."""
        time.sleep(0.1)
        return super().read(size)


class Load:
    """Clients that send what is released to them; ``content_of`` makes the bytes of a call."""

    def __init__(
        self, url: str, token: str, seed: int, calls: int,
        content_of: Callable[[InventedCall], bytes] = msgspec.json.encode,
    ) -> None:  # fmt: skip
        self.url, self.token, self.seed = url, token, seed
        self.canary = f"Canary{random.Random(f'canary {seed}').getrandbits(64):016x}"
        self.content_of = content_of
        self.chance = random.Random(f"load {seed}")
        self.uploads: list[Upload] = []
        self.answers: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.waiting: queue.Queue[Upload | None] = queue.Queue()
        self.planned = [self.new_upload(poison=self.poison(number, calls)) for number in range(calls)]
        self.clients = [threading.Thread(target=self.send_released, daemon=True) for _ in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def poison(self, number: int, calls: int) -> str:
        """Two calls in a hundred kill who hears them, at one step or another; at least two do. Recordings: the first."""
        every = min(50, max(1, calls // 2))
        steps = ("transcription", "qualification", "anonymization")
        which = 0 if self.content_of is not msgspec.json.encode else number // every % len(steps)
        return steps[which] if number % every == every // 2 else ""

    def new_upload(self, poison: str = "", padding: int = 0) -> Upload:
        """A call that nobody has sent yet."""
        with self.lock:
            number = len(self.uploads)
            call = InventedCall(number=number, seed=self.seed, canary=self.canary, poison=poison, padding="." * padding)
            upload = Upload(call, self.content_of)
            self.uploads.append(upload)
        return upload

    def release(self, count: int) -> None:
        """Let the clients send so many more of the planned calls."""
        for upload in self.planned[:count]:
            self.waiting.put(upload)
        del self.planned[:count]

    def finish(self) -> None:
        """Send the rest, and wait for the last answer."""
        self.release(len(self.planned))
        for _ in self.clients:
            self.waiting.put(None)
        for client in self.clients:
            client.join()

    def send_released(self) -> None:
        """What a client does: send, and send again what was not acknowledged, as API clients do."""
        with self.client() as client:
            while upload := self.waiting.get():
                tries = 1 if self.chance.random() < NEVER_TRIED_AGAIN else TRIES
                for _ in range(tries):
                    if self.send(client, upload) in (200, 201):
                        break
                    time.sleep(SECONDS_BETWEEN_TRIES)
                time.sleep(self.chance.uniform(0, 0.2))

    def client(self) -> httpx.Client:
        """A client of its own connections."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Token {self.token}"}, timeout=30)

    def send(self, client: httpx.Client, upload: Upload, *, slowly: bool = False) -> int:
        """Send a call once and note the outcome; the status of the answer, 0 for none."""
        try:
            response = client.send(self.request(client, upload, slowly=slowly))
        except httpx.ConnectError:
            return self.note(upload, Outcome.FAILED, "refused connection")
        except httpx.HTTPError as error:
            return self.note(upload, Outcome.UNKNOWN, type(error).__name__)
        if response.is_success:
            upload.ids.add(response.json()["id"])
        kind = Outcome.OK if response.is_success else Outcome.FAILED if response.is_client_error else Outcome.UNKNOWN
        return self.note(upload, kind, str(response.status_code), response.status_code)

    def request(self, client: httpx.Client, upload: Upload, *, slowly: bool = False) -> httpx.Request:
        """The request of an upload."""
        file = (SlowFile if slowly else io.BytesIO)(upload.content)
        files = {"audio": (f"{self.canary}.wav", file)}
        details = {"external_id": f"{self.canary} {upload.call.number}", "metadata": f'{{"customer": "{self.canary}"}}'}
        fields = {"agent": upload.agent, **details}
        return client.build_request("POST", "/api/v1/conversations/", files=files, data=fields)

    def note(self, upload: Upload, outcome: Outcome, answer: str, status: int = 0) -> int:
        """Note what was answered."""
        with self.lock:
            self.answers[answer] += 1
            upload.outcome = max(upload.outcome, outcome)
        return status

    def cut_off(self, upload: Upload, share: float) -> None:
        """Send a part of a request, then hang up."""
        with self.client() as client:
            request = self.request(client, upload)
            head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
            body = request.read()
        place = urlsplit(self.url)
        with socket.create_connection((place.hostname, place.port), timeout=5) as connection:
            start = f"POST {request.url.path} HTTP/1.1\r\n{head}\r\n".encode()
            connection.sendall(start + body[: int(len(body) * share)])
