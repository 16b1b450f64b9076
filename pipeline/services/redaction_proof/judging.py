"""Which of the words that were heard again give personal data away: what is no public word and is personal data."""

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import msgspec

from pipeline.documents import Cut, Doubt, Transcript, is_placeholder, without_placeholders
from pipeline.services.anonymization import Span
from pipeline.services.anonymization.reading import Kind, read_call
from pipeline.services.anonymization.vocabulary import fold, vocabulary_of
from pipeline.services.redaction_proof.hearing import Heard, Window

Detect = Callable[[Sequence[tuple[str, str]], str], Sequence[Span]]

NEAR = 1.0  # seconds from a cut within which a word may be a piece of what was hidden
APART = 2.0  # seconds between the two hearings of one word
ALIKE, ALIKE_LONG = 0.7, 0.6  # likeness of two spellings of one word, of several words
LEAST_SOUND = 0.08  # seconds of sound that a word has at least
LEAST_SURE = 0.4  # probability from which on a word that is seldom said is taken to have been said
LEAST_HEARD = 0.1  # … and one in which the detectors see personal data
ABOUT = 0.5  # seconds around words in which public words lie that they may be; a longer pause parts words
LONGER, MORE = 2, 2  # words heard for others have at most so many times the letters of those, and so many more
MISHEARD = 3  # words in a row that may have been heard for others; more of them are another text
FEWEST_UNKNOWN, LEAST_UNKNOWN = 3, 0.6  # words, and seconds that sound, of speech that the transcript does not have
QUESTIONS = 2  # utterances of others before the window that may be what is answered
SHORTEST = 3  # letters of a piece of a name
LEAST_PART = 4  # letters of a part of a public word that is heard as a word
NUMERIC = frozenset(
    "PHONE CARD CVV PIN CARD_EXPIRY SSN NIR IBAN ACCOUNT BOOKING DATE_OF_BIRTH ADDRESS PASSWORD USERNAME EMAIL".split()
)
OF_DIGITS = frozenset("PHONE CARD CVV PIN CARD_EXPIRY NIR".split())  # no other word is a piece of one


class Public(NamedTuple):
    """A word of the safe transcript, in one spelling, its channel, and the middle of it in seconds.

    One that cannot be heard, for it was cut, has no spelling.
    """

    value: str
    channel: int
    middle: float


class Run(NamedTuple):
    """New words that were heard in a row: their numbers and spellings, where, and for how many seconds they sound.

    ``there`` is what of the speaker's public words is not heard about them, in one.
    """

    values: dict[int, str]
    there: str
    start: float
    end: float
    sounding: float


def doubts_in(
    words: Sequence[Heard],
    window: Window,
    transcript: Transcript,
    cuts: Sequence[Cut],
    detect: Detect,
) -> list[Doubt]:
    """Personal data in what was heard in a window, by the detectors and by its place beside a cut.

    So is speech beside a cut that the safe transcript does not have at all. Words that it has there, perhaps heard as
    others, that do not sound, or that lie far from every cut are none.
    """
    language = transcript.language
    own = [cut for cut in cuts if cut.channel == window.channel]
    public = _public(transcript, window, own)
    new = [
        number
        for number, word in enumerate(words)
        if word.sounding >= LEAST_SOUND and not _is_public(word, public, language)
    ]
    runs = _runs(words, new, [each for each in public if each.channel == window.channel], language)
    misheard = {number for run in runs for number in _misheard(words, run, language)}
    new = [number for number in new if number not in misheard]
    found = {number: label for run in runs for number, label in _unknown(run, own, language).items()}
    found |= _beside(words, new, own, language)
    found |= _detected(words, new, window, transcript, detect)
    doubts: list[Doubt] = []
    for number, label in sorted(found.items()):
        word, before = words[number], doubts[-1] if doubts else None
        if before and before.label == label and word.start - before.end < NEAR:
            doubts[-1] = msgspec.structs.replace(before, end=max(before.end, word.end))
        else:
            doubts.append(Doubt(label=label, channel=window.channel, start=word.start, end=word.end))
    return doubts


def _beside(words: Sequence[Heard], new: Sequence[int], cuts: Sequence[Cut], language: str) -> dict[int, str]:
    """Digits beside a hidden number, and words that are seldom said beside any cut: pieces of what is hidden."""
    found: dict[int, str] = {}
    for number in new:
        word = words[number]
        labels = [cut.label for cut in cuts if word.start < cut.end + NEAR and cut.start - NEAR < word.end]
        for label in labels:
            if (label in NUMERIC and _is_number(words, number, language)) or (
                label not in OF_DIGITS and word.probability >= LEAST_SURE and _is_seldom_said(word.text, language)
            ):
                found[number] = label
    return found


def _detected(
    words: Sequence[Heard],
    new: Sequence[int],
    window: Window,
    transcript: Transcript,
    detect: Detect,
) -> dict[int, str]:
    """What the detectors find in the words, as an answer to what was asked before them, of what is not public."""
    found: dict[int, str] = {}
    if not new:
        return found
    asked = _asked(transcript, window)
    speaker = _speaker(transcript, window)
    said = " ".join(word.text for word in words)
    for span in detect([*asked, (speaker, said)], transcript.language):
        if span.utterance != len(asked):
            continue
        at, heard = 0, []
        for number, word in enumerate(words):
            if at < span.end_char and span.start_char < at + len(word.text):
                heard += [number] if number in new and word.probability >= LEAST_HEARD else []
            at += len(word.text) + 1
        if span.label != "NAME" or any(_may_name(words[number].text, transcript.language) for number in heard):
            found.update(dict.fromkeys(heard, span.label))
    return found


def _asked(transcript: Transcript, window: Window) -> list[tuple[str, str]]:
    """The last utterances of others that began before the end of the window, without what is hidden in them."""
    others = [
        (utterance.speaker, without_placeholders(utterance.text))
        for utterance in transcript.utterances
        if utterance.channel != window.channel and utterance.start < window.end
    ]
    return others[-QUESTIONS:]


def _speaker(transcript: Transcript, window: Window) -> str:
    own = (utterance.speaker for utterance in transcript.utterances if utterance.channel == window.channel)
    return next(own, "")


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _public(transcript: Transcript, window: Window, cuts: Sequence[Cut]) -> list[Public]:
    """The public words of every channel about a window: what one says the other may have in his ear.

    ``cuts`` are those of the window's channel.
    """
    return [
        Public("" if hidden else _value(word.text, transcript.language), utterance.channel, middle)
        for utterance in transcript.utterances
        if utterance.start < window.end + APART and window.start - APART < utterance.end
        for word in utterance.words
        if word.start is not None and word.end is not None
        for middle in ((word.start + word.end) / 2,)
        for hidden in (is_placeholder(word.text) or _is_cut(utterance.channel, middle, cuts),)
    ]


def _is_cut(channel: int, moment: float, cuts: Sequence[Cut]) -> bool:
    return any(cut.channel == channel and cut.start <= moment < cut.end for cut in cuts)


def _runs(words: Sequence[Heard], new: Sequence[int], public: Sequence[Public], language: str) -> list[Run]:
    """New words in a row, parted where another word or nothing is heard for a while."""
    unheard = _unheard(words, new, public, language)
    parted: list[list[int]] = []
    for number in new:
        if parted and parted[-1][-1] == number - 1 and words[number].start - words[number - 1].end < ABOUT:
            parted[-1].append(number)
        else:
            parted.append([number])
    runs: list[Run] = []
    for numbers in parted:
        start, end = words[numbers[0]].start, words[numbers[-1]].end
        there = "".join(each.value for each in unheard if start - ABOUT < each.middle < end + ABOUT)
        values = {number: _value(words[number].text, language) for number in numbers}
        runs.append(Run(values, there, start, end, sum(words[number].sounding for number in numbers)))
    return runs


def _unheard(words: Sequence[Heard], new: Sequence[int], public: Sequence[Public], language: str) -> list[Public]:
    """The public words in whose place no word was heard that is one of them."""
    unheard = [each for each in public if each.value]
    for number in sorted(set(range(len(words))).difference(new)):
        value, middle = _value(words[number].text, language), (words[number].start + words[number].end) / 2
        same = [each for each in unheard if abs(each.middle - middle) < APART and _is_alike(value, each.value)]
        if same:
            unheard.remove(min(same, key=lambda each: abs(each.middle - middle)))
    return unheard


def _misheard(words: Sequence[Heard], run: Run, language: str) -> Iterator[int]:
    """The words of a run that stand where the speaker says public ones that were not heard, and are not much longer.

    A number is none of them, whatever stands there, and what is a name and nothing else is one only if it sounds like
    what stands there ("Néla" for "née le").
    """
    many = sum(not words[number].text.startswith("'") for number in run.values)
    if run.there and many <= MISHEARD and not _is_longer(run):
        heard = "".join(run.values.values())
        same = _is_alike(_squeezed(heard), _squeezed(run.there), ALIKE if len(run.values) == 1 else ALIKE_LONG)
        is_name = vocabulary_of(language).is_name
        yield from (number for number, value in run.values.items() if value.isalpha() and (same or not is_name(value)))


def _unknown(run: Run, cuts: Sequence[Cut], language: str) -> dict[int, str]:
    """Speech beside a cut that the transcript does not have at all: what is hidden there may go on, or be elsewhere."""
    near = [cut for cut in cuts if run.start < cut.end + NEAR and cut.start - NEAR < run.end]
    short = len(run.values) < FEWEST_UNKNOWN or run.sounding < LEAST_UNKNOWN
    nothing = vocabulary_of(language).acknowledgements
    if not near or short or not _is_longer(run) or all(value in nothing for value in run.values.values()):
        return {}
    return dict.fromkeys(run.values, near[0].label)


def _is_longer(run: Run) -> bool:
    """Whether what was heard is too long to be what the transcript has there."""
    return sum(map(len, run.values.values())) > LONGER * len(run.there) + MORE


def _is_public(word: Heard, public: Sequence[Public], language: str) -> bool:
    value, middle = _value(word.text, language), (word.start + word.end) / 2
    near = [each.value for each in public if each.value and abs(each.middle - middle) < APART]
    words = vocabulary_of(language)
    part = len(value) >= LEAST_PART and value.isalpha() and not words.is_name(value) and value not in words.given
    return not value or any(
        value == each
        or (not value.isdigit() and _is_alike(value, each))
        or (part and (each.startswith(value) or each.endswith(value)))  # "Trans-Pacific" is "Transpacific"
        for each in near
    )


def _is_alike(value: str, other: str, least: float = ALIKE) -> bool:
    return SequenceMatcher(None, value, other).ratio() >= least


def _squeezed(value: str) -> str:
    """Without doubled letters, which sound like one."""
    return "".join(letter for letter, _ in groupby(value))


@lru_cache(maxsize=1024)  # words of the call in hand; a worker keeps no more
def _value(text: str, language: str) -> str:
    """A word in one spelling: numbers as digits, the rest folded."""
    call = read_call([("", text)], language)
    return call.value(0, len(text)) or "".join(filter(str.isalnum, fold(text)))


def _is_number(words: Sequence[Heard], number: int, language: str) -> bool:
    """Whether a word is digits; "un" is an article, unless digits follow."""
    text = words[number].text
    if _bare(text) in vocabulary_of(language).determiners:
        return number + 1 < len(words) and _is_number(words, number + 1, language)
    items = [item for line in read_call([("", text)], language).items for item in line if item.value.isalnum()]
    return bool(items) and all(item.kind is Kind.DIGITS for item in items) and not any(item.amount for item in items)


def _is_seldom_said(text: str, language: str) -> bool:
    words, value = vocabulary_of(language), _bare(text)
    everyday = value in words.common or value in words.no_names
    return len(value) >= SHORTEST and value.isalpha() and not everyday


def _may_name(text: str, language: str) -> bool:
    """Whether a word may be one of a name: it is on the lists, or not said all the time."""
    words, value = vocabulary_of(language), _bare(text)
    long = len(value) >= SHORTEST or words.is_name(value)
    return long and value not in words.no_names and (value in words.names or value not in words.common)


def _bare(text: str) -> str:
    return fold(text).strip(".,?!;:'’\"-…")
