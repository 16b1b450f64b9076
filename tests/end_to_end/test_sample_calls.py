"""The sample calls, through the running system: completed, found, and with nothing personal left anywhere."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from pipeline.config import read_stack_env
from tests.running import PASSWORD, Running

Sample = dict[str, Any]
# An id is chance from end to end, and one of its parts is soon the end of a card number.
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)


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


def tables(running: Running) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    with psycopg.connect(read_stack_env(running.home)["DATABASE_URL"]) as database:
        names = database.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (name,) in names:
            for (row,) in database.execute(f"select t::text from {name} t").fetchall():  # noqa: S608 (our own tables)
                yield f"table {name}", row


def files(running: Running) -> Iterator[tuple[str, str]]:
    """Every blob, log, and dump of the broker; the raw ones are there too, sealed."""
    for folder in ("blobs", "logs", "valkey"):
        for path in (running.home / folder).rglob("*"):
            if path.is_file():
                yield f"file {path.relative_to(running.home)}", path.read_bytes().decode("utf-8", "replace")


def arguments(_: Running) -> Iterator[tuple[str, str]]:
    """What every process was started with."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    yield "process arguments", "\n".join(line for line in listed.stdout.splitlines() if "pytest" not in line)


def answers(running: Running) -> Iterator[tuple[str, str]]:
    """Every page and every answer of the API about every call."""
    with httpx.Client(base_url=running.url, timeout=60, follow_redirects=True) as browser:
        login(browser)
        calls = running.api("GET", "conversations/?page_size=100").json()["results"]
        paths = ["/", "/?q=refund", "/admin/conversations/conversation/", "/docs/events/"]
        for call in calls:
            paths += [f"/conversations/{call['id']}/", f"/admin/conversations/conversation/{call['id']}/change/"]
            api = f"/api/v1/conversations/{call['id']}"
            paths += [f"{api}/{part}/" for part in ("transcript", "entities", "events", "tags", "peaks")]
            paths += [f"{api}/transcript/?format={form}" for form in ("txt", "srt", "vtt")]
        for path in paths:
            answer = browser.get(path)
            assert answer.status_code in (200, 409), path  # 409: a call that failed has no transcript
            yield f"page {path}", answer.text


def login(browser: httpx.Client) -> None:
    """Sign in as the first user."""
    page = browser.get("/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    fields = {"csrfmiddlewaretoken": token[1], "username": "admin", "password": PASSWORD}
    signed_in = browser.post("/accounts/login/", data=fields, headers={"Referer": str(page.url)})
    assert "sessionid" in browser.cookies, signed_in.status_code


def canary_pattern(samples: list[Sample]) -> re.Pattern[str]:
    """Whatever is personal in the sample calls, said or written, on its own and not within a longer number or word."""
    values = {each for sample in samples for pii in sample["pii"] for each in pii["canaries"]}
    longest_first = sorted(values, key=len, reverse=True)
    return re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w])", re.IGNORECASE)


def by_chance(text: str, hit: re.Match[str]) -> bool:
    """Whether a hit is so short that megabytes of sound or sealed bytes have it by chance."""
    return len(hit.group()) < 6 and "\ufffd" in text[:4096]


@pytest.mark.parametrize("place", [tables, files, arguments, answers])
def test_nothing_personal_is_left_anywhere(running: Running, samples: list[Sample], place: Any) -> None:
    pattern, looked, found = canary_pattern(samples), 0, []
    for where, text in place(running):
        text = UUID.sub("an id", text)
        looked += len(text)
        hits = [hit for hit in pattern.finditer(text) if not by_chance(text, hit)]
        found += [(where, text[max(0, hit.start() - 60) : hit.end() + 30]) for hit in hits]
    assert looked > 1000
    assert found == []


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
