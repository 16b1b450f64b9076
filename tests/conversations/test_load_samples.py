"""The command that loads the sample calls, over the API of a running server."""

import json
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from conversations.management.commands import load_samples
from conversations.models import Conversation, Role, Token
from conversations.services.calls import details_of
from pipeline.config import config
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with an admin, and two short samples for the command to find."""
    make_user(role=Role.ADMIN)
    host, port = live_server.url.removeprefix("http://").split(":")
    here = msgspec.structs.replace(config(), host=host, port=int(port), hosts=("localhost",))
    monkeypatch.setattr(load_samples, "config", lambda: here)
    monkeypatch.setattr(load_samples, "SAMPLES", tmp_path)
    monkeypatch.setattr(load_samples, "LOOK_EVERY_SECONDS", 0.05)
    samples = [
        {"file": name, "external_id": name, "language": "en", "agent": "Emily", "started_at": "2026-10-05T09:12:00Z"}
        for name in ("first.flac", "second.flac")
    ]
    for each in samples:
        (tmp_path / each["file"]).write_text(each["file"])
    (tmp_path / "samples.json").write_text(json.dumps({"calls": samples}))


def load(until: str) -> str:
    """Load the samples while something else makes every call reach a status; what was printed."""
    stop = threading.Event()

    def cascade() -> None:
        changes: dict[str, Any] = {"status": until, "failure_code": "audio_unreadable" if until == "failed" else ""}
        while not stop.wait(0.1):
            Conversation.objects.filter(status="received").update(**changes)
        connection.close()

    worker = threading.Thread(target=cascade)
    worker.start()
    out = StringIO()
    try:
        call_command("load_samples", stdout=out, stderr=out)
    finally:
        stop.set()
        worker.join()
    return out.getvalue()


@pytest.mark.usefixtures("server")
def test_the_samples_are_sent_followed_and_not_sent_again() -> None:
    said = load("completed")
    assert "2 sample calls were sent." in said
    assert "The first sample call was completed after" in said
    assert said.endswith("All 2 sample calls are completed.\n")
    assert {details_of(each).file_name for each in Conversation.objects.all()} == {"first.flac", "second.flac"}
    assert set(Conversation.objects.values_list("agent", "lane")) == {("Emily", Conversation.Lane.INTERACTIVE)}
    assert not Token.objects.exists()

    assert load("completed") == "All 2 sample calls are completed.\n"
    assert Conversation.objects.count() == 2


@pytest.mark.usefixtures("server")
def test_a_sample_that_fails_fails_the_command() -> None:
    with pytest.raises(CommandError, match="2 of 2 sample calls failed"):
        load("failed")
    assert not Token.objects.exists()
