"""Search: which utterances say it, where exactly, and in which calls.

A query is Postgres's web search syntax: words that must all be there, ``"an exact phrase"``, ``or``, ``-not``. It is
read under the text search configuration of each language and matched with the utterances of that language, so that
accents and endings do not matter. Only utterances are searched, and they hold nothing but anonymized text.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchHeadline, SearchQuery, SearchRank
from django.db.models import (
    Case,
    Count,
    F,
    FilteredRelation,
    FloatField,
    Func,
    Max,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import RowNumber
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from conversations.models import Conversation, Utterance

LANGUAGES = ("en", "fr")  # the others are searched word for word, under parley_simple
MOST_WORDS, WORDS_BEFORE = 40, 10
# Characters that no transcript has: Postgres marks a hit between the first two; the others stand for < and >, which
# it would take for markup and drop.
OPEN, CLOSE, LESS, MORE = "\ue000", "\ue001", "\ue002", "\ue003"
PLACEHOLDER = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A moment in a call. ``start`` is when the first word that was found is said, ``end`` that of its utterance."""

    conversation: UUID
    utterance: int
    speaker: str
    start: float
    end: float
    highlight: SafeString
    rank: float


def search_utterances(conversations: QuerySet[Conversation], q: str) -> QuerySet[Utterance]:
    """The utterances of these calls that a query finds, best first, then newest. Turn a page of them into hits."""
    return (
        Utterance.objects.filter(matching(q), conversation__in=conversations.order_by())
        .annotate(rank=rank_of(q))
        .order_by("-rank", "-conversation__received_at", "conversation_id", "index")
        .defer("search")
    )


def search_conversations(conversations: QuerySet[Conversation], q: str) -> QuerySet[Conversation]:
    """Those of these calls in which a query is found, with ``rank`` and ``hits``, best first, then newest."""
    return (
        conversations.annotate(found=FilteredRelation("utterances", condition=matching(q, "utterances__")))
        .filter(found__isnull=False)
        .annotate(rank=Max(rank_of(q, "found__")), hits=Count("found"))
        .order_by("-rank", "-received_at", "-id")
    )


def best_passages(conversations: Iterable[Conversation], q: str, most: int = 3) -> dict[UUID, list[Hit]]:
    """The best passages of each call, in the order in which they are said."""
    place = Window(RowNumber(), partition_by="conversation_id", order_by=[F("rank").desc(), F("index").asc()])
    best = (
        Utterance.objects.filter(matching(q), conversation__in=list(conversations))
        .annotate(rank=rank_of(q))
        .annotate(place=place)
        .filter(place__lte=most)
        .order_by("index")
        .defer("search")
    )
    passages: dict[UUID, list[Hit]] = {}
    for hit in hits_of(best, q):
        passages.setdefault(hit.conversation, []).append(hit)
    return passages


def hits_of(utterances: Iterable[Utterance], q: str) -> list[Hit]:
    """What to show of utterances that a query has found. Marking is the costly part: give it a page, not all."""
    page = list(utterances)
    safe_text = Func(F("text"), Value("<>"), Value(LESS + MORE), function="translate", output_field=TextField())
    headline = by_language(
        lambda query, config: SearchHeadline(
            safe_text, query, config=config, start_sel=OPEN, stop_sel=CLOSE, highlight_all=True
        ),
        q,
        output_field=TextField(),
    )
    marked = dict(Utterance.objects.filter(id__in=[each.id for each in page]).values_list("id", headline))
    return [hit_of(each, marked[each.id]) for each in page if each.id in marked]


def hit_of(utterance: Utterance, marked: str) -> Hit:
    """The hit in an utterance, given its text with marks."""
    words = PLACEHOLDER.sub(unmarked, marked).split(" ")
    first = next((place for place, word in enumerate(words) if OPEN in word), 0)
    timed: list[Mapping[str, Any]] = utterance.words if len(utterance.words) == len(words) else []
    said_at = timed[first].get("start") if timed else None
    return Hit(
        conversation=utterance.conversation_id,
        utterance=utterance.index,
        speaker=utterance.speaker,
        start=utterance.start if said_at is None else said_at,
        end=utterance.end,
        highlight=markup(excerpt(words, first)),
        rank=utterance.rank,
    )


def unmarked(placeholder: re.Match[str]) -> str:
    """A placeholder is no spoken word: who looks for "phone" has not found [PHONE_1]."""
    return placeholder[0].replace(OPEN, "").replace(CLOSE, "")


def excerpt(words: list[str], first: int) -> str:
    """The words of a passage around its first hit."""
    begin = max(0, min(first - WORDS_BEFORE, len(words) - MOST_WORDS))
    shown = words[begin : begin + MOST_WORDS]
    before, after = "… " if begin else "", " …" if begin + len(shown) < len(words) else ""
    return f"{before}{' '.join(shown)}{after}"


def markup(marked: str) -> SafeString:
    """HTML in which only ``<mark>`` is ours."""
    text = escape(marked.replace(LESS, "<").replace(MORE, ">"))
    return mark_safe(text.replace(OPEN, "<mark>").replace(CLOSE, "</mark>"))  # noqa: S308 (all else was escaped)


def matching(q: str, prefix: str = "") -> Q:
    """The condition that an utterance says what is asked for: one index scan a language."""
    language, search = f"{prefix}language", f"{prefix}search"
    found = ~Q(**{f"{language}__in": LANGUAGES}) & Q(**{search: query_of(q, "parley_simple")})
    for code in LANGUAGES:
        found |= Q(**{language: code, search: query_of(q, f"parley_{code}")})
    return found


def rank_of(q: str, prefix: str = "") -> Case:
    """How well an utterance says it."""
    return by_language(lambda query, _: SearchRank(F(f"{prefix}search"), query), q, prefix, output_field=FloatField())


def by_language(expression: Any, q: str, prefix: str = "", **options: Any) -> Case:
    """An expression of query and configuration, under the language of each utterance."""
    whens = [
        When(**{f"{prefix}language": code}, then=expression(query_of(q, f"parley_{code}"), f"parley_{code}"))
        for code in LANGUAGES
    ]
    return Case(*whens, default=expression(query_of(q, "parley_simple"), "parley_simple"), **options)


def query_of(q: str, config: str) -> SearchQuery:
    """A query as one configuration reads it."""
    return SearchQuery(q, config=config, search_type="websearch")
