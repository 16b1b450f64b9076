"""The proof of a redaction: stored with the audio, shown on the page, served; never what was said."""

from typing import Any

import pytest
from django.test import Client
from msgspec import structs

from conversations.models import RedactionReview, Role
from conversations.views.proof import seconds_hidden
from pipeline import documents
from tests.conversations.corrected import browser
from tests.conversations.stories import CUT, PASSED, QUARANTINED, Story
from tests.factories import make_audio, make_conversation, make_organization, make_user, token_header

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"


@pytest.fixture
def story(relayed: list[Any]) -> Story:
    """A completed call with a receipt."""
    story = Story(make_organization())
    story.until_anonymized()
    story.qualify()
    story.redact_audio(PASSED)
    return story


def page(story: Story, role: Role = Role.AGENT) -> str:
    client = browser(make_user(story.now().organization, role))
    return client.get(f"/conversations/{story.call.id}/").content.decode()


def test_the_receipt_is_served(story: Story) -> None:
    client = Client(headers=token_header(make_user(story.call.organization, Role.CLIENT)))
    receipt = client.get(f"{ADDRESS}{story.call.id}/redaction/").json()
    assert (receipt["conversation"], receipt["verdict"], receipt["reason"]) == (str(story.call.id), "passed", "")
    assert receipt["cuts"] == [{
        "channel": 0, "start": 0.4, "end": 1.1, "cause": "words", "label": "NAME", "placeholder": "[NAME_1]",
        "said_from": 0.5, "said_to": 1.0,
    }]  # fmt: skip
    assert (receipt["pad"], receipt["proof_model"], receipt["heard"]) == (0.15, "tiny", 2.5)
    names = ("raw", "master", "player", "proof", "detector", "settings")
    assert {len(receipt[f"{name}_sha256"]) for name in names} == {64}
    assert all(receipt[f"{name}_sha256"] in page(story) for name in names)


def test_there_is_none_before_the_audio_is_redacted_or_where_it_was_before_there_were_any(relayed: list[Any]) -> None:
    story = Story(make_organization())
    client = Client(headers=token_header(make_user(story.call.organization)))
    story.until_anonymized()
    for _before_and_after in range(2):
        refused = client.get(f"{ADDRESS}{story.call.id}/redaction/")
        assert (refused.status_code, refused.json()["code"]) == (404, "no_receipt")
        story.redact_audio()
    assert "This call was redacted before receipts were made." in page(story)


def test_the_page_says_what_was_cut_and_that_it_holds_and_each_cut_leads_to_its_moment(story: Story) -> None:
    text = page(story)
    assert "nothing personal was left" in text
    assert "1 stretch, 0.7 s, is hidden." in text
    assert 'href="?t=0.40" data-seek="0.40"' in text
    assert "Name, its words are hidden" in text
    assert "a" * 64 in text


def test_what_the_proof_made_wider_is_told(story: Story) -> None:
    wider = documents.Doubt(label="PHONE", channel=0, start=1.0, end=1.2)
    story.redact_audio(structs.replace(PASSED, widened=(wider,)))
    assert "nothing personal was left" in page(story)


def test_a_reviewer_says_once_that_all_of_a_call_was_checked(story: Story) -> None:
    supervisor, agent = make_user(story.now().organization), make_user(story.call.organization, Role.AGENT)
    address = f"/conversations/{story.call.id}/check/"
    assert browser(agent).post(address).status_code == 403
    text = browser(supervisor).post(address, follow=True).content.decode()
    assert "Noted: all of this call was checked." in text
    assert f"Checked by {supervisor.username}" in text
    assert "I have checked all of this call" not in text
    assert (RedactionReview.objects.get().checked, RedactionReview.objects.get().reviewed_by) == (True, supervisor)


def test_a_page_that_follows_is_given_the_receipt_when_it_is_there(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized()
    client = browser(make_user(story.now().organization))
    text = client.get(f"/conversations/{story.call.id}/").content.decode()
    assert "The receipt appears with the redacted audio." in text
    story.redact_audio(QUARANTINED)
    live = client.get(f"/conversations/{story.call.id}/live/").content.decode()
    assert 'id="proof"' in live
    assert "Personal data could still be told" in live


def test_a_call_without_a_receipt_blob_still_has_a_page() -> None:
    user = make_user()
    call = make_conversation(user.organization)
    make_audio(call, b"sound")
    assert browser(user).get(f"/conversations/{call.id}/").status_code == 200


@pytest.mark.parametrize(
    ("cuts", "seconds"),
    [
        ([], 0.0),
        ([(0, 1.0, 2.0), (0, 1.5, 3.0)], 2.0),  # they overlap
        ([(0, 1.0, 2.0), (1, 1.0, 2.0)], 2.0),  # two channels
        ([(0, 5.0, 9.0), (0, 6.0, 7.0)], 4.0),  # one within the other
    ],
)
def test_seconds_are_counted_once_a_channel(cuts: list[tuple[int, float, float]], seconds: float) -> None:
    made = [structs.replace(CUT, channel=channel, start=start, end=end) for channel, start, end in cuts]
    assert seconds_hidden(made) == pytest.approx(seconds)
