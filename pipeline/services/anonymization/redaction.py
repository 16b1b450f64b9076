"""Redaction: a transcript in which the stretches that were found are placeholders, in text and words alike."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from pipeline.documents import Entities, Entity, Redaction, Transcript, Utterance, Word
from pipeline.services.anonymization.detectors import Found
from pipeline.services.anonymization.reading import Call, Kind


class Stretch(NamedTuple):
    """Words ``first`` up to ``stop`` of an utterance, to become one placeholder."""

    first: int
    stop: int
    label: str
    detector: str
    score: float


class Rewritten(NamedTuple):
    """An anonymized utterance, its redactions, and where each character offset of its old words has gone."""

    utterance: Utterance
    redactions: list[Redaction]
    moved: list[tuple[int, int, int]]  # (start, end, shift) of each word that stays


class Placeholders:
    """The placeholders of a call: one number for a value, however it is said, and for a name and its parts."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._names: list[set[str]] = []
        self._count: dict[str, int] = {}

    def of(self, label: str, value: str) -> str:
        """The placeholder of a value, which is in one spelling (``Call.value``)."""
        number = self._name(value) if label == "NAME" else self._numbers.get((label, value))
        if number is None:
            number = self._count[label] = self._count.get(label, 0) + 1
            self._numbers[label, value] = number
        return f"[{label}_{number}]"

    def _name(self, value: str) -> int:
        words = set(value.split())
        for number, known in enumerate(self._names, start=1):
            if words <= known or known <= words:
                known |= words
                return number
        self._names.append(words)
        return len(self._names)


def with_words(utterance: Utterance) -> Utterance:
    """The utterance with words: where an engine gave none, those of its text, without times."""
    if utterance.words or not utterance.text:
        return utterance
    words = tuple(Word(text=word) for word in utterance.text.split())
    return msgspec.structs.replace(utterance, words=words, text=" ".join(word.text for word in words))


def redact(transcript: Transcript, call: Call, found: Sequence[Found]) -> tuple[Transcript, list[Rewritten]]:
    """The safe transcript, and how each utterance was rewritten. Every utterance has words (``with_words``)."""
    placeholders = Placeholders()
    by_line: list[list[Found]] = [[] for _ in call.lines]
    for each in found:
        by_line[call.line_at(each.start)].append(each)
    rewritten = [
        _rewrite(utterance, call, line, by_line[line], placeholders)
        for line, utterance in enumerate(transcript.utterances)
    ]
    safe = msgspec.structs.replace(
        transcript,
        utterances=tuple(each.utterance for each in rewritten),
        redactions=tuple(redaction for each in rewritten for redaction in each.redactions),
    )
    return safe, rewritten


def surviving(entities: Entities, transcript: Transcript, rewritten: Sequence[Rewritten]) -> Entities:
    """The entities that touch no redaction, with offsets in the anonymized text."""
    by_index = {utterance.index: each for utterance, each in zip(transcript.utterances, rewritten, strict=True)}
    moved = (_moved(entity, by_index[entity.utterance]) for entity in entities.entities if entity.utterance in by_index)
    return Entities(entities=tuple(entity for entity in moved if entity))


def _moved(entity: Entity, rewritten: Rewritten) -> Entity | None:
    touched = [word for word in rewritten.moved if word[0] < entity.end_char and entity.start_char < word[1]]
    shifts = {shift for _, _, shift in touched}
    if len(shifts) != 1 or touched[0][0] > entity.start_char or touched[-1][1] < entity.end_char:
        return None
    shift = shifts.pop()
    return msgspec.structs.replace(entity, start_char=entity.start_char + shift, end_char=entity.end_char + shift)


def _rewrite(utterance: Utterance, call: Call, line: int, found: list[Found], placeholders: Placeholders) -> Rewritten:
    spans = list(_word_spans(utterance.words))
    start = call.lines[line].start
    words: list[Word] = []
    redactions: list[Redaction] = []
    moved: list[tuple[int, int, int]] = []
    length = done = 0
    for stretch in [*_stretches(call, utterance.words, spans, start, found), None]:
        for number in range(done, stretch.first if stretch else len(utterance.words)):
            moved.append((*spans[number], length - spans[number][0]))
            words.append(utterance.words[number])
            length += len(words[-1].text) + 1
        if stretch is None:
            break
        value = call.value(start + spans[stretch.first][0], start + spans[stretch.stop - 1][1])
        placeholder = placeholders.of(stretch.label, value)
        redactions.append(_redaction(utterance, stretch, placeholder, length))
        words.append(Word(text=placeholder, start=redactions[-1].start, end=redactions[-1].end))
        length += len(placeholder) + 1
        done = stretch.stop
    text = " ".join(word.text for word in words)
    return Rewritten(msgspec.structs.replace(utterance, text=text, words=tuple(words)), redactions, moved)


def _redaction(utterance: Utterance, stretch: Stretch, placeholder: str, start_char: int) -> Redaction:
    words = utterance.words[stretch.first : stretch.stop]
    timed = all(word.start is not None and word.end is not None for word in words)
    return Redaction(
        label=stretch.label,
        placeholder=placeholder,
        utterance=utterance.index,
        channel=utterance.channel,
        start=words[0].start if timed else None,
        end=words[-1].end if timed else None,
        start_char=start_char,
        end_char=start_char + len(placeholder),
        detector=stretch.detector,
        score=stretch.score,
        words=len(words),
    )


def _word_spans(words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    start = 0
    for word in words:
        yield start, start + len(word.text)
        start += len(word.text) + 1


def _stretches(
    call: Call, words: Sequence[Word], spans: Sequence[tuple[int, int]], offset: int, found: Sequence[Found]
) -> list[Stretch]:
    """What was found, widened to whole words; those that share a word, or a label over fillers, are one."""
    stretches: list[Stretch] = []
    for each in found:
        touched = [
            number
            for number, (start, end) in enumerate(spans)
            if offset + start < each.end and each.start < offset + end
        ]
        if not touched:
            continue
        stretch = Stretch(touched[0], touched[-1] + 1, each.label, each.detector, each.score)
        before = stretches[-1] if stretches else None
        if before and (stretch.first < before.stop or _is_one(call, words, spans, offset, before, stretch)):
            surest = max(before, stretch, key=lambda either: either.score)
            stretches[-1] = surest._replace(first=before.first, stop=max(before.stop, stretch.stop))
        else:
            stretches.append(stretch)
    return stretches


def _is_one(
    call: Call,
    words: Sequence[Word],
    spans: Sequence[tuple[int, int]],
    offset: int,
    before: Stretch,
    stretch: Stretch,
) -> bool:
    """Whether two stretches of one label have nothing but fillers between them. Names must touch without a mark."""
    if before.label != stretch.label:
        return False
    if before.stop == stretch.first:
        return stretch.label != "NAME" or words[before.stop - 1].text[-1].isalnum()
    start, end = offset + spans[before.stop][0], offset + spans[stretch.first - 1][1]
    between = [item for item in call.items[call.line_at(offset)] if start <= call.tokens[item.first].start < end]
    return bool(between) and all(item.kind in (Kind.FILLER, Kind.JOINT) or not item.value.isalnum() for item in between)
