"""Two runs of a call side by side: aligned by time, with the words in which they differ."""

import io
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from django.test import Client

from conversations.ledger.recording import record
from conversations.models import Conversation, Organization, Role
from conversations.services import calls
from conversations.services.calls import CallDetails, initial, receive_call
from conversations.services.choices import Choices
from conversations.views.compare import rows_of
from pipeline import documents, events
from pipeline.records import uuid7
from pipeline.storage import blob_store
from tests.factories import make_organization, make_user

pytestmark = pytest.mark.django_db


def heard(*said: tuple[str, int, float, float, str], **fields: Any) -> documents.Transcript:
    """A transcript of speaker, channel, start, end and text."""
    utterances = tuple(
        documents.Utterance(index=index, speaker=speaker, channel=channel, start=start, end=end, text=text)
        for index, (speaker, channel, start, end, text) in enumerate(said)
    )
    return documents.Transcript(language="en", duration=60.0, utterances=utterances, channels=2, **fields)


BASE = heard(
    ("agent", 0, 0.0, 3.0, "Hello, this is Bluewave."),
    ("customer", 1, 2.5, 6.0, "I want a refund, please."),
    ("agent", 0, 7.0, 9.0, "One <moment>."),
    engine="faster-whisper", model="base", flags=("quiet",),
)  # fmt: skip
TINY = heard(
    ("agent", 0, 0.2, 1.5, "hello this"),
    ("agent", 0, 1.6, 3.1, "is blue wave"),
    ("customer", 1, 2.5, 6.1, "I want a refund please"),
    ("customer", 1, 20.0, 21.0, "Thank you."),
    engine="faster-whisper", model="tiny.en",
)  # fmt: skip


def tell(call: Conversation, transcript: documents.Transcript) -> None:
    """Let the current run of a call have a transcript."""
    call.refresh_from_db()

    def stored(document: documents.Document) -> events.Blob:
        place = str(call.organization_id), str(call.id)
        return blob_store().put("safe", *place, [documents.encode(document)], "application/json")

    event = events.TranscriptAnonymized(
        audio=msgspec.convert(call.audio, events.Blob), settings=stored(documents.Settings()),
        transcript=stored(transcript), entities=stored(documents.Entities()), language="en", duration=60.0,
    )  # fmt: skip
    record(msgspec.structs.replace(initial(call, event), correlationid=str(call.run)))


def call_with(organization: Organization, *transcripts: documents.Transcript) -> Conversation:
    """A call with a run for each transcript."""
    call = receive_call(organization, io.BytesIO(uuid7().bytes), CallDetails()).conversation
    for number, transcript in enumerate(transcripts):
        if number:
            calls.reprocess(call, Choices(vocabulary=("Bluewave",)))
        tell(call, transcript)
    Conversation.objects.filter(id=call.id).update(status=Conversation.Status.COMPLETED)
    return call


def browser(organization: Organization, role: Role = Role.AGENT) -> Client:
    client = Client()
    client.force_login(make_user(organization, role))
    return client


def marked(lines: Sequence[Any]) -> list[str]:
    """What is said in lines, with short marks."""
    texts = [re.sub(r'<span class="unseen">[^<]*</span>', "", line.spoken) for line in lines]
    return [re.sub(r"</?(del|ins)>", "|", text) for text in texts]


def test_what_overlaps_in_time_on_a_channel_stands_side_by_side() -> None:
    rows = rows_of(BASE, TINY)
    assert [(row.start, marked(row.left), marked(row.right)) for row in rows] == [
        (0.0, ["Hello, this is |Bluewave.|"], ["hello this", "is |blue wave|"]),
        (2.5, ["I want a refund, please."], ["I want a refund please"]),
        (7.0, ["|One &lt;moment&gt;.|"], []),
        (20.0, [], ["|Thank you.|"]),
    ]
    assert [(row.missing, row.added, row.same) for row in rows] == [
        (1, 2, False), (0, 0, True), (2, 0, False), (0, 2, False),
    ]  # fmt: skip


def test_where_other_channels_are_told_apart_time_alone_decides() -> None:
    mono = heard(("speaker", 0, 0.0, 6.0, "Hello this is Bluewave I want a refund please"))
    (row, _last) = rows_of(mono, heard(*[(u.speaker, u.channel, u.start, u.end, u.text) for u in BASE.utterances]))
    assert (row.missing, row.added) == (0, 0)


def test_the_page_shows_two_runs_with_what_they_were_done_with(django_assert_max_num_queries: Any) -> None:
    call = call_with(make_organization(), BASE, TINY)
    client = browser(call.organization)
    with django_assert_max_num_queries(10):
        text = client.get(f"/conversations/{call.id}/compare/").content.decode()
    flat = " ".join(text.split())
    assert "3 words are only in run 1, 4 only in run 2." in flat
    assert '<del><span class="unseen">only here: </span>Bluewave.</del>' in text
    assert '<ins><span class="unseen">only here: </span>blue wave</ins>' in text
    for fact in ("Run 1: base, English", "Run 2: tiny.en, English", "The sound is very quiet.", "<dd>Bluewave</dd>"):
        assert fact in text
    assert "One &lt;moment&gt;" in text


def test_the_address_says_which_runs_and_whether_only_what_differs() -> None:
    call = call_with(make_organization(), BASE, TINY, BASE)
    client, address = browser(call.organization), f"/conversations/{call.id}/compare/"
    text = client.get(address).content.decode()
    first, second, third = re.findall(r'<option value="([^"]+)"', text)[:3]
    assert f'<option value="{third}" selected>' in text
    same = client.get(address, {"left": first, "right": third, "changed": "1"}).content.decode()
    assert "Both runs heard the same words." in same
    assert "refund" not in client.get(address, {"left": first, "right": second, "changed": "1"}).content.decode()
    assert client.get(address, {"left": "nonsense", "right": "\0"}).status_code == 200


def test_the_page_of_a_call_leads_there_when_there_are_two_runs() -> None:
    organization = make_organization()
    once, twice = call_with(organization, BASE), call_with(organization, BASE, TINY)
    client = browser(organization)
    for call, leads in ((once, False), (twice, True)):
        text = client.get(f"/conversations/{call.id}/").content.decode()
        section = re.search(r'<section id="runs"[^>]*>', text)
        assert section
        assert ("hidden" not in section[0]) is leads
    assert "tiny.en, English, 12 words" in " ".join(text.split())


def test_one_run_alone_says_what_to_do() -> None:
    call = call_with(make_organization(), BASE)
    text = browser(call.organization).get(f"/conversations/{call.id}/compare/").content.decode()
    assert "This call has one transcript only." in text


def test_runs_of_a_call_of_another_organization_are_not_there() -> None:
    call = call_with(make_organization(), BASE, TINY)
    assert browser(make_organization()).get(f"/conversations/{call.id}/compare/").status_code == 404


def test_a_long_call_is_compared_quickly() -> None:
    said = [("agent", 0, at * 4.0, at * 4.0 + 3.9, f"word{at} " + "and so on it goes " * 4) for at in range(900)]
    rows = rows_of(heard(*said), heard(*[(*each[:4], each[4].replace("goes", "went")) for each in said]))
    assert len(rows) == 900
    assert {(row.missing, row.added) for row in rows} == {(4, 4)}
