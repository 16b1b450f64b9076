"""Where there is speech: a recording cut at its pauses into chunks for the engine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.services.media import Decoded

SAMPLE_RATE = 16000
FRAME = 160  # samples; Whisper's time grid of 10 ms, on which chunks lie so that word times stay exact

MIN_PAUSE_MS = 300
PADDING_MS = 500
EDGE_MS = 1000  # silence at either end that is left in: what is said in the first half second Silero overhears
MAX_CHUNK = 28.0  # seconds, within the 30 that the model reads
SHORT = 2.0  # seconds, below which a chunk is a word or two
LONGEST_SPAN = 26  # seconds without a pause; with padding it is a chunk

VOICE, NO_VOICE = 0.5, 0.35  # probability from which on somebody speaks, and below which nobody does any more
VOICE_FRAME, CONTEXT = 512, 64  # samples that Silero hears at once, and of those before
BLOCK = 1875 * VOICE_FRAME  # samples that it is given at once (60 s), which bounds its memory

Samples = npt.NDArray[np.float32]
Span = tuple[int, int]  # from one sample of a channel to another
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Stretches of one channel with speech in them, at 16 kHz, which the model reads as one: silence is left out."""

    audio: Decoded
    channel: int
    spans: tuple[Span, ...]

    @property
    def samples(self) -> Samples:
        """Mono, read when asked for: the chunks of four hours are many."""
        return np.concatenate([self.audio.channel(self.channel, first, last) for first, last in self.spans])

    @property
    def start(self) -> float:
        """Seconds from the start of the call."""
        return self.spans[0][0] / SAMPLE_RATE

    @property
    def end(self) -> float:
        """Seconds from the start of the call."""
        return self.spans[-1][1] / SAMPLE_RATE

    @property
    def duration(self) -> float:
        """Seconds of its samples."""
        return sum(last - first for first, last in self.spans) / SAMPLE_RATE

    @property
    def short(self) -> bool:
        """Whether it holds a word or two, no sentences."""
        return self.duration < SHORT

    def place(self, start: float, end: float) -> tuple[float, float]:
        """Where a stretch of its samples lies in the call, in seconds: within the span that the middle of it is in."""
        before = 0.0
        for first, last in self.seconds():
            length = last - first
            if (start + end) / 2 < before + length or last == self.end:
                break
            before += length
        return first + min(max(start - before, 0.0), length), first + min(max(end - before, 0.0), length)

    def part(self, start: float, end: float) -> "Chunk":
        """What it has of the call from one second to another."""
        first, last = int(start * SAMPLE_RATE) // FRAME * FRAME, int(end * SAMPLE_RATE) // FRAME * FRAME
        spans = ((max(first, begin), min(last, stop)) for begin, stop in self.spans)
        return replace(self, spans=tuple((begin, stop) for begin, stop in spans if begin < stop))

    def seconds(self) -> list[tuple[float, float]]:
        """Its stretches in seconds from the start of the call."""
        return [(first / SAMPLE_RATE, last / SAMPLE_RATE) for first, last in self.spans]

    def frames(self) -> list[Span]:
        """Its stretches in frames of 10 ms."""
        return [(first // FRAME, last // FRAME) for first, last in self.spans]


def chunks_of(audio: Decoded, channel: int) -> list[Chunk]:
    """Cut one channel (at 16 kHz) at its pauses into chunks with ``MAX_CHUNK`` seconds of speech at most."""
    packed = filled(_on_the_grid(_speech(audio, channel)), samples_in)
    return [Chunk(audio=audio, channel=channel, spans=tuple(spans)) for spans in packed]


def together(parts: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Parts of one channel, in order, in groups that are read as one."""
    in_order = sorted(parts, key=lambda part: part.start)
    return filled(in_order, lambda part: sum(map(samples_in, part.spans)))


def filled(items: Iterable[T], samples_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in order, as many together as a chunk holds: it costs the model the same whether it is full or not."""
    group: list[T] = []
    length = 0
    for item in items:
        own = samples_of(item)
        if group and length + own > MAX_CHUNK * SAMPLE_RATE:
            yield group
            group, length = [], 0
        group.append(item)
        length += own
    if group:
        yield group


def samples_in(span: Span) -> int:
    """How long a span is."""
    first, last = span
    return last - first


def joined(parts: Sequence[Chunk]) -> Chunk:
    """Parts of one channel as one chunk."""
    return replace(parts[0], spans=tuple(span for part in parts for span in part.spans))


def longest(chunks: Sequence[Chunk], seconds: float) -> Samples:
    """About so many seconds of speech, from the longest chunks on, as one array."""
    chosen: list[Samples] = []
    total = 0.0
    for chunk in sorted(chunks, key=lambda chunk: -chunk.duration):
        if total >= seconds:
            break
        chosen.append(chunk.samples)
        total += chunk.duration
    return np.concatenate(chosen)[: int(seconds * SAMPLE_RATE)]


def _on_the_grid(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans from one frame to another, those that are less than one left out."""
    for start, end in spans:
        first, last = start - start % FRAME, end - end % FRAME
        if last > first:
            yield first, last


def _speech(audio: Decoded, channel: int) -> list[Span]:
    """Spans of speech, padded, none longer than a chunk may be; little silence at the ends is speech too."""
    pad, edge = PADDING_MS * SAMPLE_RATE // 1000, EDGE_MS * SAMPLE_RATE // 1000
    spans = [(first * VOICE_FRAME, last * VOICE_FRAME) for first, last in _voiced(_voice(audio, channel))]
    edges = [0, *((end + start) // 2 for (_, end), (start, _) in pairwise(spans)), audio.length]
    padded = [
        (max(start - pad, least), min(end + pad, most))
        for (start, end), least, most in zip(spans, edges, edges[1:], strict=False)
    ]
    if padded and padded[0][0] < edge:
        padded[0] = 0, padded[0][1]
    if padded and padded[-1][1] > audio.length - edge:
        padded[-1] = padded[-1][0], audio.length
    return padded


def _voice(audio: Decoded, channel: int) -> Samples:
    """How likely it is that somebody speaks in each 32 ms, by Silero.

    It remembers what it heard, so it must hear all in turn: begun anew in the middle of a call, it overhears speech for
    half a minute.
    """
    from faster_whisper.vad import get_vad_model

    session = get_vad_model().session
    state = {name: np.zeros((1, 1, 128), np.float32) for name in ("h", "c")}
    before = np.zeros((1, CONTEXT), np.float32)
    found: list[Samples] = []
    for first in range(0, audio.length, BLOCK):
        samples = audio.channel(channel, first, first + BLOCK)
        frames = np.pad(samples, (0, -len(samples) % VOICE_FRAME)).reshape(-1, VOICE_FRAME)
        contexts = np.concatenate([before, frames[:-1, -CONTEXT:]])
        likely, state["h"], state["c"] = session.run(
            None, {"input": np.concatenate([contexts, frames], axis=1), **state}
        )
        found.append(likely.ravel())
        before = frames[-1:, -CONTEXT:]
    return np.concatenate(found)


def _voiced(likely: Samples) -> Iterator[Span]:
    """Stretches of frames with a voice, from pause to pause; too long a one is cut where a voice is least likely."""
    pause, longest = MIN_PAUSE_MS * SAMPLE_RATE // 1000 // VOICE_FRAME, LONGEST_SPAN * SAMPLE_RATE // VOICE_FRAME
    start = end = -1
    for index, value in enumerate(chain(likely, [0.0] * (pause + 1))):
        if value >= VOICE:
            start = index if start < 0 else start
        if start < 0:
            continue
        end = index + 1 if value >= NO_VOICE else end
        if index - end >= pause:
            yield start, end
            start = end = -1
        elif index - start >= longest:
            middle = (start + index) // 2
            cut = middle + int(likely[middle:index].argmin())
            yield start, cut
            start = cut
