"""``manage.py load_samples``: our sample calls, sent over the API the way anyone would, and followed until done."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError

from conversations import words
from conversations.models import Role, Token, User
from pipeline.config import config

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SENT = ("external_id", "language", "agent", "started_at")
UNFINISHED = ("received", "processing")
LOOK_EVERY_SECONDS, PATIENCE_SECONDS = 1.0, 60.0
Call = dict[str, Any]


class Command(BaseCommand):
    """Send what is not there yet, wait for all of it, and fail if a call did."""

    help = "Sends the sample calls to the running server, as its first admin, and shows their progress to the end."

    def handle(self, *args: Any, **options: Any) -> None:
        """Send, follow, sum up."""
        samples = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))["calls"]
        started = time.monotonic()
        try:
            with signed_in() as api:
                calls = [send(api, sample) for sample in samples]
                if sent := sum(call["sent"] for call in calls):
                    self.stdout.write(f"{sent} sample calls were sent.")
                first = self.follow(api, calls, started)
        except httpx.HTTPError as error:
            raise CommandError(f"The server did not answer as it should ({type(error).__name__}).") from error
        self.sum_up(calls, first, time.monotonic() - started)

    def follow(self, api: httpx.Client, calls: Sequence[Call], started: float) -> float | None:
        """Show progress until no call is unfinished; the seconds to the first that was completed meanwhile."""
        first, shown = None, ""
        while True:
            waited_for = [call for call in calls if call["status"] in UNFINISHED]
            for call in waited_for:
                call |= ask(api, "GET", f"conversations/{call['id']}/")
                if call["status"] == "completed" and first is None:
                    first = time.monotonic() - started
            line = progress(calls, percent=self.stdout.isatty())
            if waited_for and line != shown:
                self.show(line)
                shown = line
            if not any(call["status"] in UNFINISHED for call in calls):
                break
            time.sleep(LOOK_EVERY_SECONDS)
        if shown and self.stdout.isatty():
            self.stdout.write("")
        return first

    def show(self, line: str) -> None:
        """A line; on a terminal in the place of the last one."""
        if self.stdout.isatty():
            self.stdout.write(f"\r\x1b[K{line}", ending="")
        else:
            self.stdout.write(line)
        self.stdout.flush()

    def sum_up(self, calls: Sequence[Call], first: float | None, seconds: float) -> None:
        """Say what became of the calls. Raises CommandError when one failed."""
        if first is not None:
            self.stdout.write(
                f"The first sample call was completed after {first:.0f} s, the last after {seconds:.0f} s."
            )
        failed = [call for call in calls if call["status"] != "completed"]
        for call in failed:
            self.stderr.write(f"{call['file']} {call['status']}: {(call['failure'] or {}).get('sentence', '')}")
        if failed:
            raise CommandError(f"{len(failed)} of {len(calls)} sample calls failed.")
        self.stdout.write(f"All {len(calls)} sample calls are completed.")


def send(api: httpx.Client, sample: Mapping[str, Any]) -> Call:
    """Send a sample call unless it is there; the call, with its ``file`` and whether it was ``sent``."""
    there = ask(api, "GET", "conversations/", params={"external_id": sample["external_id"]})["results"]
    if there:
        return {**there[0], "file": sample["file"], "sent": False}
    fields = {name: sample[name] for name in SENT} | {"channels": "agent,customer"}
    audio = (SAMPLES / sample["file"]).read_bytes()
    key = {"Idempotency-Key": secrets.token_urlsafe(16)}
    files = {"audio": (sample["file"], audio)}
    return {
        **ask(api, "POST", "conversations/", data=fields, files=files, headers=key),
        "file": sample["file"],
        "sent": True,
    }


def progress(calls: Sequence[Call], *, percent: bool) -> str:
    """How far the calls are: "3 of 8 sample calls are done. Now: transcription (45 %)." """
    done = sum(call["status"] not in UNFINISHED for call in calls)
    running = [stage for call in calls for stage in call.get("stages", ()) if stage["state"] == "running"]
    now = [
        f"{words.STEPS.get(stage['service'], stage['service'])}" + (f" ({stage['progress']:.0%})" if percent else "")
        for stage in running
    ]
    return f"{done} of {len(calls)} sample calls are done." + (f" Now: {', '.join(now)}." if now else "")


@contextmanager
def signed_in() -> Iterator[httpx.Client]:
    """The API of the running server as its first admin, with a token that is revoked at the end."""
    admin = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("date_joined").first()
    if admin is None:
        raise CommandError("There is no admin yet. Make one first: manage.py bootstrap.")
    key = Token.issue(admin)
    headers = {"Authorization": f"Token {key}", "Host": host_name()}
    try:
        with httpx.Client(base_url=address(), headers=headers, timeout=60, trust_env=False) as api:
            yield api
    finally:
        Token.objects.filter(digest=Token.digest_of(key)).delete()


def ask(api: httpx.Client, method: str, path: str, **request: Any) -> Any:
    """The answer of the API; a server that is starting again is waited for. Raises httpx.HTTPError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            response = api.request(method, path, **request)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                return response.raise_for_status().json()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(LOOK_EVERY_SECONDS)


def address() -> str:
    """Where the server of this machine answers."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (compared only)
    return f"http://{everywhere.get(config().host, config().host)}:{config().port}/api/v1/"


def host_name() -> str:
    """A name by which the server lets itself be called."""
    return config().hosts[0].lstrip("*.") or "localhost"
