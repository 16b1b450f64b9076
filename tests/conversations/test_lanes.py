"""Who is served next: the urgent before the batch, organizations side by side, each service within its window."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from msgspec import to_builtins

from conversations.ledger.models import Delivery, Event, Subscription
from conversations.models import Conversation, Organization, Role
from pipeline.events import ConversationReceived
from pipeline.records import uuid7
from tests.conversations.ledger_world import UNREAD, ListRelay, Message
from tests.factories import make_organization, make_user, token_header

pytestmark = pytest.mark.django_db
State = Delivery.State
UPLOAD = "/api/v1/conversations/"
TRANSCRIPTION = "/admin/conversations/subscription/transcription/change/"
BATCH = 2_000


@pytest.fixture
def sent() -> list[Message]:
    """What the relay has sent."""
    return []


@pytest.fixture
def relay(sent: list[Message]) -> ListRelay:
    """A relay without a broker."""
    return ListRelay(sent)


@pytest.fixture
def operator() -> Client:
    """Whoever keeps Parley running, signed in."""
    client = Client()
    client.force_login(make_user(role=Role.ADMIN, is_staff=True, is_superuser=True))
    return client


def wait_in_a_batch(organization: Organization, count: int) -> None:
    """So many calls of a batch that wait for transcription."""
    calls = [
        Conversation(
            id=uuid7(), organization=organization, run=uuid7(), audio={}, audio_digest=uuid7().hex,
            lane=Conversation.Lane.BATCH,
        )
        for _ in range(count)
    ]  # fmt: skip
    Conversation.objects.bulk_create(calls)
    events = Event.objects.bulk_create(received(call) for call in calls)
    Delivery.objects.bulk_create(
        Delivery(
            event=event, service="transcription", subject=event.subject, tenant=event.tenant,
            correlationid=event.correlationid, lane=Conversation.Lane.BATCH,
        )
        for event in events
    )  # fmt: skip


def received(call: Conversation) -> Event:
    """An unsaved row of ConversationReceived."""
    event: Any = {"audio": UNREAD, "settings": UNREAD}
    return Event(
        id=call.run, source="monolith", type=ConversationReceived.__name__, subject=call.id,
        tenant=call.organization_id, correlationid=call.run, time="2026-11-01T10:00:00Z",
        data={name: to_builtins(blob) for name, blob in event.items()},
    )  # fmt: skip


def finish(*messages: Message) -> None:
    """Transcription has answered."""
    for message in messages:
        Delivery.objects.filter(event_id=message.record.id).update(state=State.DONE)


def set_window(operator: Client, window: int) -> None:
    """Set the window of transcription as a person does."""
    assert operator.post(TRANSCRIPTION, {"window": window, "on": "on"}).status_code == 302


def test_an_interactive_upload_through_the_api_while_a_batch_waits_starts_next(
    relay: ListRelay, sent: list[Message]
) -> None:
    sender = make_user(role=Role.CLIENT)
    wait_in_a_batch(sender.organization, BATCH)
    assert relay.relay_once() == Subscription.objects.get(service="transcription").window == 2

    audio = SimpleUploadedFile("call.wav", b"an urgent call")
    id = Client(headers=token_header(sender)).post(UPLOAD, {"audio": audio}).json()["id"]
    assert relay.relay_once() == 0, "both places are taken"

    finish(sent[0])
    assert relay.relay_once() == 1
    assert sent[-1].record.subject == id


@pytest.mark.parametrize("window", [1, 4])
def test_two_organizations_with_unequal_batches_advance_side_by_side(
    relay: ListRelay, sent: list[Message], window: int
) -> None:
    large, small = make_organization(), make_organization()
    wait_in_a_batch(large, BATCH)
    wait_in_a_batch(small, 50)
    Subscription.objects.filter(service="transcription").update(window=window)
    for finished in range(100):
        relay.relay_once()
        assert abs(lead_of(large, sent)) <= window
        finish(sent[finished])  # calls of one length: the oldest is done next
    assert 50 - window <= sum(each.record.tenant == str(small.id) for each in sent) <= 50


def lead_of(organization: Organization, sent: list[Message]) -> int:
    """How many more calls of an organization than of the others were sent."""
    ours = sum(each.record.tenant == str(organization.id) for each in sent)
    return ours - (len(sent) - ours)


def test_a_window_set_in_the_admin_holds_from_the_next_relay_on(
    relay: ListRelay, sent: list[Message], operator: Client
) -> None:
    wait_in_a_batch(make_organization(), BATCH)
    assert [relay.relay_once() for _ in range(2)] == [2, 0]

    set_window(operator, 5)
    assert [relay.relay_once() for _ in range(2)] == [3, 0]

    set_window(operator, 2)
    finish(*sent[:3])
    assert relay.relay_once() == 0, "two are in flight, as many as may be"
    finish(sent[3])
    assert [relay.relay_once() for _ in range(2)] == [1, 0]
