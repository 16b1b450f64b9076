"""Reading a call: its words as tokens, and the numbers and letters they spell, each with its place in the text.

The utterances are joined to one text, so that detectors run once a call. ``Item`` is the normalised view:
"double five oh", "trente-quatre" and "r as in Robert" are items with the values "55", "0", "34" and "r", and know
which tokens they came from.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from pipeline.services.anonymization.vocabulary import Phrases, Vocabulary, fold, vocabulary_of

if TYPE_CHECKING:
    from pipeline.services.anonymization.runs import Run

TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
# Times and amounts as they are written. Other digit strings are no amounts, whatever stands beside them: recognizers
# also write "$149.069.1393" and "$25.301".
MEASURE = re.compile(
    r"(?<![\d.,])(?:"
    r"(?:[01]?\d|2[0-3])\s?(?:[:h]\s?[0-5]\d\b|[ap]\.?m\b\.?)"  # 14:30, 2 pm
    r"|(?:\$\s?(?:\d{1,3}(?:,\d{3})+|\d{1,9})|[€£]\s?(?:\d{1,3}(?:[.,]\d{3})+|\d{1,9}))"  # $1,200, €1.200
    r"(?:[.,]\d{1,2})?(?![.,]?\d)"  # … and cents
    r"|\d[\d.,]{0,9}\s?(?:[$%](?!\d)|[€£](?:\d\d)?(?!\d))"  # 45 %, 12€50
    r")",
    re.IGNORECASE,
)
BREAK = "\0\n"  # between two utterances: no pattern of scrubadub runs over a NUL
JOINING_MARKS = frozenset("-./,()+#*–—_")


class Token(NamedTuple):
    """A word, a string of digits or a mark. ``start`` and ``end`` are offsets in the text of the call."""

    text: str
    fold: str
    start: int
    end: int
    glued: bool  # to the token before, with no space between


class Kind(Enum):
    """What an item is."""

    DIGITS = "digits"
    LETTERS = "letters"
    WORD = "word"
    FILLER = "filler"
    JOINT = "joint"


class Item(NamedTuple):
    """Tokens ``first`` to ``last`` read together. ``value`` is digits, letters, or the folded word."""

    kind: Kind
    value: str
    first: int
    last: int
    amount: bool = False  # said with "hundred", "thousand" …, or written as a time or a price


class Line(NamedTuple):
    """An utterance: its speaker, its offset in the text, its tokens ``first`` up to ``stop``."""

    speaker: str
    start: int
    end: int
    first: int
    stop: int
    cased: bool  # written with capitals, so that a capital tells something


class Cue(NamedTuple):
    """A phrase that tells what is near it."""

    told: str
    first: int
    last: int


@dataclass
class Call:
    """The utterances of a call as one text, its tokens and its items."""

    text: str
    lines: list[Line]
    tokens: list[Token]
    words: Vocabulary
    people: list[tuple[int, int]] = field(default_factory=list)  # offsets of the names that spaCy found
    shown: set[int] = field(default_factory=set)  # where words start that a person said are no personal data

    @cached_property
    def items(self) -> list[list[Item]]:
        """The items of each utterance."""
        from pipeline.services.anonymization.spoken import read_items

        return [list(read_items(self, line)) for line in self.lines]

    @cached_property
    def cues(self) -> list[list[Cue]]:
        """The cues for a label in each utterance, in order."""
        return [list(self.phrases(self.words.cues, line)) for line in self.lines]

    @cached_property
    def chains(self) -> "list[list[Run]]":
        """The numbers and codes of the call, each with what goes on with it in later utterances."""
        from pipeline.services.anonymization.runs import find_chains

        return list(find_chains(self))

    @cached_property
    def dates(self) -> list[list[tuple[int, int]]]:
        """For each utterance, the tokens (first, last) of its dates with a month in words or all in figures."""
        from pipeline.services.anonymization.dates import find_dates

        return find_dates(self)

    @cached_property
    def expected(self) -> list[tuple[str, ...]]:
        """For each utterance, the labels that were asked for, or that its speaker had just announced."""
        from pipeline.services.anonymization.context import expectations

        return expectations(self)

    def phrases(self, phrases: Phrases, line: Line) -> Iterator[Cue]:
        """Where phrases stand in an utterance; where several start at one word, the longest."""
        position = line.first
        while position < line.stop:
            begins = self.tokens[position].fold in phrases
            cue = self.phrase_at(phrases, position, line.stop) if begins else None
            if cue:
                yield cue
            position = cue.last + 1 if cue else position + 1

    def phrase_at(self, phrases: Phrases, position: int, stop: int) -> Cue | None:
        """The longest phrase that starts at a token. Marks between its words do not count."""
        for wanted, told in phrases.get(self.tokens[position].fold, ()):
            at = position
            for word in wanted[1:]:
                at += 1
                while at < stop and not self.tokens[at].text.isalnum():
                    at += 1
                if at >= stop or self.tokens[at].fold != word:
                    break
            else:
                return Cue(told, position, at)
        return None

    def value(self, start: int, end: int) -> str:
        """A stretch in one spelling, however it was said: numbers as digits, words folded."""
        said: list[Item] = [item for item in self.items_in(start, end) if item.value.isalnum()]
        if any(item.kind is Kind.DIGITS for item in said):
            return "".join(item.value for item in said)
        parts = groupby(said, key=lambda item: item.kind is Kind.LETTERS)  # a spelled name is one word
        return " ".join(("" if letters else " ").join(item.value for item in part) for letters, part in parts)

    def items_in(self, start: int, end: int) -> list[Item]:
        """The items of a stretch of one utterance."""
        items = self.items[self.line_at(start)]
        first = bisect_right(items, start, key=lambda item: self.tokens[item.last].end)
        stop = bisect_left(items, end, key=lambda item: self.tokens[item.first].start)
        return items[first:stop]

    def tokens_in(self, line: Line, start: int, end: int) -> range:
        """The tokens of an utterance that start in a stretch of the text."""
        first = bisect_left(self.tokens, start, line.first, line.stop, key=lambda token: token.start)
        stop = bisect_left(self.tokens, end, line.first, line.stop, key=lambda token: token.start)
        return range(first, stop)

    def line_of(self, token: int) -> int:
        """The utterance of a token."""
        return bisect_right(self.lines, token, key=lambda line: line.first) - 1

    def line_at(self, offset: int) -> int:
        """The utterance at an offset of the text."""
        return bisect_right(self.lines, offset, key=lambda line: line.start) - 1


def read_call(utterances: Sequence[tuple[str, str]], language: str) -> Call:
    """Read a call of (speaker, text)."""
    lines: list[Line] = []
    tokens: list[Token] = []
    offset = 0
    for speaker, said in utterances:
        first = len(tokens)
        tokens.extend(_tokens(said, offset))
        cased = _is_cased(tokens[first:])
        lines.append(Line(speaker, offset, offset + len(said), first, len(tokens), cased))
        offset += len(said) + len(BREAK)
    return Call(BREAK.join(said for _, said in utterances), lines, tokens, vocabulary_of(language))


def _tokens(said: str, offset: int) -> Iterator[Token]:
    end = -1
    for match in TOKEN.finditer(said):
        word = match.group()
        yield Token(word, fold(word), offset + match.start(), offset + match.end(), match.start() == end)
        end = match.end()


def _is_cased(tokens: Iterable[Token]) -> bool:
    """Whether an utterance is written with capitals: it starts with one, or has one, and is not in capitals alone."""
    letters = [token.text for token in tokens if token.text.isalpha()]
    return (any(word[0].isupper() for word in letters) and any(word.islower() for word in letters)) or (
        0 < len(letters) <= 4 and all(word[0].isupper() for word in letters)
    )
