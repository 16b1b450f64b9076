"""Searching what is said."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from conversations.models import Conversation, Organization, Role, Utterance
from conversations.search import best_passages, hits_of, search_conversations, search_utterances
from tests.factories import make_conversation, make_organization, make_tag, make_user, token_header

pytestmark = pytest.mark.django_db
SAID = (
    ("agent", "Thank you for calling Brightwater, how can I help?"),
    ("customer", "I was charged twice on my bill and I would like a full refund."),
    ("agent", "The refunds take five days. You can reach me at [PHONE_1]."),
)
DIT = (
    ("agent", "Bonjour, que puis-je faire pour vous ?"),
    ("customer", "Ma réservation à l'hôtel a été annulée, je voudrais être remboursé."),
)


@pytest.fixture
def organization() -> Organization:
    """An organization with an English and a French call, and another organization with the same ones."""
    for each in (organization := make_organization(), make_organization()):
        make_conversation(each, SAID, language="en")
        make_conversation(each, DIT, language="fr")
    return organization


@pytest.fixture
def client(organization: Organization) -> Client:
    """A program of the organization."""
    return Client(headers=token_header(make_user(organization, Role.CLIENT)))


def search(client: Client, q: str, **filters: Any) -> list[dict[str, Any]]:
    """The hits of a search."""
    response = client.get("/api/v1/search/", {"q": q, **filters})
    assert response.status_code == 200
    hits: list[dict[str, Any]] = response.json()["results"]
    return hits


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("charged", {("en", 1)}),
        ("charges", {("en", 1)}),  # another ending
        ("REFUND", {("en", 1), ("en", 2)}),  # and the plural
        ('"full refund"', {("en", 1)}),
        ('"refund full"', set()),
        ("refund -days", {("en", 1)}),
        ("refund days", {("en", 2)}),  # all words, in one utterance
        ("charged or hôtel", {("en", 1), ("fr", 1)}),
        ("réservations", {("fr", 1)}),
        ("reservation", {("fr", 1)}),  # without its accents
        ("hotel annulee", {("fr", 1)}),
        ("rembourser", {("fr", 1)}),  # the French stem
        ("Bonjour", {("fr", 0)}),
        ("brightwater", {("en", 0)}),
        ("phone", set()),  # a placeholder is not said
        ("PHONE_1", set()),
        ("the", set()),  # says nothing in English
        ("'; drop table", set()),
        ("& | ! <-> :*", set()),
    ],
)
def test_what_is_said_is_found_in_its_language(client: Client, q: str, found: set[tuple[str, int]]) -> None:
    languages = {str(each.id): each.language for each in Conversation.objects.all()}
    assert {(languages[each["conversation"]], each["utterance"]) for each in search(client, q)} == found


def test_another_language_is_searched_word_for_word(client: Client, organization: Organization) -> None:
    make_conversation(organization, [("agent", "Guten Tag, Frau Müller")], language="de")
    assert len(search(client, "muller")) == 1
    assert search(client, "tage") == []


def test_a_hit_is_the_moment_of_its_first_word(client: Client) -> None:
    (hit,) = search(client, "bill")
    assert (hit["speaker"], hit["end"]) == ("customer", 8.0)
    assert hit["start"] == pytest.approx(4.0 + 6 * 4.0 / 14)  # the seventh of fourteen words
    assert hit["highlight"] == "I was charged twice on my <mark>bill</mark> and I would like a full refund."


def test_a_hit_without_times_is_the_moment_of_its_utterance(client: Client) -> None:
    Utterance.objects.update(words=[])
    assert search(client, "bill")[0]["start"] == 4.0


@pytest.mark.parametrize(
    ("text", "q", "highlight"),
    [
        ("<script>alert(1)</script> refund", "refund", "&lt;script&gt;alert(1)&lt;/script&gt; <mark>refund</mark>"),
        ('a "refund" & <b>more</b>', "refund", "a &quot;<mark>refund</mark>&quot; &amp; &lt;b&gt;more&lt;/b&gt;"),
        ("<mark>no</mark> refund", "refund", "&lt;mark&gt;no&lt;/mark&gt; <mark>refund</mark>"),
        ("my phone is [PHONE_1], the phone", "phone", "my <mark>phone</mark> is [PHONE_1], the <mark>phone</mark>"),
        ("a 2 < 3 and refund > 1 x", "refund", "a 2 &lt; 3 and <mark>refund</mark> &gt; 1 x"),
    ],
)
def test_only_the_marks_are_markup(organization: Organization, text: str, q: str, highlight: str) -> None:
    conversation = make_conversation(organization, [("agent", text)])
    found = search_utterances(Conversation.objects.filter(id=conversation.id), q)
    assert [each.highlight for each in hits_of(found, q)] == [highlight]


def test_a_long_utterance_is_cut_around_its_first_hit(organization: Organization) -> None:
    words = [f"word{number}" for number in range(100)]
    words[60] = "refund"
    conversation = make_conversation(organization, [("agent", " ".join(words))])
    (hit,) = hits_of(search_utterances(Conversation.objects.filter(id=conversation.id), "refund"), "refund")
    shown = [*words[50:60], "<mark>refund</mark>", *words[61:90]]
    assert hit.highlight == f"… {' '.join(shown)} …"


def test_better_hits_come_first_then_newer_ones(client: Client, organization: Organization) -> None:
    old = make_conversation(organization, [("agent", "tracking")], received_at="2026-01-01T00:00:00Z")
    best = make_conversation(organization, [("agent", "tracking tracking")], received_at="2025-01-01T00:00:00Z")
    new = make_conversation(organization, [("agent", "tracking")], received_at="2026-02-01T00:00:00Z")
    assert [each["conversation"] for each in search(client, "tracking")] == [str(each.id) for each in (best, new, old)]


def test_the_filters_of_the_list_hold_for_the_search(client: Client, organization: Organization) -> None:
    tagged = make_conversation(organization, [("agent", "A refund, a refund.")], agent="Emily")
    make_tag(tagged, "happy")
    for filters in ({"tag": "happy"}, {"agent": "Emily"}, {"agent": "Emily", "language": "en"}):
        assert [each["conversation"] for each in search(client, "refund", **filters)] == [str(tagged.id)]
    assert search(client, "refund", language="fr") == []


def test_hits_come_in_pages(client: Client) -> None:
    first = client.get("/api/v1/search/", {"q": "refund", "page_size": 1}).json()
    second = client.get(first["next"]).json()
    assert (first["count"], second["next"]) == (2, None)
    assert {each["results"][0]["utterance"] for each in (first, second)} == {1, 2}


@pytest.mark.parametrize("asked", ["", "?q=", "?q=%20", "?q=a%00b", f"?q={'x' * 501}"])
def test_a_search_for_nothing_is_a_problem(client: Client, asked: str) -> None:
    response = client.get(f"/api/v1/search/{asked}")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["q"])


def test_calls_are_found_with_their_best_passages_in_order(organization: Organization) -> None:
    calls = Conversation.objects.of(organization)
    (call,) = search_conversations(calls, "refund")
    assert (call.language, call.hits) == ("en", 2)
    passages = best_passages([call], "refund")[call.id]
    assert [each.utterance for each in passages] == [1, 2]
    assert all("<mark>" in each.highlight for each in passages)


def test_only_so_many_passages_of_a_call_are_shown(organization: Organization) -> None:
    call = make_conversation(organization, [("agent", "refund " * (1 + index % 4)) for index in range(8)])
    assert [each.utterance for each in best_passages([call], "refund", most=2)[call.id]] == [3, 7]


def test_a_search_goes_by_the_index(organization: Organization) -> None:
    Utterance.objects.bulk_create(
        Utterance(
            organization=organization, conversation=call, index=100 + number, speaker="agent", channel=0, start=0.0,
            end=1.0, text=f"invented{number} words", confidence=1.0, language="en",
        )
        for call in Conversation.objects.all()
        for number in range(500)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("analyze conversations_utterance")
    calls = Conversation.objects.of(organization)
    for found in (search_utterances(calls, "refund"), search_conversations(calls, "refund")):
        assert "utterance_search" in found.explain()
