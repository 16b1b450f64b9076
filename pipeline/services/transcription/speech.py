"""Where there is speech: a recording cut at its pauses into chunks for the engine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.services.media import Decoded

SAMPLE_RATE = 16000
FRAME = 160  # samples; Whisper's time grid of 10 ms, on which chunks lie so that word times stay exact

MIN_PAUSE_MS = 300
PADDING_MS = 300
MAX_CHUNK = 28.0  # seconds, with the padding within the 30 that the model reads
MAX_GAP = 1.0  # seconds of silence within a chunk; over longer ones the model stretches the words next to them
BLOCK = 60  # seconds that the detector reads at once, which bounds its memory

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A stretch of one channel with speech in it, from one sample of the recording to another, at 16 kHz."""

    audio: Decoded
    channel: int
    first: int
    last: int

    @property
    def samples(self) -> Samples:
        """Mono, read when asked for: the chunks of four hours are many."""
        return self.audio.channel(self.channel, self.first, self.last)

    @property
    def start(self) -> float:
        """Seconds from the start of the call."""
        return self.first / SAMPLE_RATE

    @property
    def end(self) -> float:
        """Seconds from the start of the call."""
        return self.last / SAMPLE_RATE

    @property
    def duration(self) -> float:
        """Seconds."""
        return (self.last - self.first) / SAMPLE_RATE

    @property
    def frames(self) -> tuple[int, int]:
        """From which frame of 10 ms to which."""
        return self.first // FRAME, self.last // FRAME


def chunks_of(audio: Decoded, channel: int) -> list[Chunk]:
    """Cut one channel (at 16 kHz) into chunks of speech of ``MAX_CHUNK`` seconds at most, at its pauses."""
    chunks = []
    for start, end in _packed(list(_speech(audio, channel))):
        first, last = start - start % FRAME, end - end % FRAME
        if last > first:
            chunks.append(Chunk(audio=audio, channel=channel, first=first, last=last))
    return chunks


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


def _packed(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join neighbours over short gaps: a chunk costs the model the same whether it is full or not."""
    packed: list[tuple[int, int]] = []
    for start, end in spans:
        if packed and start - packed[-1][1] <= MAX_GAP * SAMPLE_RATE and end - packed[-1][0] <= MAX_CHUNK * SAMPLE_RATE:
            packed[-1] = (packed[-1][0], end)
        else:
            packed.append((start, end))
    return packed


def _speech(audio: Decoded, channel: int) -> Iterator[tuple[int, int]]:
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
