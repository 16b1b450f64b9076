"""A call's transcript as the page shows it: words with their times, pills for what is hidden, entities underlined.

Ten thousand words are quicker to write in one go than to loop over in a template, so this is the one place where
markup is made in Python; every value goes through ``format_html``.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from conversations import words
from conversations.models import Conversation, Entity, Redaction, Tag, Utterance
from conversations.templatetags.parley import percent
from pipeline.documents import offsets

AGENT = "agent"
Voice = tuple[int, str]  # an audio channel and a speaker on it; one channel may carry two, told apart by voice


@dataclass(frozen=True, kw_only=True)
class Passage:
    """An utterance on the page. ``lane`` is its speaker's line, from the top; it decides the colour."""

    utterance: Utterance
    lane: int
    speaker: str
    spoken: SafeString
    tags: Sequence[Tag] = ()


def passages_of(conversation: Conversation, tags: Sequence[Tag]) -> list[Passage]:
    """The transcript of a call, in order."""
    hidden: dict[int, dict[int, Redaction]] = defaultdict(dict)
    for redaction in conversation.redactions.all():
        hidden[redaction.utterance][redaction.start_char] = redaction
    named: dict[int, list[Entity]] = defaultdict(list)
    for entity in conversation.entities.all():
        named[entity.utterance].append(entity)
    tagged: dict[int | None, list[Tag]] = defaultdict(list)
    for each in tags:
        tagged[each.utterance].append(each)
    utterances = list(conversation.utterances.defer("search"))
    lane_of = lanes((each.channel, each.speaker) for each in utterances)
    return [
        Passage(
            utterance=each,
            lane=lane_of[each.channel, each.speaker],
            speaker=words.speaker_name(each.speaker),
            spoken=spoken(each, hidden[each.index], named[each.index]),
            tags=tagged[each.index],
        )
        for each in utterances
    ]


@dataclass(frozen=True, kw_only=True)
class Silence:
    """A stretch in which nobody speaks, and how many words the model wrote for it; ``speaker`` "" when not known."""

    start: float
    end: float
    words: int
    reason: str
    speaker: str


@dataclass(frozen=True)
class Withheld:
    """How many words were withheld in a call, and where."""

    words: int
    stretches: Sequence[Silence]


def withheld_of(conversation: Conversation) -> Withheld:
    """What the model wrote although nobody spoke: no text, for nothing was said."""
    if not conversation.withheld:
        return Withheld(0, ())
    voices = list(voices_of(conversation))
    speakers = {channel: speaker for channel, speaker in voices if [each for each, _ in voices].count(channel) == 1}
    stretches = [
        Silence(
            start=each["start"],
            end=each["end"],
            words=each["words"],
            reason=each["reason"],
            speaker=speakers.get(each["channel"], ""),
        )
        for each in sorted(conversation.withheld, key=lambda each: float(each["start"]))
    ]
    return Withheld(sum(each.words for each in stretches), stretches)


def voices_of(conversation: Conversation) -> Iterable[Voice]:
    """Who speaks in a call."""
    return conversation.utterances.order_by().values_list("channel", "speaker").distinct()


def lanes(voices: Iterable[Voice]) -> dict[Voice, int]:
    """The line and colour of each voice: the agent's above, then the others as recorded, two on one channel by name."""
    order = sorted(set(voices), key=lambda voice: (voice[1] != AGENT, voice))
    return {voice: lane for lane, voice in enumerate(order)}


@dataclass(frozen=True)
class Token:
    """A word with its place in the text."""

    text: str
    start: float | None
    end: float | None
    start_char: int


def tokens(utterance: Utterance) -> Iterator[Token]:
    """The words of an utterance; the text of one is its words joined by single spaces."""
    spoken = utterance.words or untimed(utterance.text)
    for word, (start_char, _end) in zip(spoken, offsets(each["text"] for each in spoken), strict=True):
        yield Token(word["text"], word.get("start"), word.get("end"), start_char)


def untimed(text: str) -> list[dict[str, Any]]:
    """The words of a text that has no times."""
    return [{"text": word} for word in text.split(" ")]


def spoken(utterance: Utterance, hidden: dict[int, Redaction], named: Sequence[Entity]) -> SafeString:
    """The words of an utterance as markup."""

    def entity_at(token: Token) -> Entity | None:
        end = token.start_char + len(token.text)
        return next((each for each in named if token.start_char < each.end_char and each.start_char < end), None)

    parts = []
    for entity, run in groupby(tokens(utterance), key=entity_at):
        inside = format_html_join(" ", "{}", ((word(each, utterance, hidden),) for each in run))
        parts.append(underlined(inside, entity) if entity else inside)
    return format_html_join(" ", "{}", ((part,) for part in parts))


def word(token: Token, utterance: Utterance, hidden: dict[int, Redaction]) -> SafeString:
    """One word, or the pill that stands for a hidden stretch."""
    if redaction := hidden.get(token.start_char):
        return pill(token, utterance, redaction)
    if token.start is None or token.end is None:
        return format_html("<span>{}</span>", token.text)
    times = f"{token.start:.2f}", f"{token.end:.2f}"
    return format_html('<span data-start="{}" data-end="{}">{}</span>', *times, token.text)


def pill(token: Token, utterance: Utterance, redaction: Redaction) -> SafeString:
    """A hidden stretch: its placeholder, and why it is hidden for who hovers or focuses it."""
    name = f"why-{utterance.index}-{redaction.start_char}"
    return format_html(
        '<span class="hidden-words"><button type="button" class="pill" data-start="{}" data-end="{}"'
        ' aria-describedby="{}">{}</button><span role="tooltip" class="why" id="{}">{}</span></span>',
        *(f"{redaction.start:.2f}", f"{redaction.end:.2f}", name, token.text, name, why(redaction)),
    )


def why(redaction: Redaction) -> str:
    """What is hidden, and what found it."""
    kind = capfirst(words.label_name(redaction.label))
    if not redaction.detector:
        return _("%(kind)s, hidden in text and audio.") % {"kind": kind}
    return _("%(kind)s, hidden in text and audio. Found by “%(detector)s”, %(score)s sure.") % {
        "kind": kind,
        "detector": words.spelled_out(redaction.detector),
        "score": percent(redaction.score),
    }


def underlined(inside: SafeString, entity: Entity) -> SafeString:
    """An entity, underlined by its kind."""
    return format_html(
        '<span class="entity" data-kind="{}" title="{}">{}</span>', entity.label, words.label_name(entity.label), inside
    )
