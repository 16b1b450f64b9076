"""The page of a call: its words, what is hidden, its steps, and who may do what."""

import io
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import Conversation, Entity, Role
from conversations.services.calls import CallDetails, receive_call, sealed_details
from tests.factories import (
    make_audio,
    make_conversation,
    make_delivery,
    make_organization,
    make_redaction,
    make_tag,
    make_user,
)  # fmt: skip

pytestmark = pytest.mark.django_db

SAID = (("agent", "Hello <b>there</b> & welcome."), ("customer", "Call me on [PHONE_1] in Paris please."))


def signed_in(user: Any) -> Client:
    """A browser without a script in which a person has signed in."""
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, call: Conversation, **state: Any) -> str:
    """The text of the page of a call."""
    response = client.get(f"/conversations/{call.id}/", state)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("name", ["detail", "live"])
def test_a_call_of_another_organization_is_not_there(name: str) -> None:
    other = make_conversation(make_organization())
    assert signed_in(make_user()).get(reverse(f"conversations:{name}", args=[other.id])).status_code == 404


def test_each_word_carries_its_times_and_is_escaped() -> None:
    user = make_user()
    text = page(signed_in(user), make_conversation(user.organization, SAID))
    assert '<span data-start="1.00" data-end="2.00">&lt;b&gt;there&lt;/b&gt;</span>' in text
    assert "<b>there" not in text


def test_times_keep_their_point_in_a_language_that_writes_a_comma() -> None:
    user = make_user()
    call = make_conversation(user.organization, SAID, seconds=4.5)
    make_tag(call, evidence=[{"utterance": 1, "start": 4.5, "end": 5.0, "words": "Call me"}])
    make_audio(call, b"sound")
    text = signed_in(user).get(f"/conversations/{call.id}/", headers={"Accept-Language": "fr"}).content.decode()
    assert '<html lang="fr">' in text
    assert 'data-seek="4.50"' in text
    assert not re.search(r'(data-[a-z]+|x|width|href)="[^"]*\d,\d', text.replace('data-channels="0,1"', ""))


def test_a_hidden_stretch_is_a_pill_that_says_why() -> None:
    user = make_user()
    call = make_conversation(user.organization, SAID)
    make_redaction(call, "[PHONE_1]", detector="phone_numbers", score=0.98)
    text = page(signed_in(user), call)
    assert re.search(r'<button[^>]* class="pill"[^>]*aria-describedby="why-1-11">\[PHONE_1\]</button>', text)
    assert "Phone number, hidden in text and audio. Found by “phone numbers”, 98" in text


def test_an_entity_is_underlined_and_listed_with_its_moment() -> None:
    user = make_user()
    call = make_conversation(user.organization, SAID)
    Entity.objects.create(
        conversation=call, utterance=1, label="GPE", text="Paris", start_char=24, end_char=29, score=0.9
    )
    text = page(signed_in(user), call)
    assert re.search(r'class="entity" data-kind="GPE" title="country or city"><span[^>]*>Paris</span></span>', text)
    assert re.search(r'<a href="\?t=4\.00#u1"[^>]*>Paris</a>', text)


def test_the_agent_has_the_upper_lane_whatever_the_channel() -> None:
    user = make_user()
    call = make_conversation(user.organization, SAID)
    for utterance in call.utterances.all():
        utterance.channel = 1 - utterance.channel  # now the agent is on the second channel
        utterance.save()
    make_redaction(call, "[PHONE_1]")
    make_audio(call, b"sound")
    text = page(signed_in(user), call)
    assert 'data-channels="1,0"' in text
    assert re.search(r'id="u0" class="utterance lane-0"', text)
    assert re.search(r'class="hatch" x="50.000%" width="50.000%" y="50.00%"', text)  # the customer's, below


def test_the_page_begins_at_the_moment_of_its_address() -> None:
    user = make_user()
    call = make_conversation(user.organization)
    make_audio(call, b"sound")
    assert f'src="/api/v1/conversations/{call.id}/audio/#t=12.30"' in page(signed_in(user), call, t="12.3")
    assert "#t=" not in page(signed_in(user), call, t="nan")


def test_a_call_with_nothing_yet_says_so_and_keeps_asking() -> None:
    user = make_user()
    call = make_conversation(
        user.organization, (), status=Conversation.Status.PROCESSING, transcript=None, duration=None
    )
    make_delivery(call, "transcription", "running", progress_done=40, progress_total=100)
    text = page(signed_in(user), call)
    assert "Transcription, 40" in text
    assert "The transcript appears here" in text
    assert 'hx-trigger="every 2s"' in text


def test_only_what_is_new_is_sent_to_a_page_that_follows() -> None:
    user = make_user()
    call = make_conversation(user.organization, status=Conversation.Status.PROCESSING)
    client, address = signed_in(user), reverse("conversations:live", args=[call.id])
    first = client.get(address).content.decode()
    assert 'id="transcript"' in first
    seen = re.search(r"seen=([^\"]+)", first)
    assert seen
    again = client.get(f"{address}?seen={seen[1]}").content.decode()
    assert 'id="steps"' in again
    assert 'id="transcript"' not in again
    make_tag(call)
    tagged = client.get(f"{address}?seen={seen[1]}").content.decode()
    assert 'id="tag-lines"' in tagged
    assert 'id="transcript"' not in tagged


def test_a_page_stops_asking_when_the_call_is_done() -> None:
    user = make_user()
    call = make_conversation(user.organization)
    answer = signed_in(user).get(reverse("conversations:live", args=[call.id])).content.decode()
    assert "every 2s" not in answer


def test_a_failure_is_a_sentence_and_hides_nothing_that_came_before() -> None:
    user = make_user()
    call = make_conversation(
        user.organization, SAID, status=Conversation.Status.FAILED, failure_code="crashed",
        failure_service="audio_redaction",
    )  # fmt: skip
    text = page(signed_in(user), call)
    assert "Something went wrong in this step: redaction of the audio." in text
    assert "welcome." in text
    assert "Try again" in text


def test_an_attempt_that_went_wrong_is_told_even_when_a_later_one_succeeded() -> None:
    user = make_user()
    call = make_conversation(user.organization)
    delivery = make_delivery(call, "transcription", "done", attempts=2, sends=2)
    delivery.history.filter(number=1).update(outcome="worker_lost")
    delivery.history.filter(number=2).update(outcome="done")
    text = page(signed_in(user), call)
    assert "1 attempt went wrong" in text
    assert "stopped in the middle of it" in text


def test_supervisors_try_again_and_agents_may_not() -> None:
    supervisor = make_user()
    call = make_conversation(supervisor.organization, status=Conversation.Status.FAILED, failure_code="crashed")
    make_delivery(call, "transcription", "dead", error="crashed")
    agent = signed_in(make_user(supervisor.organization, role=Role.AGENT))
    address = reverse("conversations:retry", args=[call.id])
    assert address not in page(agent, call)
    assert agent.post(address).status_code == 403
    signed_in(supervisor).post(address)
    call.refresh_from_db()
    assert call.status == Conversation.Status.PROCESSING


def test_supervisors_let_a_call_be_processed_again_and_what_is_there_stays() -> None:
    supervisor = make_user()
    audio = io.BytesIO(b"RIFF, or so it seems")
    call = receive_call(supervisor.organization, audio, CallDetails()).conversation
    Conversation.objects.filter(id=call.id).update(status=Conversation.Status.COMPLETED)
    address = reverse("conversations:reprocess", args=[call.id])
    agent = signed_in(make_user(supervisor.organization, role=Role.AGENT))
    assert address not in page(agent, call)
    assert agent.post(address).status_code == 403
    assert address in page(signed_in(supervisor), call)
    text = signed_in(supervisor).post(address, follow=True).content.decode()
    assert "The call is being processed again." in text
    assert address not in text
    before, call = call, Conversation.objects.get(id=call.id)
    assert call.run != before.run


def test_what_the_sender_said_is_for_those_who_may_see_it() -> None:
    supervisor = make_user()
    call = make_conversation(supervisor.organization)
    call.details.sealed = sealed_details(call, CallDetails(external_id="BW-77", metadata={"queue": "<i>billing</i>"}))
    call.details.save()
    text = page(signed_in(supervisor), call)
    assert "BW-77" in text
    assert "&lt;i&gt;billing" in text
    assert "BW-77" not in page(signed_in(make_user(supervisor.organization, role=Role.AGENT)), call)


def test_a_long_call_takes_no_more_queries_than_a_short_one(django_assert_max_num_queries: Any) -> None:
    user = make_user()
    call = make_conversation(user.organization, [("agent", "one two three four five")] * 300)
    for place in range(5):
        make_tag(call, f"tag-{place}", utterance=place)
    client = signed_in(user)
    with django_assert_max_num_queries(24):
        page(client, call)
