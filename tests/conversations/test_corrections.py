"""Correcting what is hidden: by the ledger, in text, audio and index; what is wrong meanwhile is shown to nobody."""

from typing import Any

import pytest

from conversations.ledger.models import Delivery, Event
from conversations.models import Conversation, RedactionCorrection, Role, Subscription, User
from conversations.runs import runs_of
from conversations.services import calls
from conversations.services.corrections import Mark
from conversations.services.reconciliation import Reconciliation, keys_in_events
from conversations.services.speakers import SwapRefused, swap_speakers
from pipeline import events
from pipeline import tasks as tasks  # it registers the services
from pipeline.service import SERVICES
from pipeline.storage import blob_store
from tests.conversations.corrected import Corrected, browser
from tests.conversations.stories import PASSED, QUARANTINED, RAW
from tests.factories import make_user

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"


# ── Through the ledger ───────────────────────────────────────────────────────────────────────────────────────────


def test_hidden_words_are_hidden_in_text_audio_and_index(story: Corrected, supervisor: User) -> None:
    completed_at, old = story.now().completed_at, story.call.player
    story.correct(Mark(1, 7, 8, "USERNAME"), by=supervisor)
    story.made_anew()
    assert story.texts()[1] == "thank you [NAME_1] how many bottles of [USERNAME_1]"
    assert browser(supervisor).get("/api/v1/search/", {"q": "riesling"}).json()["results"] == []
    story.qualify()
    story.redact_audio(PASSED, length=3.0)
    call = story.now()
    assert (call.status, call.completed_at, call.hiding) == ("completed", completed_at, None)
    assert call.player
    assert call.player != old
    assert Event.objects.filter(type="ConversationCompleted").count() == 1


def test_a_person_shows_what_was_hidden_in_that_place(story: Corrected, supervisor: User) -> None:
    story.correct(Mark(1, 2, 3, ""), by=supervisor)
    assert story.now().player  # nothing more is hidden, so what is there may still be heard
    story.made_anew()
    assert story.texts() == [
        "my name is [NAME_1] of blue horse farm",
        "thank you john smith how many bottles of riesling",
    ]


def test_words_are_counted_by_what_their_placeholders_stand_for(story: Corrected, supervisor: User) -> None:
    story.correct(Mark(0, 5, 7, "ADDRESS"), by=supervisor)
    made = RedactionCorrection.objects.get()
    assert (made.utterance, made.first, made.stop) == (0, 6, 8)  # "john smith" is one placeholder
    story.made_anew()
    assert story.texts()[0] == "my name is [NAME_1] of [ADDRESS_1] farm"
    story.correct(Mark(0, 6, 7, "ADDRESS"), by=supervisor)
    story.made_anew()
    assert story.texts()[0] == "my name is [NAME_1] of [ADDRESS_1]"
    story.correct(Mark(0, 3, 4, ""), by=supervisor)
    story.made_anew()
    assert story.texts()[0] == "my name is john smith of [ADDRESS_1]"


def test_the_gold_set_has_who_when_and_what_had_hidden_it_and_no_word(story: Corrected, supervisor: User) -> None:
    story.correct(Mark(0, 3, 4, ""), Mark(1, 7, 8, "NAME"), by=supervisor)
    shown, hidden = RedactionCorrection.objects.order_by("utterance")
    assert (shown.kind, shown.label, shown.hidden_as) == ("reveal", "", "NAME")
    assert shown.detector
    assert shown.score
    assert (hidden.kind, hidden.label, hidden.hidden_as, hidden.detector) == ("hide", "NAME", "", "")
    assert {shown.made_by, hidden.made_by} == {supervisor}
    assert (shown.review.run, shown.review.hidden, shown.review.checked) == (story.call.run, {"NAME": 2}, False)
    said = Event.objects.get(type="RedactionCorrected")
    assert "john" not in str(said.data)
    assert said.correlationid == story.call.run


def test_several_corrections_add_up_and_an_answer_to_an_earlier_one_changes_nothing(
    story: Corrected, supervisor: User
) -> None:
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    first = story.said["RedactionCorrected"]
    story.correct(Mark(0, 5, 7, "ADDRESS"), by=supervisor)
    second = story.said["RedactionCorrected"]
    story.said["RedactionCorrected"] = first
    story.made_anew()  # too late: only the second counts
    late = story.said["TranscriptAnonymized"]
    assert story.texts()[1].endswith("riesling")
    assert story.now().hiding is not None
    story.redact_audio(PASSED, length=7.0)
    assert story.now().player is None
    story.said["RedactionCorrected"] = second
    story.made_anew()
    assert story.texts() == [
        "my name is [NAME_1] of [ADDRESS_1] farm",
        "thank you [NAME_1] how many bottles of [NAME_2]",
    ]
    story.said["TranscriptAnonymized"], newest = late, story.said["TranscriptAnonymized"]
    story.qualify()
    assert story.now().status == "processing"
    story.said["TranscriptAnonymized"] = newest
    story.redact_audio(PASSED, length=9.0)
    assert story.now().status == "processing"  # the tags of the newest are still to come
    story.qualify()
    assert story.now().status == "completed"


@pytest.mark.parametrize("tags_first", [True, False])
def test_the_call_is_done_again_only_with_the_new_audio_and_the_new_tags(
    story: Corrected, supervisor: User, tags_first: bool
) -> None:
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    assert story.now().status == "processing"
    story.made_anew()
    steps = [story.qualify, lambda: story.redact_audio(PASSED, length=4.0)]
    first, second = steps if tags_first else reversed(steps)
    first()
    assert story.now().status == "processing"
    second()
    assert story.now().status == "completed"


def test_a_corrected_call_may_be_quarantined_and_a_quarantined_one_completed_by_a_correction(
    story: Corrected, supervisor: User
) -> None:
    for number, (receipt, status) in enumerate(
        [(QUARANTINED, "quarantined"), (QUARANTINED, "quarantined"), (PASSED, "completed")]
    ):
        story.correct(Mark(0, number, number + 1, "MISC"), by=supervisor)
        story.made_anew()
        story.qualify()
        story.redact_audio(receipt, length=10.0 + number)
        assert story.now().status == status
    assert story.call.quarantine == ""
    assert Event.objects.filter(type="ConversationQuarantined").count() == 2
    assert Event.objects.filter(type="ConversationCompleted").count() == 1
    assert [run.status for run in runs_of(story.now())] == ["completed"]


def test_a_correction_whose_processing_failed_is_tried_again(story: Corrected, supervisor: User) -> None:
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    story.fail("anonymization", events.RedactionCorrected, 1, permanent=True)
    assert (story.now().status, story.call.failure_service) == ("failed", "anonymization")
    assert story.call.hiding is not None
    assert calls.retry(story.call.organization, [story.call.id]) == 1
    story.made_anew()
    story.qualify()
    story.redact_audio(PASSED, length=5.0)
    assert (story.now().status, story.call.failure_code) == ("completed", "")


def test_anonymization_is_subscribed_to_corrections_as_its_signature_says(story: Corrected, supervisor: User) -> None:
    subscribed = Subscription.objects.get(service="anonymization").subscribes
    assert subscribed == [event.__name__ for event in SERVICES["anonymization"].hears]
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    owed = Delivery.objects.get(event=story.said["RedactionCorrected"].id)
    assert (owed.service, owed.correlationid) == ("anonymization", story.call.run)


# ── Until it is made anew ────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_to_be_hidden_is_neither_heard_nor_read_meanwhile(story: Corrected, supervisor: User) -> None:
    agent, address = make_user(story.call.organization, Role.AGENT), f"{ADDRESS}{story.call.id}/"
    assert "riesling" in browser(agent).get(f"{address}transcript/").content.decode()
    story.correct(Mark(1, 7, 8, "NAME"), by=agent)
    assert browser(supervisor).get(f"{address}audio/").status_code == 409  # not even by a reviewer
    for part in ("transcript/", f"transcript/?run={story.call.run}", "audio/", "peaks/", "tags/", "entities/"):
        closed = browser(agent).get(address + part)
        assert (closed.status_code, closed.json()["code"]) == (409, "not_ready")
    assert browser(agent).get("/api/v1/search/", {"q": "riesling"}).json()["results"] == []
    assert browser(agent).get(f"/conversations/{story.call.id}/").status_code == 403
    story.made_anew()
    shown = browser(agent).get(f"{address}transcript/").content.decode()
    assert "thank you [NAME_1] how many bottles of [NAME_2]" in shown
    assert browser(agent).get(f"{address}audio/").status_code == 409
    tags = browser(agent).get(f"{address}tags/").json()
    assert [each["evidence"] for each in tags] == [[]]


def test_earlier_words_do_not_come_back_by_run_comparison_or_swap(story: Corrected, supervisor: User) -> None:
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    with pytest.raises(SwapRefused, match="being processed again"):
        swap_speakers(story.now())
    story.made_anew()
    swap_speakers(story.now())
    for asked in ({}, {"run": str(story.call.run)}):
        shown = browser(supervisor).get(f"{ADDRESS}{story.call.id}/transcript/", asked).content.decode()
        assert "riesling" not in shown


def test_speakers_that_were_swapped_stay_so(story: Corrected, supervisor: User) -> None:
    def speakers() -> list[str]:
        return list(story.now().utterances.order_by("index").values_list("speaker", flat=True))

    Conversation.objects.update(speakers=["customer", "agent"])
    swap_speakers(story.now())
    assert speakers() == ["agent", "customer"]
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    story.made_anew()
    assert speakers() == ["agent", "customer"]


def test_the_bytes_of_what_was_replaced_are_deleted(
    story: Corrected, supervisor: User, django_capture_on_commit_callbacks: Any
) -> None:
    place = str(story.call.organization_id), str(story.call.id)
    old = {story.now().transcript["key"], story.call.master["key"]}
    assert old <= blob_store().blobs(*place)
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    story.made_anew()
    story.qualify()
    with django_capture_on_commit_callbacks(execute=True):
        story.redact_audio(PASSED, length=4.0)
    left = blob_store().blobs(*place)
    assert not old & left
    call = story.now()
    assert {call.transcript["key"], call.master["key"], call.receipt["key"]} <= left
    assert left == keys_in_events(str(call.id)) - {RAW.key}
    assert not any(b"riesling" in b"".join(blob_store().stored(key)) for key in left)
    reconciliation = Reconciliation(dry_run=True)
    assert [each.code for each in reconciliation.look_at_call(call)] == []
