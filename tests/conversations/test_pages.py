"""The list of calls: who sees which, search, filters, what is done to many, all without a script."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from conversations.models import Batch, Conversation, Role, Tag
from tests.factories import make_conversation, make_delivery, make_organization, make_tag, make_user

pytestmark = pytest.mark.django_db

LIST = "/"


def signed_in(user: Any) -> Client:
    """A browser without a script in which a person has signed in."""
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, **state: Any) -> str:
    """The text of the list."""
    response = client.get(LIST, state)
    assert response.status_code == 200
    return response.content.decode()


def shown(text: str) -> set[str]:
    """The ids of the calls in a list."""
    return set(re.findall(r'name="call" value="([0-9a-f-]+)"', text))


def test_who_has_not_signed_in_is_asked_to() -> None:
    response = Client().get(LIST)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))


def test_signing_in_with_the_form_leads_to_the_calls() -> None:
    make_user(username="emily", password="correct horse battery")
    client = Client()
    assert "Sign in" in client.get(reverse("login")).content.decode()
    response = client.post(reverse("login"), {"username": "emily", "password": "correct horse battery"})
    assert (response.status_code, response["Location"]) == (302, LIST)


def test_a_wrong_password_is_answered_with_what_to_do() -> None:
    text = Client().post(reverse("login"), {"username": "nobody", "password": "x"}).content.decode()
    assert "do not match" in text


def test_only_calls_of_the_own_organization_are_listed() -> None:
    user = make_user()
    own = make_conversation(user.organization)
    other = make_conversation(make_organization())
    make_tag(other, "secret-of-others")
    text = page(signed_in(user))
    assert shown(text) == {str(own.id)}
    assert "secret-of-others" not in text


def test_an_empty_list_says_what_to_do_first() -> None:
    admin = make_user(role=Role.ADMIN, is_staff=True)
    assert reverse("admin:upload_batch") in page(signed_in(admin)).split("<main", 1)[1]
    agent = make_user(role=Role.AGENT)
    assert "Once your admin has uploaded calls" in page(signed_in(agent))


def test_a_search_shows_the_passage_with_its_moment() -> None:
    user = make_user()
    found = make_conversation(user.organization)
    make_conversation(user.organization, [("agent", "Nothing of interest.")])
    text = page(signed_in(user), q="refund")
    assert shown(text) == {str(found.id)}
    assert "<mark>refund</mark>" in text
    assert re.search(rf'href="/conversations/{found.id}/\?t=[\d.]+#u1"', text)


def test_a_search_is_written_back_without_becoming_markup() -> None:
    user = make_user()
    make_conversation(user.organization, [("agent", "<script>alert(1)</script> said the customer")])
    text = page(signed_in(user), q='"><script>alert(1)</script> said')
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ({"status": "failed"}, {"failed"}),
        ({"agent": "Ann"}, {"english"}),
        ({"language": "fr"}, {"french"}),
        ({"language": ["fr", "en"]}, {"french", "english", "failed"}),  # any of them
        ({"tag": "refund"}, {"english"}),
        ({"tag": ["refund", "billing"]}, set()),  # all of them
        ({"flag": "no_speech"}, {"french"}),
        ({"started_after": "2026-10-02"}, {"french"}),
        ({"started_before": "2026-10-02"}, {"english"}),
        ({"status": "completed", "language": "en"}, {"english"}),
    ],
)
def test_filters_leave_the_calls_that_match(state: dict[str, Any], names: set[str]) -> None:
    user = make_user()
    calls = {
        "english": make_conversation(user.organization, agent="Ann", started_at="2026-10-01T09:00Z"),
        "french": make_conversation(
            user.organization, language="fr", flags=["no_speech"], started_at="2026-10-03T09:00Z"
        ),
        "failed": make_conversation(user.organization, status=Conversation.Status.FAILED, failure_code="crashed"),
    }
    make_tag(calls["english"], "refund")
    response = signed_in(user).get(f"{LIST}?{urlencode(state, doseq=True)}")
    assert shown(response.content.decode()) == {str(calls[name].id) for name in names}


def test_each_filter_says_how_many_calls_it_would_leave() -> None:
    user = make_user()
    for language in ("en", "en", "fr"):
        make_conversation(user.organization, language=language)
    facets = signed_in(user).get(LIST, {"language": "fr"}).context["facets"]
    counts = {each.name: {choice.value: choice.count for choice in each.choices} for each in facets}
    assert counts["language"] == {"en": 2, "fr": 1}  # choosing English too would widen the list
    assert counts["status"] == {"completed": 1}


def test_a_filter_in_use_can_be_taken_away() -> None:
    user = make_user()
    batch = Batch.objects.create(organization=user.organization, name="October")
    make_conversation(user.organization, batch=batch, language="fr")
    chosen = signed_in(user).get(LIST, {"language": "fr", "batch": str(batch.id)}).context["chosen"]
    assert [(each.name, each.url) for each in chosen] == [
        ("French", f"?batch={batch.id}"),
        ("October", "?language=fr"),
    ]


@pytest.mark.parametrize(
    "state",
    [
        {"batch": "x"}, {"page": "-3"}, {"sort": "'; drop"}, {"q": "a\0b"}, {"tag": "\0"}, {"status": "none"},
        {"started_after": "soon"}, {"q": '"unclosed -'},
    ],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_no_error(state: dict[str, str]) -> None:
    user = make_user()
    make_conversation(user.organization)
    assert signed_in(user).get(LIST, state).status_code == 200


def test_agents_may_not_look_for_ids_of_the_sender() -> None:
    agent = signed_in(make_user(role=Role.AGENT))
    assert agent.get(LIST, {"external_id": "BW-1"}).status_code == 403


def test_calls_without_a_length_come_last_when_the_longest_come_first() -> None:
    user = make_user()
    short, waiting, long = (
        make_conversation(user.organization, [("agent", "a")] * turns, **more)
        for turns, more in ((1, {}), (0, {"duration": None}), (3, {}))
    )
    rows = signed_in(user).get(LIST, {"sort": "longest"}).context["rows"]
    assert [each.conversation.id for each in rows] == [long.id, short.id, waiting.id]


def test_a_call_in_processing_is_asked_after_and_one_that_is_done_is_not() -> None:
    user = make_user()
    call = make_conversation(user.organization, status=Conversation.Status.PROCESSING)
    make_delivery(call, "transcription", "running", progress_done=30, progress_total=100)
    client = signed_in(user)
    assert f"{reverse('conversations:progress')}?id={call.id}" in page(client)
    answer = client.get(reverse("conversations:progress"), {"id": call.id}).content.decode()
    assert "Transcription, 30" in answer
    assert "hx-get" in answer
    Conversation.objects.update(status=Conversation.Status.COMPLETED)
    assert "hx-get" not in client.get(reverse("conversations:progress"), {"id": call.id}).content.decode()


def test_nobody_follows_the_calls_of_others() -> None:
    other = make_conversation(make_organization(), status=Conversation.Status.PROCESSING)
    answer = signed_in(make_user()).get(reverse("conversations:progress"), {"id": [other.id, "x"]})
    assert str(other.id) not in answer.content.decode()


def test_many_calls_are_tagged_at_once_and_those_of_others_are_left_alone() -> None:
    user = make_user(role=Role.AGENT)
    calls = [make_conversation(user.organization) for _ in range(2)]
    other = make_conversation(make_organization())
    form = {"call": [each.id for each in [*calls, other]], "action": "tag", "tag": "Follow up", "next": "/?q=refund"}
    response = signed_in(user).post(reverse("conversations:act"), form)
    assert response["Location"] == "/?q=refund"
    assert set(Tag.objects.values_list("conversation", "tag")) == {(each.id, "follow-up") for each in calls}


def test_the_list_never_sends_anyone_to_another_site() -> None:
    response = signed_in(make_user()).post(reverse("conversations:act"), {"next": "https://evil.example/"})
    assert response["Location"] == LIST


def test_supervisors_retry_many_calls_and_agents_may_not() -> None:
    supervisor = make_user()
    failed = make_conversation(supervisor.organization, status=Conversation.Status.FAILED)
    make_delivery(failed, "transcription", "dead", error="crashed")
    form = {"call": [failed.id], "action": "retry"}
    agent = make_user(supervisor.organization, role=Role.AGENT)
    assert signed_in(agent).post(reverse("conversations:act"), form).status_code == 403
    signed_in(supervisor).post(reverse("conversations:act"), form)
    failed.refresh_from_db()
    assert failed.status == Conversation.Status.PROCESSING


def test_the_list_takes_as_many_queries_for_many_calls_as_for_one(django_assert_max_num_queries: Any) -> None:
    user = make_user()
    for _ in range(20):
        make_tag(make_conversation(user.organization))
    client = signed_in(user)
    with django_assert_max_num_queries(24):
        assert len(shown(page(client, q="refund"))) == 20


def test_every_static_file_of_the_pages_exists() -> None:
    user = make_user(role=Role.ADMIN, is_staff=True)
    call = make_conversation(user.organization)
    client = signed_in(user)
    for address in (LIST, f"/conversations/{call.id}/", "/docs/events/"):
        files = re.findall(r'"/static/([^"]+)"', client.get(address).content.decode())
        assert len(files) > 5
        assert [name for name in files if finders.find(name) is None] == []


def test_pages_carry_neither_inline_style_nor_script_without_a_nonce() -> None:
    user = make_user(role=Role.ADMIN, is_staff=True)
    call = make_conversation(user.organization)
    client = signed_in(user)
    for address in (LIST, f"/conversations/{call.id}/", "/docs/events/", "/nothing-here/"):
        text = client.get(address).content.decode()
        assert not re.search(r"<[^>]+\s(style|on\w+)=", text)
        assert not re.search(r"<script(?![^>]*(nonce|src)=)", text)


def test_the_pages_speak_french_to_who_chooses_it() -> None:
    user = make_user()
    make_conversation(user.organization)
    client = signed_in(user)
    client.post(reverse("set_language"), {"language": "fr", "next": LIST})
    text = page(client)
    assert '<html lang="fr">' in text
    assert "Rechercher" in text
    assert "Terminé" in text
