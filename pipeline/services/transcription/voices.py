"""Who speaks when on a channel that carries two people: speakers told apart by their voices."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.services.transcription import voice_encoder
from pipeline.services.transcription.speech import SAMPLE_RATE, Chunk, Samples
from pipeline.services.transcription.timeline import SENTENCE_ENDS, SpokenWord
from pipeline.services.transcription.voice_encoder import Floats

WINDOW = int(1.6 * SAMPLE_RATE)  # the length of speech that the encoder was trained on
HOP = int(0.8 * SAMPLE_RATE)  # from one window to the next
LEAST = int(0.5 * SAMPLE_RATE)  # of shorter speech an embedding says little
BATCH = 32  # windows embedded at once, of whatever stretches; too short a one is filled with repetitions of itself

# Measured on public speech, most of it at 8 kHz: two halves of one voice had centroids with a cosine of 0.84 to 0.95,
# two voices 0.54 to 0.81. Of less than four windows, halves of one voice may differ as two voices do.
SAME_VOICE = 0.82
LEAST_WINDOWS = 4
PAUSE = 0.2  # seconds at which another may take over

Integers = npt.NDArray[np.int_]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A stretch of speech of one speaker, numbered from 0 in order of appearance; in seconds of the call."""

    start: float
    end: float
    speaker: int


class Voices:
    """Gathers the voices of a channel: about 1.3 KB for a second of speech, whatever the length of the call."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []
        self._embeddings: list[Floats] = []
        self._waiting: list[Samples] = []

    def add(self, samples: Samples, start: float) -> None:
        """Hear a stretch of speech: mono at 16 kHz, ``start`` in seconds. Stretches come in order of time."""
        for first, last in _windows(len(samples)):
            self._spans.append((start + first / SAMPLE_RATE, start + last / SAMPLE_RATE))
            self._waiting.append(np.resize(samples[first:last], WINDOW))
            if len(self._waiting) == BATCH:
                self._embed()

    def turns(self) -> list[Turn]:
        """Who speaks when: turns of one speaker or of two, from the first window to the last without a gap."""
        if not self._spans:
            return []
        self._embed()
        speakers = _speakers(np.concatenate(self._embeddings))
        return _turns(self._spans, speakers if speakers[0] == 0 else 1 - speakers)

    def _embed(self) -> None:
        if self._waiting:
            self._embeddings.append(voice_encoder.load().embed(np.stack(self._waiting)))
            self._waiting = []


def turns_in(chunks: Sequence[Chunk], on_progress: Callable[[float], None] = lambda part: None) -> list[Turn]:
    """Who speaks when in the chunks of one channel. ``on_progress`` is told each part that is heard, of 1 in all."""
    voices = Voices()
    total = sum(chunk.duration for chunk in chunks)
    for chunk in chunks:
        for first, last in chunk.spans:
            voices.add(chunk.audio.channel(chunk.channel, first, last), first / SAMPLE_RATE)
        on_progress(chunk.duration / total)
    return voices.turns()


def by_voice(words: Sequence[SpokenWord], turns: Sequence[Turn]) -> list[list[SpokenWord]]:
    """The words of each speaker, in order. People take over at a pause or after a sentence: what lies between two of
    these is one speaker's, that of the turn in which most of its words have their middle, or to which they are nearest.
    """
    speakers = max((turn.speaker for turn in turns), default=0) + 1
    spoken: list[list[SpokenWord]] = [[] for _ in range(speakers)]
    ends = np.array([turn.end for turn in turns[:-1]])
    for phrase in _phrases(words):
        votes = Counter(turns[int(np.searchsorted(ends, word.middle))].speaker if turns else 0 for word in phrase)
        spoken[votes.most_common(1)[0][0]] += phrase
    return spoken


def _phrases(words: Sequence[SpokenWord]) -> Iterator[list[SpokenWord]]:
    phrase: list[SpokenWord] = []
    for word in words:
        if phrase and (word.start - phrase[-1].end >= PAUSE or phrase[-1].text.endswith(SENTENCE_ENDS)):
            yield phrase
            phrase = []
        phrase.append(word)
    if phrase:
        yield phrase


def _windows(length: int) -> Iterator[tuple[int, int]]:
    """Overlapping windows over so many samples; the last one ends with them."""
    if length < LEAST:
        return
    for first in range(0, max(length - WINDOW, 0) + HOP, HOP):
        first = max(min(first, length - WINDOW), 0)
        yield first, min(first + WINDOW, length)


def _speakers(embeddings: Floats) -> Integers:
    """The speaker of each window, 0 or 1; 0 everywhere if both voices are one, or one of them is heard too little."""
    centroids = _two_voices(embeddings)
    speakers = (embeddings @ (centroids[1] - centroids[0]) > 0).astype(int)
    second = int(np.sum(speakers))
    one_voice = float(centroids[0] @ centroids[1]) >= SAME_VOICE
    too_little = min(second, len(speakers) - second) < LEAST_WINDOWS
    return np.zeros_like(speakers) if one_voice or too_little else speakers


def _two_voices(embeddings: Floats) -> Floats:
    """The centroids of two clusters: 2-means by cosine, begun on either side of the axis of most variance."""
    centred = embeddings - embeddings.mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    second = centred @ axis > 0
    if not second.any():
        return np.stack([embeddings[0], embeddings[0]])
    for _ in range(20):
        centroids = np.stack([embeddings[~second].mean(axis=0), embeddings[second].mean(axis=0)])
        centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
        nearer = embeddings @ (centroids[1] - centroids[0]) > 0
        if nearer.all() or not nearer.any() or (nearer == second).all():
            break
        second = nearer
    return centroids


def _turns(spans: Sequence[tuple[float, float]], speakers: Integers) -> list[Turn]:
    """Join windows of one speaker; another takes over midway between the end of one window and the next one's start."""
    turns: list[Turn] = []
    began = spans[0][0]
    for index, (_, end) in enumerate(spans):
        last = index == len(spans) - 1
        if last or speakers[index + 1] != speakers[index]:
            over = end if last else (end + spans[index + 1][0]) / 2
            turns.append(Turn(start=began, end=over, speaker=int(speakers[index])))
            began = over
    return turns
