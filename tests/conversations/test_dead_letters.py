"""Dead letters: seen by cause, replayed one or all of a cause, given up."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from conversations.ledger.models import Delivery
from conversations.models import Conversation
from conversations.services import dead_letters
from tests.factories import make_conversation, make_delivery, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead() -> list[Delivery]:
    """Two calls that crashed in transcription, one with damaged audio."""
    organization = make_organization()
    return [
        make_delivery(make_conversation(organization, status="failed"), service, "dead", error=error, sends=2, attempts=2)
        for service, error in (
            ("transcription", "crashed"), ("transcription", "crashed"), ("audio_redaction", "blob_corrupt"),
        )
    ]  # fmt: skip


def told(*arguments: str) -> str:
    """What the command prints."""
    output = StringIO()
    call_command("dead_letters", *arguments, stdout=output)
    return output.getvalue()


def test_they_are_grouped_by_cause(dead: list[Delivery]) -> None:
    causes = list(dead_letters.causes(Delivery.objects.all()))
    assert [(each["service"], each["error"], each["count"]) for each in causes] == [
        ("transcription", "crashed", 2),
        ("audio_redaction", "blob_corrupt", 1),
    ]


def test_the_list_names_cause_call_and_attempts(dead: list[Delivery]) -> None:
    listed = told()
    assert "2 × transcription: crashed" in listed
    assert f"{dead[2].id} call {dead[2].subject} attempts [1:" in listed


def test_one_is_replayed_and_its_call_goes_on(dead: list[Delivery]) -> None:
    assert told("replay", "--delivery", str(dead[0].id)) == "1 replayed.\n"
    states = Delivery.objects.order_by("id").values_list("state", "attempts", "most_sends")
    assert list(states) == [("pending", 0, 17), ("dead", 2, 15), ("dead", 2, 15)]
    assert Conversation.objects.get(id=dead[0].subject).status == "processing"


def test_all_of_a_cause_are_replayed(dead: list[Delivery]) -> None:
    assert told("replay", "--service", "transcription", "--error", "crashed") == "2 replayed.\n"
    assert list(Delivery.objects.filter(state="dead")) == [dead[2]]


def test_what_is_given_up_leaves_the_list_and_its_call_stays_failed(dead: list[Delivery]) -> None:
    assert told("give-up", "--all") == "3 given up.\n"
    assert told() == "Nothing has failed for good.\n"
    assert set(Conversation.objects.values_list("status", flat=True)) == {"failed"}


@pytest.mark.parametrize("action", ["replay", "give-up"])
def test_nobody_replays_or_gives_up_all_by_leaving_something_out(dead: list[Delivery], action: str) -> None:
    with pytest.raises(CommandError, match="--all"):
        told(action)
