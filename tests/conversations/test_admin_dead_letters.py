"""The admin's pages of steps that failed for good: by cause, one by one, replayed, given up."""

from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client

from conversations.ledger.models import Attempt, Delivery
from conversations.models import Conversation, Role, User
from tests.conversations.stories import Story
from tests.factories import make_conversation, make_delivery, make_user

pytestmark = pytest.mark.django_db

DEAD = "/admin/conversations/delivery/"
CAUSE = f"{DEAD}cause/"
State, Status = Delivery.State, Conversation.Status


@pytest.fixture
def operator() -> User:
    return make_user(role=Role.ADMIN)


@pytest.fixture
def signed_in(operator: User) -> Client:
    return client_of(operator)


def client_of(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def dead_step(user: User, code: str = "worker_lost", service: str = "transcription") -> Delivery:
    """A step of a call of its own that failed for good."""
    call = make_conversation(user.organization, status=Status.FAILED, failure_code=code, failure_service=service)
    return make_delivery(call, service, State.DEAD, attempts=5, sends=5, error=code)


def text(client: Client, address: str, data: dict[str, Any] | None = None) -> str:
    """The page that one ends up on."""
    if data is None:
        return client.get(address, follow=True).content.decode()
    return client.post(address, data, follow=True).content.decode()


def chosen(action: str, *rows: Delivery, **more: str) -> dict[str, Any]:
    """What the list sends for an action on rows."""
    return {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows], **more}


def states() -> list[str]:
    """The states of all deliveries, the oldest first."""
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


# ── The list ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_dead_steps_are_listed_with_the_last_error(signed_in: Client, operator: User) -> None:
    dead = dead_step(operator, "crashed")
    make_delivery(make_conversation(operator.organization), "qualification", State.DONE)
    Attempt.objects.filter(delivery=dead, number=5).update(exception="ZeroDivisionError", locations=["a:1", "b:2"])
    page = text(signed_in, DEAD)
    assert "crashed · ZeroDivisionError · b:2" in page
    assert "1 delivery" in page
    assert f'href="{DEAD}{dead.pk}/change/' in page


def test_causes_stand_on_top_in_plain_words_the_commonest_first(signed_in: Client, operator: User) -> None:
    dead_step(operator, "blob_corrupt", "audio_redaction")
    for _ in range(2):
        dead_step(operator)
    dead_step(make_user())  # of another organization
    page = text(signed_in, DEAD)
    assert page.index(">2 steps</a>") < page.index(">1 step</a>")
    assert "A file of this call is damaged in the storage." in page


def test_the_list_takes_no_more_queries_for_many_than_for_one(
    signed_in: Client, operator: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        dead_step(operator)
    with django_assert_max_num_queries(14):
        text(signed_in, DEAD)


def test_those_of_one_cause_are_listed_alone(signed_in: Client, operator: User) -> None:
    crashed, lost = dead_step(operator, "crashed"), dead_step(operator)
    page = text(signed_in, f"{DEAD}?service=transcription&error=crashed")
    assert f"{DEAD}{crashed.pk}/change/" in page
    assert f"{DEAD}{lost.pk}/change/" not in page
    assert "Show those of every cause" in page


def test_the_first_page_of_the_admin_names_them_as_people_do(signed_in: Client) -> None:
    page = text(signed_in, "/admin/")
    assert "Steps that failed for good" in page
    assert "Deliveries" not in page


def test_where_nothing_is_dead_the_page_says_so(signed_in: Client) -> None:
    assert "Nothing has failed for good." in text(signed_in, DEAD)


# ── Deciding ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "question", "said", "becomes"),
    [
        ("replay", "Try these 2 steps again", "2 steps are tried again.", State.PENDING),
        ("give_up", "Give up these 2 steps?", "2 steps were given up.", State.CANCELLED),
    ],
)
def test_all_of_a_cause_are_decided_upon_after_a_question(
    signed_in: Client, operator: User, what: str, question: str, said: str, becomes: str
) -> None:
    for code in ("worker_lost", "worker_lost", "crashed"):
        dead_step(operator, code)
    dead_step(make_user())  # of another organization
    asked = {"service": "transcription", "error": "worker_lost", "what": what}
    page = text(signed_in, CAUSE, asked)
    assert question in page
    assert all(f'<input type="hidden" name="{name}" value="{value}">' in page for name, value in asked.items())
    assert states() == [State.DEAD] * 4
    assert said in text(signed_in, CAUSE, {**asked, "sure": "yes"})
    assert states() == [becomes, becomes, State.DEAD, State.DEAD]


@pytest.mark.parametrize(("what", "becomes"), [("replay", State.PENDING), ("give_up", State.CANCELLED)])
def test_one_is_decided_upon_after_a_question(signed_in: Client, operator: User, what: str, becomes: str) -> None:
    one, _other = dead_step(operator), dead_step(operator)
    address = f"{DEAD}{one.pk}/decide/"
    assert 'name="sure"' in text(signed_in, address, {"what": what})
    assert "1 step " in text(signed_in, address, {"what": what, "sure": "yes"})
    assert states() == [becomes, State.DEAD]


def test_selected_steps_are_replayed_themselves(signed_in: Client, operator: User) -> None:
    story_call = make_conversation(operator.organization, status=Status.FAILED, failure_code="crashed")
    one, other = (
        make_delivery(story_call, service, State.DEAD, sends=5, error="crashed")
        for service in ("audio_redaction", "qualification")
    )
    assert "1 step is tried again." in text(signed_in, DEAD, chosen("replay", one))
    assert states() == [State.PENDING, State.DEAD]
    story_call.refresh_from_db()
    assert (story_call.status, story_call.failure_service) == (Status.FAILED, other.service)


def test_selected_calls_are_retried_whole(signed_in: Client, operator: User) -> None:
    dead = dead_step(operator)
    assert "1 call is tried again." in text(signed_in, DEAD, chosen("retry_calls", dead))
    assert states() == [State.PENDING]


def test_giving_up_selected_steps_asks_first(signed_in: Client, operator: User) -> None:
    dead = dead_step(operator)
    page = text(signed_in, DEAD, chosen("give_up", dead))
    assert "Give up this step?" in page
    assert f'name="{ACTION_CHECKBOX_NAME}" value="{dead.pk}"' in page
    assert states() == [State.DEAD]
    assert "1 step was given up." in text(signed_in, DEAD, chosen("give_up", dead, sure="yes"))
    assert states() == [State.CANCELLED]
    assert Conversation.objects.get(pk=dead.subject).status == Status.FAILED


def test_a_cause_that_a_replay_cannot_help_says_what_does(signed_in: Client, operator: User) -> None:
    dead = dead_step(operator, "language_unsupported")
    help = "this one would fail again"
    assert help in text(signed_in, f"{DEAD}{dead.pk}/change/")
    asked = {"service": "transcription", "error": "language_unsupported", "what": "replay"}
    assert help in text(signed_in, CAUSE, asked)


def test_what_is_dead_no_more_is_not_decided_upon(signed_in: Client, operator: User) -> None:
    dead = dead_step(operator)
    Delivery.objects.update(state=State.DONE)
    assert "no longer among those" in text(signed_in, f"{DEAD}{dead.pk}/change/")
    assert "None of these steps is still" in text(signed_in, f"{DEAD}{dead.pk}/decide/", {"what": "replay"})
    assert states() == [State.DONE]


# ── One ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("relayed")
def test_a_step_has_a_page_with_its_attempts_and_the_timeline_of_its_call(signed_in: Client, operator: User) -> None:
    story = Story(operator.organization)
    story.until_anonymized()
    story.kill_audio_redaction()
    page = text(signed_in, f"{DEAD}{Delivery.objects.get(state=State.DEAD).pk}/change/")
    for said in (
        "Failed for good: redaction of the audio",
        "A file of this call is damaged in the storage.",
        "crashed ZeroDivisionError<br>pipeline.tasks:40<br>pipeline.services.redaction:12",
        "The transcript was anonymized",
        "Failed: redaction of the audio, attempt 2",
        f'href="/conversations/{story.call.id}/"',
    ):
        assert said in page


# ── Who may ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_steps_of_another_organization_are_neither_seen_nor_decided_upon(signed_in: Client) -> None:
    theirs = dead_step(make_user())
    assert "no longer among those" in text(signed_in, f"{DEAD}{theirs.pk}/change/")
    for data in ({"what": "replay", "sure": "yes"}, {"what": "give_up", "sure": "yes"}):
        text(signed_in, f"{DEAD}{theirs.pk}/decide/", data)
        text(signed_in, CAUSE, {**data, "service": "transcription", "error": "worker_lost"})
        text(signed_in, DEAD, chosen(data["what"], theirs, sure="yes"))
    assert states() == [State.DEAD]


def test_supervisors_do_not_come_here() -> None:
    supervisor = make_user(role=Role.SUPERVISOR)
    dead = dead_step(supervisor)
    client = client_of(supervisor)
    assert client.get(DEAD).status_code == 403
    assert client.get(f"{DEAD}{dead.pk}/change/").status_code == 403
    for address in (CAUSE, f"{DEAD}{dead.pk}/decide/"):
        assert client.post(address, {"what": "replay", "sure": "yes"}).status_code == 403
    assert states() == [State.DEAD]


def test_deciding_takes_a_post_from_our_own_page(operator: User) -> None:
    dead = dead_step(operator)
    address, data = f"{DEAD}{dead.pk}/decide/", {"what": "replay", "sure": "yes"}
    assert client_of(operator).get(address, data).status_code == 405
    assert client_of(operator, enforce_csrf_checks=True).post(address, data).status_code == 403
    assert client_of(operator).post(address, {"what": "shred", "sure": "yes"}).status_code == 404
    assert states() == [State.DEAD]
