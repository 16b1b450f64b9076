"""The sample calls, through the running system: completed, found, and with nothing personal left anywhere."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.config import read_stack_env
from tests.end_to_end import places
from tests.end_to_end.places import Place
from tests.running import Running

Sample = dict[str, Any]


@pytest.fixture(scope="module")
def calls(running: Running, samples: list[Sample]) -> dict[str, dict[str, Any]]:
    """The sample calls as the API shows them, by their file."""
    found = {}
    for sample in samples:
        (found[sample["file"]],) = running.api(
            "GET", "conversations/", params={"external_id": sample["external_id"]}
        ).json()["results"]
    return found


def test_the_newcomer_is_told_address_login_and_what_to_try(running: Running) -> None:
    assert running.url.rsplit(":", 1)[1] in running.printed
    assert "password" in running.printed
    assert "Three things to try" in running.printed


def test_every_sample_call_is_completed(calls: dict[str, dict[str, Any]], samples: list[Sample]) -> None:
    assert {file: call["status"] for file, call in calls.items()} == {each["file"]: "completed" for each in samples}


def test_every_topic_phrase_is_found_in_its_call(
    running: Running, calls: dict[str, dict[str, Any]], samples: list[Sample]
) -> None:
    missed = []
    for sample in samples:
        for phrase in sample["topic_phrases"]:
            hits = running.api("GET", "search/", params={"q": phrase}).json()["results"]
            if not any(hit["conversation"] == calls[sample["file"]]["id"] for hit in hits):
                missed.append((sample["file"], phrase))
    assert missed == []


def test_a_hit_names_the_moment(running: Running) -> None:
    hit = running.api("GET", "search/", params={"q": "refund"}).json()["results"][0]
    assert "<mark>" in hit["highlight"]
    transcript = running.api("GET", f"conversations/{hit['conversation']}/transcript/").json()
    utterance = transcript["utterances"][hit["utterance"]]
    assert utterance["start"] <= hit["start"] <= utterance["end"]


def test_text_and_words_of_every_transcript_agree(running: Running, calls: dict[str, dict[str, Any]]) -> None:
    for call in calls.values():
        transcript = running.api("GET", f"conversations/{call['id']}/transcript/").json()
        for utterance in transcript["utterances"]:
            assert utterance["text"] == " ".join(word["text"] for word in utterance["words"])
        for redaction in transcript["redactions"]:
            words = transcript["utterances"][redaction["utterance"]]["words"]
            assert redaction["placeholder"] in [word["text"] for word in words]


def test_every_redacted_stretch_is_silent_in_the_audio(running: Running, calls: dict[str, dict[str, Any]]) -> None:
    for call in calls.values():
        transcript = running.api("GET", f"conversations/{call['id']}/transcript/").json()
        peaks = running.api("GET", f"conversations/{call['id']}/peaks/").json()
        rate = peaks["per_second"]
        assert transcript["redactions"]
        for redaction in transcript["redactions"]:
            channel = transcript["utterances"][redaction["utterance"]]["channel"]
            first, last = int(redaction["start"] * rate) + 1, int(redaction["end"] * rate)
            assert max(peaks["channels"][channel][first:last], default=0) < 0.02, redaction


# ── Nothing personal, anywhere ───────────────────────────────────────────────────────────────────────────────────


def database(running: Running) -> Iterator[Place]:
    """The tables, and a dump of them."""
    url = read_stack_env(running.home)["DATABASE_URL"]
    yield from places.tables(url)
    yield from places.dump(url)


def files(running: Running) -> Iterator[Place]:
    """Blobs, logs and the broker's file."""
    return places.files(running.home, "blobs", "logs", "valkey")


def arguments(_: Running) -> Iterator[Place]:
    """What processes were started with."""
    return places.arguments()


def answers(running: Running) -> Iterator[Place]:
    """Pages and API, as an admin sees them."""
    with places.signed_in(running.url) as browser:
        calls = running.api("GET", "conversations/?page_size=100").json()["results"]
        admin = [f"/admin/conversations/conversation/{call['id']}/change/" for call in calls]
        yield from places.answers(browser, "/admin/conversations/conversation/", *admin)


def canary_pattern(samples: list[Sample]) -> re.Pattern[str]:
    """Whatever is personal in the sample calls, said or written, on its own and not within a longer number or word."""
    values = {each for sample in samples for pii in sample["pii"] for each in pii["canaries"]}
    longest_first = sorted(values, key=len, reverse=True)
    return re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w])", re.IGNORECASE)


@pytest.mark.parametrize("place", [database, files, arguments, answers])
def test_nothing_personal_is_left_anywhere(running: Running, samples: list[Sample], place: Any) -> None:
    assert places.hits(place(running), canary_pattern(samples)) == []


def test_the_canaries_would_be_found(samples: list[Sample]) -> None:
    for sample in samples:
        for pii in sample["pii"]:
            for canary in pii["canaries"]:
                assert canary_pattern(samples).search(json.dumps({"text": f"it is {canary}, yes"})), canary


def test_searching_for_what_is_personal_finds_nothing(running: Running, samples: list[Sample]) -> None:
    names = {each for sample in samples for pii in sample["pii"] for each in pii["canaries"]}
    for name in sorted(names):
        hits = running.api("GET", "search/", params={"q": f'"{name}"'}).json()["results"]
        assert hits == [], name
