"""Calls whose redaction does not hold: kept from all but reviewers, everywhere, until one releases them."""

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, reverse
from msgspec import structs

from conversations import urls as pages
from conversations.api import urls as api
from conversations.api.content import record_of
from conversations.joins import join
from conversations.ledger.models import Event
from conversations.models import Conversation, RedactionReview, Role
from conversations.runs import runs_of
from conversations.services import calls
from conversations.services.review import ReviewRefused, check, release
from pipeline import documents, events
from tests.conversations.corrected import browser
from tests.conversations.stories import PASSED, QUARANTINED, Story
from tests.factories import make_audio, make_organization, make_tag, make_user, token_header

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"
CANARY = "riesling"
MOMENT = {"utterance": 0, "start": 0.5, "end": 1.0, "start_char": 5, "end_char": 13}
HEARD = documents.Transcript(
    language="en", duration=2.5, channels=2, engine="faster-whisper", model="base", flags=("music",),
    utterances=(documents.Utterance(
        index=0, speaker="customer", channel=0, start=0.0, end=2.0, text=f"I am {CANARY} and want a refund",
    ),),
)  # fmt: skip


@pytest.fixture
def story(relayed: list[Any]) -> Story:
    """A call up to its anonymized transcript."""
    story = Story(make_organization())
    story.until_anonymized(HEARD)
    return story


@pytest.fixture
def kept(story: Story) -> Story:
    """A call that is quarantined."""
    story.qualify()
    story.redact_audio(QUARANTINED)
    make_tag(story.call, CANARY, kind="hand", evidence=[{**MOMENT, "words": CANARY}])
    assert story.now().status == "quarantined"
    return story


def said(kind: type[events.Event]) -> int:
    return Event.objects.filter(type=kind.__name__).count()


# ── What happened ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("audio_first", [True, False])
def test_a_call_whose_proof_fails_is_quarantined_once_and_not_completed(story: Story, audio_first: bool) -> None:
    steps = [lambda: story.redact_audio(QUARANTINED), story.qualify]
    for step in steps if audio_first else reversed(steps):
        step()
    story.redact_audio(QUARANTINED)  # said again
    call = story.now()
    assert (call.status, call.quarantine, call.completed_at) == ("quarantined", "still_heard", None)
    assert (said(events.ConversationQuarantined), said(events.ConversationCompleted)) == (1, 0)
    assert Event.objects.get(type="ConversationQuarantined").data == {"reason": "still_heard"}


def test_it_is_closed_from_the_moment_that_the_audio_is_known_to_be_unsafe(story: Story) -> None:
    agent = make_user(story.call.organization, Role.AGENT)
    assert CANARY in browser(agent).get(f"/conversations/{story.call.id}/").content.decode()
    story.redact_audio(QUARANTINED)  # the tags are still to come
    assert story.now().status != "quarantined"
    assert browser(agent).get(f"/conversations/{story.call.id}/").status_code == 403


def test_a_call_in_a_language_that_is_not_read_is_closed_with_its_transcript_until_a_reviewer_releases_it(
    relayed: list[Any],
) -> None:
    story = Story(make_organization())
    story.until_anonymized(structs.replace(HEARD, language="de"))
    agent = browser(make_user(story.call.organization, Role.AGENT))
    assert agent.get(f"{ADDRESS}{story.call.id}/transcript/").status_code == 403
    story.qualify()
    story.redact_audio(structs.replace(QUARANTINED, left=(), reason="language_unprotected"))
    assert (story.now().status, story.call.quarantine) == ("quarantined", "language_unprotected")
    reviewer = make_user(story.call.organization)
    assert "English and French only" in browser(reviewer).get(f"/conversations/{story.call.id}/").content.decode()
    release(story.now(), by=reviewer, seen=story.call.master["sha256"])
    assert CANARY in agent.get(f"{ADDRESS}{story.call.id}/transcript/").content.decode()


def test_a_call_whose_proof_holds_or_that_is_of_before_there_was_one_is_completed(story: Story) -> None:
    story.qualify()
    story.redact_audio(PASSED)
    assert (story.now().status, story.call.quarantine) == ("completed", "")
    old = Story(make_organization())
    old.until_anonymized(HEARD)
    old.qualify()
    old.redact_audio()
    assert (old.now().status, old.call.receipt) == ("completed", None)


def test_a_reviewer_releases_it_once_and_then_it_is_completed(kept: Story) -> None:
    reviewer = make_user(kept.call.organization)
    for _twice in range(2):
        release(kept.now(), by=reviewer, seen=kept.call.master["sha256"])
    call = kept.now()
    assert (call.status, call.quarantine) == ("completed", "")
    assert call.completed_at is not None
    assert (said(events.ConversationReleased), said(events.ConversationCompleted)) == (1, 1)
    released = Event.objects.get(type="ConversationReleased")
    assert released.correlationid == call.run
    review = RedactionReview.objects.get()
    assert (review.checked, review.reviewed_by, review.run) == (True, reviewer, call.run)
    kept.qualify()
    kept.redact_audio(QUARANTINED)  # the same answers once more change nothing
    assert kept.now().status == "completed"


def test_what_comes_late_does_not_close_a_released_call_again(kept: Story) -> None:
    release(kept.now(), by=make_user(kept.call.organization), seen=kept.call.master["sha256"])
    join(record_of(Event.objects.get(type="ConversationQualified")))  # as the tags of a swap would
    assert kept.now().status == "completed"
    assert said(events.ConversationQuarantined) == 1


def test_only_a_quarantined_call_is_released_and_only_the_audio_that_was_listened_to(kept: Story) -> None:
    reviewer = make_user(kept.call.organization)
    with pytest.raises(ReviewRefused, match="made again"):
        release(kept.now(), by=reviewer, seen="0" * 64)
    Conversation.objects.update(status="processing")
    with pytest.raises(ReviewRefused):
        release(kept.now(), by=reviewer, seen=kept.call.master["sha256"])
    with pytest.raises(ReviewRefused):
        check(kept.now(), by=reviewer)
    assert said(events.ConversationReleased) == 0


def test_processing_it_again_keeps_it_closed_until_the_new_audio_holds(relayed: list[Any]) -> None:
    received = calls.receive_call(make_organization(), io.BytesIO(os.urandom(9)), calls.CallDetails()).conversation
    Conversation.objects.filter(id=received.id).update(quarantine="still_heard", status="quarantined")
    calls.reprocess(received)
    again = Conversation.objects.get()
    assert (again.status, again.quarantine) == ("received", "still_heard")
    assert not Conversation.objects.open_to(make_user(again.organization, Role.AGENT)).exists()


def test_a_run_that_was_kept_is_told_as_such_later(kept: Story) -> None:
    Conversation.objects.update(run="0192a3b4-0000-7000-8000-000000000000")
    assert [run.status for run in runs_of(kept.now())] == ["quarantined"]


# ── Who sees it ──────────────────────────────────────────────────────────────────────────────────────────────────


def addresses(call: Conversation, tag: Any) -> Iterator[str]:
    """Every address of pages and API of which a call, a tag of it, or nothing is a part."""
    for namespace, patterns in (("conversations", pages.urlpatterns), ("api", api.urlpatterns)):
        for pattern in patterns:
            if isinstance(pattern, URLPattern) and pattern.name:
                names = {"id": call.id, "tag_id": tag.id, "asked": call.run}
                wanted = {name: names[name] for name in pattern.pattern.converters}
                yield reverse(f"{namespace}:{pattern.name}", kwargs=wanted)


def shown_by(client: Client, address: str, run: Any) -> Iterator[HttpResponse]:
    """What an address answers, however it is asked. Nothing that is asked for changes a call for good."""
    yield client.get(address)
    yield client.get(address, {"q": "want", "utterance": "0"}, headers={"HX-Request": "true"})
    for format in ("json", "txt", "srt", "vtt", "flac"):
        yield client.get(address, {"format": format})
    yield client.get(address, {"run": str(run), "q": "refund", "tag": "refund", "utterance": "0"})
    if not address.endswith(("retry/", "reprocess/")):
        yield client.post(address, {"utterance": "0", "word": "2", "label": "NAME", "tag": "x"})


@pytest.mark.parametrize(("role", "by_token"), [(Role.AGENT, False), (Role.CLIENT, False), (Role.CLIENT, True)])
def test_no_address_gives_away_a_word_of_a_quarantined_call(kept: Story, role: Role, by_token: bool) -> None:
    user = make_user(kept.call.organization, role)
    client = Client(headers=token_header(user)) if by_token else browser(user)
    tag = kept.call.tags.get(tag=CANARY)
    asked = 0
    for address in addresses(kept.call, tag):
        for response in shown_by(client, address, kept.call.run):
            body = b"".join(response.streaming_content) if response.streaming else response.content
            assert CANARY not in body.decode("utf-8", "replace"), address
            assert b'"per_second":20' not in body, address  # what stands for audio and waveform
            asked += 1
    assert asked > 200
    assert kept.now().status == "quarantined"
    assert Event.objects.filter(type__in=("ConversationTagged", "RedactionCorrected")).count() == 0


@pytest.mark.parametrize("role", [Role.AGENT, Role.CLIENT])
def test_search_facets_and_filters_do_not_tell_of_it(kept: Story, role: Role) -> None:
    client = browser(make_user(kept.call.organization, role))
    assert client.get("/api/v1/search/", {"q": CANARY}).json()["results"] == []
    for asked in ({"tag": CANARY}, {"flag": "music"}):
        assert client.get(ADDRESS, asked).json()["results"] == []
    text = client.get("/", {"q": "want"}).content.decode()
    assert "No call has" in text
    text = client.get("/").content.decode()
    assert "facet-tag" not in text
    assert "facet-flag" not in text
    assert 'class="strip"' not in text
    assert "Quarantined" in text


def test_its_sender_may_follow_it_and_is_told_why_there_is_no_more(kept: Story) -> None:
    client = Client(headers=token_header(make_user(kept.call.organization, Role.CLIENT)))
    followed = client.get(f"{ADDRESS}{kept.call.id}/").json()
    assert (followed["status"], followed["tags"], followed["flags"]) == ("quarantined", [], [])
    for part in ("transcript", "audio", "peaks", "entities", "events", "tags", "runs", "redaction", "corrections"):
        refused = client.get(f"{ADDRESS}{kept.call.id}/{part}/")
        assert (refused.status_code, refused.json()["code"]) == (403, "quarantined"), part
        assert "Ask a supervisor" in refused.json()["detail"]


def test_the_page_says_why_it_is_closed_and_opens_by_itself(kept: Story) -> None:
    client, address = browser(make_user(kept.call.organization, Role.AGENT)), f"/conversations/{kept.call.id}/"
    page = client.get(address)
    assert page.status_code == 403
    assert "This call is quarantined" in page.content.decode()
    closed = client.get(f"{address}live/", {"seen": "closed"})
    assert (closed.status_code, "HX-Refresh" in closed) == (204, False)
    assert client.get(f"{address}live/")["HX-Refresh"] == "true"  # a page that was open
    release(kept.now(), by=make_user(kept.call.organization), seen=kept.call.master["sha256"])
    assert client.get(f"{address}live/", {"seen": "closed"})["HX-Refresh"] == "true"


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPERVISOR])
def test_a_reviewer_sees_it_and_its_reason_and_releases_it_on_the_page(kept: Story, role: Role) -> None:
    client, address = browser(make_user(kept.call.organization, role)), f"/conversations/{kept.call.id}/"
    text = client.get(address).content.decode()
    assert CANARY in text
    assert "Quarantined: only reviewers see this call." in text
    assert 'data-seek="1.50"' in text  # what was still told
    seen = {"seen": kept.call.master["sha256"]}
    text = client.post(f"{address}release/", seen, follow=True).content.decode()
    assert "The call is released" in text
    assert kept.now().status == "completed"


def test_whom_an_admin_names_reviews_too(kept: Story) -> None:
    agent = make_user(kept.call.organization, Role.AGENT)
    address = f"{ADDRESS}{kept.call.id}/release/"
    assert Client(headers=token_header(agent)).post(address).status_code == 403
    admin = browser(make_user(kept.call.organization, Role.ADMIN))
    fields = {"username": agent.username, "role": "agent", "is_active": "on", "review_quarantine": "on"}
    admin.post(f"/admin/conversations/user/{agent.id}/change/", fields)
    released = Client(headers=token_header(agent)).post(address, {"audio": kept.call.master["sha256"]})
    assert released.json()["status"] == "completed"


def test_a_program_releases_the_audio_that_it_listened_to_and_no_other(kept: Story) -> None:
    client = Client(headers=token_header(make_user(kept.call.organization)))
    address = f"{ADDRESS}{kept.call.id}/"
    etags = [client.get(f"{address}audio/", asked)["ETag"] for asked in ({}, {"format": "flac"})]
    assert client.post(f"{address}release/").json()["errors"].keys() == {"audio"}
    make_audio(kept.now(), b"made again")
    for etag in etags:
        refused = client.post(f"{address}release/", {"audio": etag})
        assert (refused.status_code, refused.json()["code"]) == (409, "review_refused")
    assert kept.now().status == "quarantined"
    heard = client.get(f"{address}audio/")["ETag"]
    assert client.post(f"{address}release/", {"audio": heard}).json()["status"] == "completed"


def test_a_reviewer_of_another_organization_is_nobody_to_it(kept: Story) -> None:
    stranger = browser(make_user(make_organization(), Role.ADMIN))
    assert stranger.post(f"/conversations/{kept.call.id}/release/").status_code == 404
    assert stranger.post(f"{ADDRESS}{kept.call.id}/release/").status_code in (403, 404)
    assert kept.now().status == "quarantined"
