"""Qualification: which of an organization's tags a call deserves, and the words that say so.

The call is read once. Its words are folded (case, accents and punctuation do not count), and every phrase of the
taxonomy is looked for at every word through one prefix tree, so the cost grows with the length of the call and hardly
with the number of phrases. Rules then only compare the occurrences that were found.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from typing import NamedTuple

from pipeline.documents import Evidence, Rule, Tag, TagDefinition, Tags, Taxonomy, Transcript, Utterance

EVIDENCE_PER_TAG = 10

_WORD = re.compile(r"(?:\w[\u0300-\u036f]*)+")  # \w alone would break "é" written as e and a combining accent
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "oe", "Æ": "ae"})

Phrase = tuple[str, ...]  # of folded words


def qualify(transcript: Transcript, taxonomy: Taxonomy) -> Tags:
    """The tags whose rules hold in a transcript (anonymized: its words become evidence), in the taxonomy's order.

    A tag has at most ``EVIDENCE_PER_TAG`` stretches of evidence, the earliest ones; one that rests on what was *not*
    said has none.
    """
    call = _Call(transcript, _find(transcript, _phrases(taxonomy)))
    given = (_give(definition, call) for definition in taxonomy.tags)
    return Tags(tags=tuple(tag for tag in given if tag is not None))


class _Token(NamedTuple):
    """A folded word of an utterance. Tokens of one ``turn`` are said by one speaker without another in between."""

    word: str
    turn: int
    utterance: int
    start_char: int
    end_char: int


class _Occurrence(NamedTuple):
    """A phrase that was said, in one stretch an utterance. ``start`` is the second in which it begins."""

    speaker: str
    start: float
    stretches: tuple[Evidence, ...]


@dataclass(frozen=True)
class _Call:
    transcript: Transcript
    occurrences: dict[Phrase, list[_Occurrence]]

    def said(self, phrase: str, rule: Rule) -> list[_Occurrence]:
        """The occurrences of a phrase that a rule looks at: by its speaker, in its seconds of the call."""
        earliest = self.transcript.duration - (inf if rule.last is None else rule.last)
        latest = inf if rule.first is None else rule.first
        return [
            occurrence
            for occurrence in self.occurrences.get(_fold_phrase(phrase), ())
            if rule.speaker in ("", occurrence.speaker) and earliest <= occurrence.start <= latest
        ]

    def is_heard(self, speaker: str) -> bool:
        return any(speaker in ("", utterance.speaker) for utterance in self.transcript.utterances)


@dataclass
class _Node:
    """A node of the prefix tree of phrases. ``phrase`` is set where one ends."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    phrase: Phrase | None = None


# ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _give(definition: TagDefinition, call: _Call) -> Tag | None:
    outcomes = [_apply(rule, call) for rule in definition.rules]
    holding = [occurrences for occurrences in outcomes if occurrences is not None]
    if not holding:
        return None
    stretches = (stretch for occurrences in holding for said in occurrences for stretch in said.stretches)
    evidence = tuple(_without_nested(stretches))[:EVIDENCE_PER_TAG]
    return Tag(tag=definition.tag, name=definition.name, provenance=f"rule:{definition.tag}", evidence=evidence)


def _apply(rule: Rule, call: _Call) -> list[_Occurrence] | None:
    """The occurrences that make a rule hold; None when it does not.

    A rule without phrases says nothing and never holds. Nor does one about a speaker who is not heard at all: in a
    mono call, where nobody is known to be the agent, the agent's greeting is not missing.
    """
    if not (rule.any or rule.all or rule.none) or not call.is_heard(rule.speaker):
        return None
    if any(call.said(phrase, rule) for phrase in rule.none):
        return None
    some = [occurrence for phrase in rule.any for occurrence in call.said(phrase, rule)]
    together = _together([call.said(phrase, rule) for phrase in dict.fromkeys(rule.all)], rule.within)
    if (rule.any and not some) or (rule.all and not together):
        return None
    return some + together


def _together(phrases: Sequence[list[_Occurrence]], within: float | None) -> list[_Occurrence]:
    """The occurrences that stand in a window of ``within`` seconds (None: the call) in which every phrase begins.

    A window slides over all occurrences in order of time; ``inside`` counts what it holds of each phrase.
    """
    numbered = ((number, said) for number, phrase in enumerate(phrases) for said in phrase)
    ordered = sorted(numbered, key=lambda it: it[1].start)
    width = inf if within is None else within
    inside = [0] * len(phrases)
    kept: list[_Occurrence] = []
    left = kept_until = 0
    for right, (number, latest) in enumerate(ordered):
        inside[number] += 1
        while latest.start - ordered[left][1].start > width:
            inside[ordered[left][0]] -= 1
            left += 1
        if all(inside):
            kept += [said for _, said in ordered[max(left, kept_until) : right + 1]]
            kept_until = right + 1
    return kept


def _without_nested(stretches: Iterable[Evidence]) -> Iterator[Evidence]:
    """Evidence in order of the text, without a stretch that lies inside another ("refund" in "want a refund")."""
    utterance, end_char = -1, -1
    for stretch in sorted(stretches, key=lambda it: (it.utterance, it.start_char, -it.end_char)):
        if stretch.utterance != utterance or stretch.end_char > end_char:
            utterance, end_char = stretch.utterance, stretch.end_char
            yield stretch


# ── Phrases ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _phrases(taxonomy: Taxonomy) -> set[Phrase]:
    rules = (rule for definition in taxonomy.tags for rule in definition.rules)
    return {_fold_phrase(phrase) for rule in rules for phrase in (*rule.any, *rule.all, *rule.none)} - {()}


def _find(transcript: Transcript, phrases: Iterable[Phrase]) -> dict[Phrase, list[_Occurrence]]:
    """Every occurrence of every phrase, in order of the text."""
    root, tokens, found = _tree(phrases), _tokens(transcript), dict[Phrase, list[_Occurrence]]()
    timelines: dict[int, _Timeline] = {}
    for first in range(len(tokens)):
        for phrase in _phrases_at(root, tokens, first):
            said = _occurrence(transcript, tokens[first : first + len(phrase)], timelines)
            found.setdefault(phrase, []).append(said)
    return found


def _tree(phrases: Iterable[Phrase]) -> _Node:
    root = _Node()
    for phrase in phrases:
        node = root
        for word in phrase:
            node = node.children.setdefault(word, _Node())
        node.phrase = phrase
    return root


def _phrases_at(root: _Node, tokens: Sequence[_Token], first: int) -> Iterator[Phrase]:
    """The phrases that begin at a token and end in its turn."""
    node: _Node | None = root
    for position in range(first, len(tokens)):
        token = tokens[position]
        node = node.children.get(token.word) if node and token.turn == tokens[first].turn else None
        if node is None:
            return
        if node.phrase is not None:
            yield node.phrase


def _tokens(transcript: Transcript) -> list[_Token]:
    tokens: list[_Token] = []
    turn, speaker = 0, None
    for position, utterance in enumerate(transcript.utterances):
        turn += utterance.speaker != speaker
        speaker = utterance.speaker
        tokens += [_Token(_fold(m[0]), turn, position, *m.span()) for m in _WORD.finditer(utterance.text)]
    return tokens


def _fold_phrase(phrase: str) -> Phrase:
    return tuple(_fold(word) for word in _WORD.findall(phrase))


def _fold(word: str) -> str:
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.translate(_LIGATURES).casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


# ── Evidence ─────────────────────────────────────────────────────────────────────────────────────────────────────


class _Timeline:
    """Looks up when a character of an utterance is spoken; where no word has a time, the utterance's own is taken."""

    def __init__(self, utterance: Utterance) -> None:
        self._utterance = utterance
        self._begins = [0, *accumulate(len(word.text) + 1 for word in utterance.words)]  # words joined by one space

    def start(self, char: int) -> float:
        words = self._utterance.words
        time = words[bisect_right(self._begins, char) - 1].start if char < self._begins[-1] else None
        return self._utterance.start if time is None else time

    def end(self, char: int) -> float:
        words = self._utterance.words
        time = words[bisect_right(self._begins, char) - 1].end if char < self._begins[-1] else None
        return self._utterance.end if time is None else time


def _occurrence(transcript: Transcript, tokens: list[_Token], timelines: dict[int, _Timeline]) -> _Occurrence:
    stretches = []
    for position in dict.fromkeys(token.utterance for token in tokens):
        utterance = transcript.utterances[position]
        spoken = [token for token in tokens if token.utterance == position]
        timeline = timelines.setdefault(position, _Timeline(utterance))
        start_char, end_char = spoken[0].start_char, spoken[-1].end_char
        stretches.append(
            Evidence(
                utterance=utterance.index,
                start=timeline.start(start_char),
                end=timeline.end(end_char - 1),
                start_char=start_char,
                end_char=end_char,
                words=utterance.text[start_char:end_char],
            )
        )
    speaker = transcript.utterances[tokens[0].utterance].speaker
    return _Occurrence(speaker, stretches[0].start, tuple(stretches))
