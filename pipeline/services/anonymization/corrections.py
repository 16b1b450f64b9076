"""Corrections: the word of people on what is hidden, above that of the detectors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from pipeline.documents import Corrections, Entities, HiddenBefore, Redaction, Transcript, Utterance, Word, offsets
from pipeline.services.anonymization.detectors import Found
from pipeline.services.anonymization.echoes import find_echoes
from pipeline.services.anonymization.reading import Call
from pipeline.services.anonymization.redaction import Rewritten, surviving
from pipeline.services.naming import named_by_voice, share_a_channel

PERSON, ECHOES = "person", "parley_echoes"
Verdicts = Mapping[int, str]  # of the words of an utterance: a label, or "" for no personal data


def with_speakers(utterances: Sequence[Utterance], channels: Sequence[str]) -> Sequence[Utterance]:
    """The utterances as of who speaks on each channel, or with each voice of one; without ``channels``, as they are."""
    if not channels:
        return utterances
    if share_a_channel(utterances):
        return named_by_voice(utterances, channels)
    return [msgspec.structs.replace(each, speaker=channels[each.channel]) for each in utterances]


def corrected(
    found: Sequence[Found], verdicts: Sequence[Verdicts], call: Call, utterances: Sequence[Utterance]
) -> list[Found]:
    """What was found, as people corrected it, in order. ``verdicts`` are theirs on each of the ``utterances``.

    Words that a person spoke of are as the person said, whoever found them; a stretch that goes over some of them
    keeps its others. What a person hid is an echo to the rest of the call. ``call.shown`` tells what was shown.
    """
    if not any(verdicts):
        return list(found)
    places = [
        [(line.start + start, line.start + end) for start, end in offsets(word.text for word in each.words)]
        for each, line in zip(utterances, call.lines, strict=True)
    ]
    hidden = [
        Found(places[line][first][0], places[line][stop - 1][1], label, PERSON, 1.0)
        for line, words in enumerate(verdicts)
        for first, stop, label in runs_of(words)
        if label
    ]
    for line, words in enumerate(verdicts):
        call.shown.update(places[line][word][0] for word, label in words.items() if not label)
    others = [part for each in [*found, *_echoes(call, hidden)] for part in _without(each, call, places, verdicts)]
    return sorted([*others, *hidden])


def verdicts_of(
    corrections: Corrections, transcript: Transcript, before: Sequence[HiddenBefore] = ()
) -> list[dict[int, str]]:
    """What people said last of each word of each utterance, in this run or, by its times, in those ``before``."""
    one = transcript.channels == 1
    return [_by_times(before, each, one) | _by_numbers(corrections, each) for each in transcript.utterances]


def _by_times(before: Sequence[HiddenBefore], utterance: Utterance, one: bool) -> dict[int, str]:
    """The words that lie where a person hid some; without times, they lie anywhere in the utterance."""
    verdicts: dict[int, str] = {}
    for each in before:
        if not (one or each.channel in (None, utterance.channel)):
            continue
        for number, word in enumerate(utterance.words):
            start, end = word.start, word.end
            if start is None or end is None:
                start, end = utterance.start, utterance.end
            if start < each.end and each.start < end:
                verdicts[number] = each.label
    return verdicts


def _by_numbers(corrections: Corrections, utterance: Utterance) -> dict[int, str]:
    return {
        word: each.label
        for each in corrections.corrections
        if each.utterance == utterance.index
        for word in range(each.first, min(each.stop, len(utterance.words)))
    }


def runs_of(words: Verdicts) -> Iterator[tuple[int, int, str]]:
    """Words of which the same was said, one after the other, as (first, stop, label)."""
    ordered = sorted(words.items())
    for (_, label), run in groupby(enumerate(ordered), key=lambda each: (each[1][0] - each[0], each[1][1])):
        numbers = [word for _, (word, _) in run]
        yield numbers[0], numbers[-1] + 1, label


def _echoes(call: Call, hidden: Sequence[Found]) -> Iterator[Found]:
    """Where else that is said which people hid."""
    for match in find_echoes(call, [(each.start, each.end, each.label) for each in hidden]):
        start, end = call.tokens[match.first].start, call.tokens[match.last].end
        yield Found(start, end, match.label, ECHOES, match.score)


def _without(
    found: Found, call: Call, places: Sequence[Sequence[tuple[int, int]]], verdicts: Sequence[Verdicts]
) -> Iterator[Found]:
    """The parts of a stretch that nobody spoke of."""
    line = call.line_at(found.start)
    if not verdicts[line]:
        yield found
        return
    touched = [
        number for number, (start, end) in enumerate(places[line]) if start < found.end and found.start < end
    ]  # fmt: skip
    left = {number: found.label for number in touched if number not in verdicts[line]}
    for first, stop, _ in runs_of(left):
        yield found._replace(start=places[line][first][0], end=places[line][stop - 1][1])


# ── Where only the anonymized transcript is left ─────────────────────────────────────────────────────────────────


def hide_more(
    transcript: Transcript, entities: Entities, corrections: Corrections
) -> tuple[Transcript, Entities]:  # fmt: skip
    """An anonymized transcript, and its entities, with more words hidden. Nothing can be shown: it is not there."""
    numbers = _Numbers(transcript.redactions)
    rewritten = []
    for utterance, verdicts in zip(transcript.utterances, verdicts_of(corrections, transcript), strict=True):
        own = {each.start_char: each for each in transcript.redactions if each.utterance == utterance.index}
        words = {word: label for word, label in verdicts.items() if label}
        rewritten.append(_hidden_more(utterance, own, list(runs_of(words)), numbers))
    safe = msgspec.structs.replace(
        transcript,
        utterances=tuple(each.utterance for each in rewritten),
        redactions=tuple(redaction for each in rewritten for redaction in each.redactions),
    )
    return safe, surviving(entities, transcript, rewritten)


class _Numbers:
    """The placeholders of an anonymized call, to go on with: equal words have the same."""

    def __init__(self, redactions: Iterable[Redaction]) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._count: dict[str, int] = {}
        for each in redactions:
            number = int(each.placeholder.strip("[]").rpartition("_")[2])
            self._count[each.label] = max(number, self._count.get(each.label, 0))

    def of(self, label: str, said: str) -> str:
        """The placeholder of words."""
        key = label, said.casefold()
        if key not in self._known:
            self._count[label] = self._count.get(label, 0) + 1
            self._known[key] = f"[{label}_{self._count[label]}]"
        return self._known[key]


def _hidden_more(
    utterance: Utterance, own: Mapping[int, Redaction], runs: Sequence[tuple[int, int, str]], numbers: _Numbers
) -> Rewritten:
    """An utterance with runs of its words hidden; ``own`` are its redactions by where their placeholders start."""
    spans = list(offsets(word.text for word in utterance.words))
    begun = {first: (stop, label) for first, stop, label in runs}
    words: list[Word] = []
    redactions: list[Redaction] = []
    moved: list[tuple[int, int, int]] = []
    length = done = 0
    while done < len(spans):
        stop, label = begun.get(done, (done + 1, ""))
        word, known = utterance.words[done], own.get(spans[done][0])
        if label:
            raw = sum(own[start].words if start in own else 1 for start, _ in spans[done:stop])
            known = _redaction(utterance, done, stop, label, numbers, raw)
            word = Word(text=known.placeholder, start=known.start, end=known.end)
        else:
            moved.append((*spans[done], length - spans[done][0]))
        if known:
            redactions.append(msgspec.structs.replace(known, start_char=length, end_char=length + len(word.text)))
        words.append(word)
        length += len(word.text) + 1
        done = stop
    text = " ".join(word.text for word in words)
    return Rewritten(msgspec.structs.replace(utterance, text=text, words=tuple(words)), redactions, moved)


def _redaction(utterance: Utterance, first: int, stop: int, label: str, numbers: _Numbers, raw: int) -> Redaction:
    """The redaction of words of an anonymized utterance, which stand for so many raw ones."""
    words = utterance.words[first:stop]
    timed = all(word.start is not None and word.end is not None for word in words)
    return Redaction(
        label=label, placeholder=numbers.of(label, " ".join(word.text for word in words)), utterance=utterance.index,
        channel=utterance.channel, start=words[0].start if timed else None, end=words[-1].end if timed else None,
        detector=PERSON, score=1.0, words=raw,
    )  # fmt: skip
