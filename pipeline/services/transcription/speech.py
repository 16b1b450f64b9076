"""Where there is speech: a recording cut at its pauses into chunks for the engine."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.services.media import Decoded

SAMPLE_RATE = 16000
FRAME = 160  # samples; Whisper's time grid of 10 ms, on which chunks lie so that word times stay exact

MIN_PAUSE_MS = 300
PADDING_MS = 500
MAX_CHUNK = 28.0  # seconds, within the 30 that the model reads
BLOCK = 60  # seconds that the detector reads at once, which bounds its memory

Samples = npt.NDArray[np.float32]
Span = tuple[int, int]  # from one sample of a channel to another


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

    def place(self, start: float, end: float) -> tuple[float, float]:
        """Where a stretch of its samples lies in the call, in seconds: within the span that the middle of it is in."""
        before = 0.0
        for first, last in self.seconds():
            length = last - first
            if (start + end) / 2 < before + length or last == self.end:
                break
            before += length
        return first + min(max(start - before, 0.0), length), first + min(max(end - before, 0.0), length)

    def seconds(self) -> list[tuple[float, float]]:
        """Its stretches in seconds from the start of the call."""
        return [(first / SAMPLE_RATE, last / SAMPLE_RATE) for first, last in self.spans]

    def frames(self) -> list[Span]:
        """Its stretches in frames of 10 ms."""
        return [(first // FRAME, last // FRAME) for first, last in self.spans]


def chunks_of(audio: Decoded, channel: int) -> list[Chunk]:
    """Cut one channel (at 16 kHz) at its pauses into chunks with ``MAX_CHUNK`` seconds of speech at most."""
    return [Chunk(audio=audio, channel=channel, spans=spans) for spans in _packed(_speech(audio, channel))]


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


def _packed(spans: Iterable[Span]) -> Iterator[tuple[Span, ...]]:
    """Spans to be read together: a chunk costs the model the same whether it is full or not."""
    packed: list[Span] = []
    length = 0
    for start, end in spans:
        first, last = start - start % FRAME, end - end % FRAME
        if packed and length + last - first > MAX_CHUNK * SAMPLE_RATE:
            yield tuple(packed)
            packed, length = [], 0
        if last > first:
            packed.append((first, last))
            length += last - first
    if packed:
        yield tuple(packed)


def _speech(audio: Decoded, channel: int) -> Iterator[Span]:
    """Spans of speech in samples, found by Silero block by block; speech that a block's end cuts starts the next."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        min_silence_duration_ms=MIN_PAUSE_MS, max_speech_duration_s=MAX_CHUNK, speech_pad_ms=PADDING_MS
    )
    position = 0
    while position < audio.length:
        block = audio.channel(channel, position, position + BLOCK * SAMPLE_RATE)
        spans = [(span["start"], span["end"]) for span in get_speech_timestamps(block, options)]
        following = position + len(block)
        if following < audio.length and len(spans) > 1 and spans[-1][1] == len(block):
            following = position + spans.pop()[0]
        yield from ((position + start, position + end) for start, end in spans)
        position = following
