"""Tagging by hand on the page of a call: with a script and without, undone, refused."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import Conversation, Role, Tag, User
from tests.factories import make_conversation, make_organization, make_tag, make_user

pytestmark = pytest.mark.django_db

TAXONOMY = {"tags": [{"tag": "refund", "name": "Refund"}, {"tag": "vip", "name": "Important customer"}]}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def agent() -> User:
    """A person who may listen and tag."""
    return make_user(make_organization(taxonomy=TAXONOMY), role=Role.AGENT)


@pytest.fixture
def call(agent: User) -> Conversation:
    """A call of two utterances."""
    return make_conversation(agent.organization)


def signed_in(user: Any, **options: Any) -> Client:
    """A browser in which a person has signed in."""
    client = Client(**options)
    client.force_login(user)
    return client


def give(client: Client, call: Conversation, **form: Any) -> Any:
    """Send the form that tags."""
    headers = form.pop("headers", {})
    return client.post(reverse("conversations:tag", args=[call.id]), form, headers=headers)


def test_a_tag_is_given_by_a_plain_form_and_undone_by_another(agent: User, call: Conversation) -> None:
    client = signed_in(agent)
    response = give(client, call, tag="Angry customer", utterance="1")
    given = call.tags.get()
    assert (given.tag, given.utterance, given.created_by) == ("angry-customer", 1, agent)
    text = client.get(response["Location"]).content.decode()
    assert "Tagged “Angry customer”." in text
    undo = reverse("conversations:untag", args=[call.id, given.id])
    assert f'class="undo" method="post" action="{undo}"' in text
    response = client.post(undo)
    assert not call.tags.exists()
    text = client.get(response["Location"]).content.decode()
    assert "Removed “Angry customer”." in text
    form = re.search(r'<form class="undo".*?</form>', text, re.DOTALL)
    assert form
    fields = dict(re.findall(r'name="(tag|utterance)" value="([^"]*)"', form[0]))
    give(client, call, **fields)
    assert call.tags.filter(tag="angry-customer", utterance=1).exists()


def test_with_a_script_only_the_tags_are_sent_back(agent: User, call: Conversation) -> None:
    text = give(signed_in(agent), call, tag="VIP", utterance="0", headers=HTMX).content.decode()
    assert text.lstrip().startswith('<section id="tags"')
    assert "Tagged “Important customer”." in text
    assert re.search(r'id="chips-0" class="chips" hx-swap-oob="true"><span class="chip">Important customer', text)


def test_a_number_key_gives_the_tag_of_that_place_in_the_taxonomy(agent: User, call: Conversation) -> None:
    client = signed_in(agent)
    text = client.get(f"/conversations/{call.id}/").content.decode()
    assert re.search(r'name="quick" value="vip" data-key="2"', text)
    give(client, call, quick="vip", tag="")
    assert call.tags.get().name == "Important customer"


def test_without_a_script_the_address_says_what_a_tag_goes_on(agent: User, call: Conversation) -> None:
    text = signed_in(agent).get(f"/conversations/{call.id}/", {"on": "1"}).content.decode()
    assert 'id="tag-utterance" value="1"' in text
    assert "On what is said at 0:04" in text


def test_a_refused_tag_is_told_in_place(agent: User, call: Conversation) -> None:
    client = signed_in(agent)
    response = give(client, call, tag="!!!", headers=HTMX)
    assert response.status_code == 422
    assert "A tag needs a name with letters or digits." in response.content.decode()
    response = client.get(give(client, call, tag="!!!")["Location"])
    assert "A tag needs a name with letters or digits." in response.content.decode()
    assert not call.tags.exists()


@pytest.mark.parametrize("form", [{"tag": "x", "utterance": "77"}, {"tag": "a\0b"}, {"tag": "x", "utterance": "-1"}])
def test_a_forged_form_breaks_nothing(agent: User, call: Conversation, form: dict[str, str]) -> None:
    assert give(signed_in(agent), call, **form).status_code == 302


@pytest.mark.parametrize("state", [{"given": "x"}, {"removed": "\0", "utterance": "x"}, {"on": "²"}, {"removed": "a"}])
def test_a_forged_address_breaks_nothing(agent: User, call: Conversation, state: dict[str, str]) -> None:
    assert signed_in(agent).get(f"/conversations/{call.id}/", state).status_code == 200


def test_a_tag_by_a_rule_shows_its_evidence_and_can_be_taken_away(agent: User, call: Conversation) -> None:
    evidence = {"utterance": 1, "start": 6.0, "end": 7.0, "start_char": 0, "end_char": 5, "words": "charged <twice>"}
    tag = make_tag(call, score=0.8, evidence=[evidence])
    client = signed_in(agent)
    text = client.get(f"/conversations/{call.id}/").content.decode()
    assert re.search(r'href="\?t=6\.00#u1"[^>]*><span class="number">0:06</span> charged &lt;twice&gt;', text)
    assert "by a rule, 80" in text
    client.post(reverse("conversations:untag", args=[call.id, tag.id]))
    assert not call.tags.exists()


def test_nobody_tags_the_calls_of_others(agent: User) -> None:
    other = make_conversation(make_organization())
    tag = make_tag(other)
    client = signed_in(agent)
    assert give(client, other, tag="mine").status_code == 404
    assert client.post(reverse("conversations:untag", args=[other.id, tag.id])).status_code == 404
    assert list(Tag.objects.all()) == [tag]


def test_a_tag_of_another_call_is_not_taken_away_through_this_one(agent: User, call: Conversation) -> None:
    tag = make_tag(make_conversation(agent.organization))
    assert signed_in(agent).post(reverse("conversations:untag", args=[call.id, tag.id])).status_code == 404


def test_tagging_needs_the_token_of_the_form(agent: User, call: Conversation) -> None:
    strict = signed_in(agent, enforce_csrf_checks=True)
    assert give(strict, call, tag="x").status_code == 403
    assert strict.get(reverse("conversations:tag", args=[call.id])).status_code == 405
