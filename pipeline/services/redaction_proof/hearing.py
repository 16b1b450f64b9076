"""The redacted recording heard again, where something was hidden in it: a few seconds around each cut."""

import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import accumulate, groupby
from math import ceil, floor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.documents import Cut
from pipeline.services.audio_redaction import Recording, beep, silence
from pipeline.services.audio_redaction.edges import ABOVE_HISS, FRAMES_PER_SECOND, LEAST, Frames
from pipeline.services.audio_redaction.samples import loudness_of
from pipeline.services.media.decoded import BYTES, Decoded
from pipeline.services.transcription.engine import Engine
from pipeline.services.transcription.speech import FRAME, MAX_CHUNK, SAMPLE_RATE, Chunk, Span, filled, samples_in

EDGE = 2.5  # seconds before and after a cut that are heard
HIGHEST = 10 ** (-25 / 20)  # of the level of speech: the hiss of a line is no louder
STILL = 0.4  # seconds of a cut that are heard at either end of it: the rest is silent, which is looked at


class Window(NamedTuple):
    """A stretch of a channel, in seconds."""

    channel: int
    start: float
    end: float


class Heard(NamedTuple):
    """A word of the second hearing, in seconds of the call; ``sounding`` is how many of them sound."""

    channel: int
    text: str
    start: float
    end: float
    probability: float
    sounding: float


@dataclass(frozen=True, kw_only=True)
class Redacted:
    """What was read of a recording: each channel at 16 kHz, silent outside the windows; the cuts that sound.

    ``floors`` has the RMS from which on a channel sounds: a recognizer also makes words of the hiss of a line.
    """

    channels: Mapping[int, Decoded]
    floors: Mapping[int, float]
    loud: tuple[Cut, ...]


def windows_of(cuts: Iterable[Cut]) -> list[Window]:
    """What to hear again of some cuts, in order: both their edges; what overlaps is one."""
    windows: list[Window] = []
    for channel, start, end in sorted(edge for cut in cuts for edge in _edges(cut)):
        before = windows[-1] if windows else None
        if before and before.channel == channel and start <= before.end:
            windows[-1] = before._replace(end=max(before.end, end))
        else:
            windows.append(Window(channel, start, end))
    return windows


def _edges(cut: Cut) -> Iterator[Window]:
    yield Window(cut.channel, max(0.0, cut.start - EDGE), min(cut.start + STILL, cut.end))
    yield Window(cut.channel, max(cut.end - STILL, cut.start), cut.end + EDGE)


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """The words that were heard, in order, in how many seconds; ``whole``: of all that was to be heard."""

    words: list[Heard]
    seconds: float
    whole: bool


def heard_in(
    redacted: Redacted,
    windows: Sequence[Window],
    language: str,
    engine: Engine,
    on_progress: Callable[[float, float], None],
) -> Hearing:
    """What a recognizer hears in the windows, read one chunk after another with care."""
    chunks = [
        Chunk(audio=redacted.channels[channel], channel=0, spans=tuple(spans))
        for channel, own in groupby(windows, lambda window: window.channel)
        if channel in redacted.channels
        for spans in filled(_spans(own, redacted.channels[channel].length), samples_in)
    ]
    channel_of = {audio: channel for channel, audio in redacted.channels.items()}
    total = sum(chunk.duration for chunk in chunks)
    done = 0.0
    unheard = set(chunks)
    words: list[Heard] = []
    for chunk, heard in engine.hear_again(chunks, language, ()):
        for word in heard:
            start, end = chunk.place(word.start, word.end)
            channel = channel_of[chunk.audio]
            sounding = _sounding(chunk.audio, start, end, redacted.floors[channel])
            words.append(Heard(channel, word.text.strip(), start, end, word.probability, sounding))
        unheard.discard(chunk)
        done += chunk.duration
        on_progress(done, total)
    words.sort(key=lambda word: (word.channel, word.start))
    return Hearing(words=words, seconds=done, whole=not unheard)


def _spans(windows: Iterable[Window], length: int) -> Iterator[Span]:
    """The windows of a channel in samples, none longer than the model reads at once."""
    most = int(MAX_CHUNK * SAMPLE_RATE) // FRAME * FRAME
    for window in windows:
        first, stop = (round(moment * SAMPLE_RATE) // FRAME * FRAME for moment in (window.start, window.end))
        for at in range(first, min(stop, length), most):
            yield at, min(at + most, stop, length)


def _sounding(audio: Decoded, start: float, end: float, least: float) -> float:
    samples = audio.channel(0, floor(start * SAMPLE_RATE), ceil(end * SAMPLE_RATE))
    return float((loudness_of(samples, SAMPLE_RATE) > least).sum()) / FRAMES_PER_SECOND


# ── Reading the recording ────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def read(recording: Recording, cuts: Sequence[Cut], windows: Sequence[Window], mode: str) -> Iterator[Redacted]:
    """A redacted recording, to hear its windows while the block lasts.

    What lies within a cut is looked at, sample by sample; where it is hidden as it should be, it is silence here, also
    if a tone stands for it.
    """
    sound = beep(recording.sample_rate) if mode == "beep" else silence
    known = [cut for cut in cuts if cut.channel < recording.channels]
    loud = tuple(cut for cut in known if not recording.is_hidden(cut, sound))
    hidden = [cut for cut in known if cut not in loud]
    with tempfile.TemporaryDirectory(prefix="proof-") as scratch, ExitStack() as opened:
        channels: dict[int, Decoded] = {}
        floors: dict[int, float] = {}
        heard = [window for window in windows if window.channel < recording.channels]
        for channel, own in groupby(heard, lambda window: window.channel):
            file = Path(scratch, f"channel-{channel}")
            cut = [each for each in hidden if each.channel == channel]
            kept = list(own)
            _copy(recording, kept, cut, file)
            channels[channel] = opened.enter_context(closing(Decoded(file, 1, SAMPLE_RATE)))
            floors[channel] = _floor(_loudness(recording, kept, cut))
        yield Redacted(channels=channels, floors=floors, loud=loud)


def _floor(loudness: Frames) -> float:
    """The RMS from which on there is sound: above the hiss, but faint speech between loud is some, too."""
    if not len(loudness):
        return LEAST
    hiss, level = float(np.percentile(loudness, 10)), float(np.percentile(loudness, 95))
    return max(min(ABOVE_HISS * hiss, HIGHEST * level), LEAST)


def _loudness(recording: Recording, windows: Iterable[Window], hidden: Sequence[Cut]) -> Frames:
    """The RMS of each 10 ms of some windows of a channel that is not hidden."""
    found: list[Frames] = []
    hidden = sorted(hidden, key=lambda cut: cut.start)
    ends = list(accumulate((cut.end for cut in hidden), max))
    for window in windows:
        first = floor(window.start * FRAMES_PER_SECOND)
        loudness = recording.loudness(window.channel, first / FRAMES_PER_SECOND, window.end)
        stays = np.ones(len(loudness), dtype=bool)
        for cut in hidden[bisect_left(ends, window.start) :]:
            if cut.start >= window.end:
                break
            start, end = (moment * FRAMES_PER_SECOND - first for moment in (cut.start, cut.end))
            stays[max(floor(start), 0) : max(ceil(end), 0)] = False
        found.append(loudness[stays])
    return np.concatenate(found)


def _copy(recording: Recording, windows: Iterable[Window], hidden: Sequence[Cut], file: Path) -> None:
    """Windows of a channel at 16 kHz, at their place in a file with holes between them; what is hidden is silence."""
    import av

    with file.open("wb") as copied:
        copied.truncate(recording.length * SAMPLE_RATE // recording.sample_rate * BYTES)
        for window in windows:
            first, last = (round(moment * recording.sample_rate) for moment in (window.start, window.end))
            samples = recording.frames(first, last)[:, window.channel].copy()
            for cut in hidden:
                start, stop = recording.span(cut)
                samples[max(start - first, 0) : max(stop - first, 0)] = 0
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.rate = recording.sample_rate
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            copied.seek(round(window.start * SAMPLE_RATE) * BYTES)
            for made in (*resampler.resample(frame), *resampler.resample(None)):
                copied.write(made.to_ndarray().astype("<f4").tobytes())
