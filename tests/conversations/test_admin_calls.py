"""The admin's pages of calls, services and parked records."""

import io

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client

from conversations.ledger.models import Delivery
from conversations.ledger.registration import register
from conversations.models import Conversation, Parked, Role, Subscription, User
from conversations.services.calls import CallDetails, receive_call
from pipeline.events import ServiceRegistered
from pipeline.records import Record
from tests.factories import make_conversation, make_delivery, make_organization, make_user

pytestmark = pytest.mark.django_db

CALLS, SERVICES, PARKED = (f"/admin/conversations/{name}/" for name in ("conversation", "subscription", "parked"))
State, Status = Delivery.State, Conversation.Status


@pytest.fixture
def operator() -> User:
    return make_user(role=Role.ADMIN, is_superuser=True)


@pytest.fixture
def signed_in(operator: User) -> Client:
    return client_of(operator)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def failed_call(user: User, code: str = "worker_lost") -> Conversation:
    call = make_conversation(
        user.organization, status=Status.FAILED, failure_code=code, failure_service="transcription"
    )
    make_delivery(call, "transcription", State.DEAD, attempts=5, sends=5, error=code)
    return call


def act(client: Client, address: str, action: str, *rows: object, **more: str) -> str:
    data = {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows], **more}  # type: ignore[attr-defined]
    return client.post(address, data, follow=True).content.decode()


# ── Calls ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_list_says_where_each_call_is_and_what_went_wrong(signed_in: Client, operator: User) -> None:
    failed_call(operator)
    page = signed_in.get(CALLS).content.decode()
    assert "Failed at: transcription" in page
    assert "The program at work on this call stopped in the middle of it" in page


def test_the_facts_of_a_call_are_read_and_not_written(signed_in: Client, operator: User) -> None:
    details = CallDetails(file_name="a.wav", external_id="X-1", metadata={"ticket": "<b>42</b>"})
    call = receive_call(operator.organization, io.BytesIO(b"one"), details).conversation
    address = f"{CALLS}{call.pk}/change/"
    page = signed_in.get(address).content.decode()
    for fact in ("a.wav", "X-1", "&lt;b&gt;42&lt;/b&gt;", "Waiting for: transcription"):
        assert fact in page
    assert signed_in.post(address, {"status": "completed"}).status_code == 403


def test_a_call_whose_details_are_gone_still_has_a_page(signed_in: Client, operator: User) -> None:
    call = make_conversation(operator.organization)
    assert signed_in.get(f"{CALLS}{call.pk}/change/").status_code == 200


def test_failed_calls_are_retried(signed_in: Client, operator: User) -> None:
    call = failed_call(operator)
    assert "1 call is tried again." in act(signed_in, CALLS, "retry_calls", call)
    assert Conversation.objects.get(pk=call.pk).status == Status.PROCESSING
    assert Delivery.objects.get(subject=call.pk).state == State.PENDING


def test_retrying_what_has_not_failed_says_so(signed_in: Client, operator: User) -> None:
    call = make_conversation(operator.organization)
    assert "there is nothing to retry" in act(signed_in, CALLS, "retry_calls", call)


def test_erasing_asks_first(signed_in: Client, operator: User) -> None:
    call = failed_call(operator)
    assert "This cannot be undone." in act(signed_in, CALLS, "erase_calls", call)
    assert Conversation.objects.filter(pk=call.pk).exists()
    assert "1 call was erased." in act(signed_in, CALLS, "erase_calls", call, sure="yes")
    assert not Conversation.objects.filter(pk=call.pk).exists()


def test_a_supervisor_retries_and_does_not_erase() -> None:
    supervisor = make_user(role=Role.SUPERVISOR)
    call = failed_call(supervisor)
    client = client_of(supervisor)
    act(client, CALLS, "erase_calls", call, sure="yes")
    assert Conversation.objects.filter(pk=call.pk).exists()
    act(client, CALLS, "retry_calls", call)
    assert Conversation.objects.get(pk=call.pk).status == Status.PROCESSING


def test_a_call_of_another_organization_is_neither_retried_nor_erased(signed_in: Client) -> None:
    call = failed_call(make_user())
    for action in ("retry_calls", "erase_calls"):
        act(signed_in, CALLS, action, call, sure="yes")
    assert Conversation.objects.get(pk=call.pk).status == Status.FAILED


# ── Operations ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_service_that_a_person_switches_off_stays_off_until_a_person_switches_it_on(signed_in: Client) -> None:
    address = f"{SERVICES}qualification/change/"
    signed_in.post(address, {"window": "7"})
    service = Subscription.objects.get(service="qualification")
    assert (service.active, service.switched_off, service.window) == (False, True, 7)
    said = ServiceRegistered(subscribes=("ConversationTranscribed",), says=(), queue="cpu")
    register(Record.initial(said, source="qualification"))
    assert not Subscription.objects.get(service="qualification").active
    signed_in.post(address, {"window": "7", "on": "on"})
    service.refresh_from_db()
    assert (service.active, service.switched_off) == (True, False)


@pytest.mark.parametrize("window", ["0", "-1", "1001", "many"])
def test_a_window_is_a_number_that_makes_sense(signed_in: Client, window: str) -> None:
    before = Subscription.objects.get(service="qualification").window
    assert signed_in.post(f"{SERVICES}qualification/change/", {"window": window, "on": "on"}).status_code == 200
    assert Subscription.objects.get(service="qualification").window == before


def test_parked_records_are_those_of_the_organization_and_of_none(signed_in: Client, operator: User) -> None:
    kept = [
        Parked.objects.create(error="Unbelieved", record=[{"type": "Mine", "tenant": str(operator.organization.pk)}]),
        Parked.objects.create(error="InvalidRecord", record={"bytes": 12}),
        Parked.objects.create(error="Unbelieved", record=[{"type": "Nobodys", "tenant": ""}]),
    ]
    other = [{"type": "Theirs", "tenant": str(make_organization().pk)}]
    Parked.objects.create(error="Unbelieved", record=other)
    page = signed_in.get(PARKED).content.decode()
    assert "Mine" in page
    assert "Theirs" not in page
    assert f"{len(kept)} parked records" in page
    opened = signed_in.get(f"{PARKED}{kept[0].pk}/change/").content.decode()
    assert "&quot;type&quot;: &quot;Mine&quot;" in opened
