"""What a question makes of its answer: the labels that are expected in each utterance, and next to each word."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.services.anonymization.reading import Call, Cue, Item, Kind

YEAR = re.compile(r"(?:19|20)\d\d")
DAY, MONTH, LATELY = r"(?:0[1-9]|[12]\d|3[01])", r"(?:0[1-9]|1[0-2])", r"20[1-3]\d"
DATE = re.compile(rf"{DAY}{MONTH}{LATELY}|{MONTH}{DAY}{LATELY}|{LATELY}{MONTH}{DAY}")  # of no caller's birth
NEAR = 12  # a cue reaches so many tokens ahead …
JUST_AFTER = 5  # … and so many back, when none stands before
ANSWERED = 2  # digits or letters of a number that answer a question
HARMLESS = frozenset({"MONEY", "QUANTITY", "DATE", "TIME"})  # labels of what is asked for and no personal data
IS = frozenset(("is", "s", "est"))  # a value follows
PATIENCE = 2  # a question stays open over so many utterances that neither answer nor ask anything


class Match(NamedTuple):
    """Tokens ``first`` to ``last`` are personal data, as a rule sees it. ``score`` is its certainty, up to 1."""

    first: int
    last: int
    label: str
    score: float


class Score:
    """How certain a rule is."""

    CHECKED = 1.0  # a check digit or a grammar that nothing else has
    TOLD = 0.9  # somebody said what it is
    SHAPE = 0.7  # it looks like it
    DOUBT = 0.5  # hidden because it might be


def expectations(call: Call) -> list[tuple[str, ...]]:
    """For each utterance, the labels that the other speaker asked for, or that its speaker had just announced."""
    expected: list[tuple[str, ...]] = []
    question: tuple[str, ...] = ()
    asker, age, announced = "", 0, False
    for index, line in enumerate(call.lines):
        own = asker == line.speaker
        holds = (announced and age == 0) if own else age <= PATIENCE
        expected.append(question if holds and not _was_answered(call, index) else ())
        if call.cues[index]:
            announced = _is_announcement(call, index)
            question, asker, age = tuple(cue.told for cue in call.cues[index]), line.speaker, 0
        elif not leaves_open(call, index):
            age += 1
    return expected


def _was_answered(call: Call, index: int) -> bool:
    """Whether a speaker gave a number just before and goes on with something else."""
    line, before = call.lines[index], call.lines[index - 1]
    if index == 0 or line.speaker != before.speaker or begins_with_number(call, index):
        return False
    spoken = (item for item in call.items[index - 1] if item.kind in (Kind.DIGITS, Kind.LETTERS))
    return sum(len(item.value) for item in spoken) >= ANSWERED


def opens_answer(call: Call, token: int) -> str:
    """The label of the personal data that the other speaker has just asked for, or that its own speaker has just
    announced, if a token is the first thing said after that, else "". "How much is on your card?" asks for none.
    """
    index = call.line_of(token)
    line, before = call.lines[index], call.lines[index - 1]
    cues = call.cues[index - 1] if index else []
    if cues and before.speaker == line.speaker and not _is_announcement(call, index - 1):
        return ""
    if not cues or any(cue.told in HARMLESS for cue in cues):
        return ""
    said = (each.fold for each in call.tokens[line.first : token] if each.text.isalnum())
    around = (call.words.acknowledgements, call.words.fillers, call.words.copulas, call.words.hedges)
    return cues[-1].told if all(any(word in words for words in around) for word in said) else ""


def begins_with_number(call: Call, index: int) -> bool:
    """Whether an utterance begins with digits or letters, but for fillers and "yes"."""
    said = (item for item in _telling(call.items[index]) if item.value not in call.words.acknowledgements)
    return next((item.kind in (Kind.DIGITS, Kind.LETTERS) for item in said), False)


def _is_announcement(call: Call, index: int) -> bool:
    """Whether an utterance ends in "… number is", so that its speaker's next one must hold the value."""
    words, first = call.words, call.cues[index][-1].last + 1
    after = [token.fold for token in call.tokens[first : call.lines[index].stop] if token.text.isalnum()]
    return bool(after) and all(word in words.copulas or word in words.fillers for word in after)


def leaves_open(call: Call, index: int) -> bool:
    """Whether an utterance is only "mm-hmm", "go on" or a number repeated: what was begun before it goes on after."""
    return all(
        item.kind is not Kind.WORD or item.value in call.words.acknowledgements or not item.value.isalnum()
        for item in call.items[index]
    )


def told_near(call: Call, index: int, first: int, last: int) -> str:
    """The label told by the nearest cue before some tokens of an utterance, or just after them ("" = none)."""
    before = [cue for cue in call.cues[index] if cue.last < first and first - cue.last <= NEAR]
    if before:
        return before[-1].told
    after = [cue for cue in call.cues[index] if cue.first > last and cue.first - last <= JUST_AFTER]
    return after[0].told if after else ""


def is_told(call: Call, index: int, label: str, expected: Sequence[str]) -> bool:
    """Whether an utterance has a cue for a label, or was asked for it."""
    return label in expected or any(cue.told == label for cue in call.cues[index])


def cues_for(call: Call, index: int, label: str) -> list[Cue]:
    """The cues for one label in an utterance."""
    return [cue for cue in call.cues[index] if cue.told == label]


def words_of(items: Sequence[Item]) -> list[Item]:
    """The items that say something: no marks, no fillers."""
    return list(_telling(items))


def _telling(items: Sequence[Item]) -> Iterator[Item]:
    return (item for item in items if item.kind not in (Kind.JOINT, Kind.FILLER) and item.value.isalnum())
