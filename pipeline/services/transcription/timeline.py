"""From the words of each channel to one conversation: who says what, one after another."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from pipeline.documents import Flag, Utterance, Word
from pipeline.services.transcription.engine import HeardWord
from pipeline.services.transcription.speech import Chunk

PAUSE = 1.0  # seconds of silence that end an utterance
LONG = 15.0  # seconds after which the end of a sentence ends it
LONGEST = 30.0  # seconds after which any word ends it
SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")

# Languages written without spaces: there a missing space says nothing about where a word ends.
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenWord:
    """A word with its place on the timeline of the call, in seconds. ``doubtful``: it is of what was hardly said."""

    text: str
    start: float
    end: float
    probability: float
    doubtful: bool = False

    @property
    def middle(self) -> float:
        """Seconds."""
        return (self.start + self.end) / 2


def words_of(chunk: Chunk, heard: Iterable[HeardWord], language: str) -> list[SpokenWord]:
    """The words of a chunk on the timeline of the call: whole, in order, within the chunk, none without text.

    Pieces that continue a word (``'s``, ``-up``) become part of it, and as unsure as its least sure piece.
    """
    words: list[SpokenWord] = []
    earliest = chunk.start
    for piece in heard:
        text = "".join(piece.text.split())
        if not text:
            continue
        start, end = chunk.place(piece.start, piece.end)
        start = max(start, earliest)
        end = max(end, start)
        probability = min(max(piece.probability, 0.0), 1.0)
        if words and not piece.text[0].isspace() and language not in UNSPACED:
            before = words.pop()
            text, start, probability = before.text + text, before.start, min(before.probability, probability)
        words.append(SpokenWord(text=text, start=start, end=end, probability=probability))
        earliest = start
    return words


def utterances_of(
    spoken: Sequence[Sequence[SpokenWord]], speakers: Sequence[str], *, one_channel: bool = False
) -> tuple[Utterance, ...]:
    """The conversation, in order of start. ``spoken`` has the words of each speaker in order.

    Each has a channel of the same number; or all share the first (``one_channel``).

    An utterance ends at a pause, where another speaker takes over, and, in a long monologue, with a sentence.
    """
    said = [
        (speaker, words)
        for speaker, own in enumerate(spoken)
        for words in _split(own, sorted(word.middle for other in spoken if other is not own for word in other))
    ]
    said.sort(key=lambda item: (item[1][0].start, item[0]))
    return tuple(
        _utterance(index, speakers[speaker], 0 if one_channel else speaker, words)
        for index, (speaker, words) in enumerate(said)
    )


def _split(words: Sequence[SpokenWord], others: Sequence[float]) -> Iterator[list[SpokenWord]]:
    """Cut the words of one speaker into utterances. ``others``: when the others say a word, ascending."""
    utterance: list[SpokenWord] = []
    for word in words:
        if utterance and _ends(utterance, word, others):
            yield utterance
            utterance = []
        utterance.append(word)
    if utterance:
        yield utterance


def _ends(utterance: Sequence[SpokenWord], following: SpokenWord, others: Sequence[float]) -> bool:
    last = utterance[-1]
    length = last.end - utterance[0].start
    taken_over = bisect_right(others, following.start) > bisect_left(others, last.end)
    at_sentence_end = last.text.endswith(SENTENCE_ENDS)
    return (
        following.start - last.end >= PAUSE or taken_over or (length >= LONG and at_sentence_end) or length >= LONGEST
    )


def _utterance(index: int, speaker: str, channel: int, words: Sequence[SpokenWord]) -> Utterance:
    return Utterance(
        index=index,
        speaker=speaker,
        channel=channel,
        start=round(words[0].start, 3),
        end=round(max(word.end for word in words), 3),
        text=" ".join(word.text for word in words),
        confidence=round(fmean(word.probability for word in words), 4),
        words=tuple(
            Word(
                text=word.text,
                start=round(word.start, 3),
                end=round(word.end, 3),
                probability=round(word.probability, 4),
            )
            for word in words
        ),
        flags=(Flag.HALLUCINATION,) if any(word.doubtful for word in words) else (),
    )
