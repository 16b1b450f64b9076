"""Which of the words that were heard again give personal data away: what is no public word and is personal data."""

from collections.abc import Callable, Sequence
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
ALIKE = 0.7  # likeness of two spellings of one word
LEAST_SOUND = 0.08  # seconds of sound that a word has at least
LEAST_SURE = 0.4  # probability from which on a word that is seldom said is taken to have been said
LEAST_HEARD = 0.1  # … and one in which the detectors see personal data
ABOUT = 0.5  # seconds around words in which public words lie that they may be; a longer pause parts words
LONGER, MORE = 2, 2  # words heard for others have at most so many times the letters of those, and so many more
MISHEARD = 3  # words in a row that may have been heard for others; more of them are another text
QUESTIONS = 2  # utterances of others before the window that may be what is answered
SHORTEST = 3  # letters of a piece of a name
NUMERIC = frozenset(
    "PHONE CARD CVV PIN CARD_EXPIRY SSN NIR IBAN ACCOUNT BOOKING DATE_OF_BIRTH ADDRESS PASSWORD USERNAME EMAIL".split()
)


class Public(NamedTuple):
    """A word of the safe transcript, in one spelling, its channel, and the middle of it in seconds.

    One that cannot be heard, for it was cut, has no spelling.
    """

    value: str
    channel: int
    middle: float


def doubts_in(
    words: Sequence[Heard],
    window: Window,
    transcript: Transcript,
    cuts: Sequence[Cut],
    detect: Detect,
) -> list[Doubt]:
    """Personal data in what was heard in a window, by the detectors and by its place beside a cut.

    Words that the safe transcript has there, perhaps heard as others, that do not sound, or that lie far from every cut
    are none.
    """
    language = transcript.language
    own = [cut for cut in cuts if cut.channel == window.channel]
    public = _public(transcript, window, own)
    new = [
        number
        for number, word in enumerate(words)
        if word.sounding >= LEAST_SOUND and not _is_public(word, public, language)
    ]
    misheard = _misheard(words, [each for each in public if each.channel == window.channel], language)
    new = [number for number in new if number not in misheard]
    found = {**_beside(words, new, own, language), **_detected(words, new, window, transcript, detect)}
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
            if (label in NUMERIC and _is_number(word.text, language)) or (
                word.probability >= LEAST_SURE and _is_seldom_said(word.text, language)
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
        at = 0
        for number, word in enumerate(words):
            heard = number in new and word.probability >= LEAST_HEARD
            if heard and at < span.end_char and span.start_char < at + len(word.text):
                found[number] = span.label
            at += len(word.text) + 1
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


def _misheard(words: Sequence[Heard], public: Sequence[Public], language: str) -> set[int]:
    """The words that stand where the speaker's public ones do, in their order, and are not much longer.

    A number is none of them, whatever stands there, and what is a name and nothing else is one only if it stands alone
    and sounds like what stands there ("Néla" for "née le").
    """
    is_name = vocabulary_of(language).is_name
    spelled = [(number, value) for number, word in enumerate(words) if (value := _value(word.text, language))]
    values = [value for _, value in spelled]
    blocks = SequenceMatcher(None, values, [each.value for each in public], autojunk=False).get_opcodes()
    misheard: set[int] = set()
    for kind, first, stop, start, end in blocks:
        if kind == "equal":
            misheard.update(number for number, _ in spelled[first:stop])
        for run in _runs(words, spelled[first:stop]) if kind == "replace" else ():
            since, until = words[run[0][0]].start - ABOUT, words[run[-1][0]].end + ABOUT
            there = "".join(each.value for each in public[start:end] if since < each.middle < until)
            heard = "".join(value for _, value in run)
            many = sum(not words[number].text.startswith("'") for number, _ in run)
            if there and many <= MISHEARD and len(heard) <= LONGER * len(there) + MORE:
                alone = len(run) == 1 and _is_alike(_squeezed(heard), _squeezed(there))
                misheard.update(number for number, value in run if value.isalpha() and (alone or not is_name(value)))
    return misheard


def _runs(words: Sequence[Heard], spelled: Sequence[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """Words in a row, parted where nothing is heard for a while."""
    runs: list[list[tuple[int, str]]] = []
    for number, value in spelled:
        if runs and words[number].start - words[runs[-1][-1][0]].end < ABOUT:
            runs[-1].append((number, value))
        else:
            runs.append([(number, value)])
    return runs


def _is_public(word: Heard, public: Sequence[Public], language: str) -> bool:
    value, middle = _value(word.text, language), (word.start + word.end) / 2
    near = [each.value for each in public if each.value and abs(each.middle - middle) < APART]
    return not value or any(value == each or (not value.isdigit() and _is_alike(value, each)) for each in near)


def _is_alike(value: str, other: str) -> bool:
    return SequenceMatcher(None, value, other).ratio() >= ALIKE


def _squeezed(value: str) -> str:
    """Without doubled letters, which sound like one."""
    return "".join(letter for letter, _ in groupby(value))


@lru_cache(maxsize=1024)  # words of the call in hand; a worker keeps no more
def _value(text: str, language: str) -> str:
    """A word in one spelling: numbers as digits, the rest folded."""
    call = read_call([("", text)], language)
    return call.value(0, len(text)) or "".join(filter(str.isalnum, fold(text)))


def _is_number(text: str, language: str) -> bool:
    items = [item for line in read_call([("", text)], language).items for item in line if item.value.isalnum()]
    return bool(items) and all(item.kind is Kind.DIGITS for item in items) and not any(item.amount for item in items)


def _is_seldom_said(text: str, language: str) -> bool:
    words, value = vocabulary_of(language), fold(text).strip(".,?!;:'\"-…")
    return len(value) >= SHORTEST and value.isalpha() and value not in words.common
