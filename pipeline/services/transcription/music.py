"""Hold music and recorded announcements: sound of a call that nobody in it makes.

Music is what sounds for seconds without being speech, and has tones that change; hiss has no tones, and a dial tone
does not change. An announcement says the same again, word for word.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from pipeline.documents import Flag, Utterance
from pipeline.services.media import Decoded
from pipeline.services.transcription.loudness import FRAMES_PER_SECOND, Loudness
from pipeline.services.transcription.speech import SAMPLE_RATE, Chunk, Samples

LEAST_SECONDS = 4.0  # of sound without speech, at once
SECONDS_HEARD = 8.0  # of each such stretch
LOUD = 0.01  # RMS: -40 dB of full scale
LOUD_SHARE = 0.5  # of the frames of a stretch
WINDOW = 2048  # samples: 128 ms, which tells tones apart
BAND = slice(26, 435)  # 200 to 3,400 Hz, what a telephone carries
TONAL = 0.1  # spectral flatness: near 0 for tones, 0.5 and more for hiss
PITCHES = 4  # different strongest tones, from which on it is a tune

WORDS_OF_AN_ANNOUNCEMENT = 6


def has_music(audio: Decoded, channel: int, chunks: Sequence[Chunk], loudness: Loudness) -> bool:
    """Whether there is music on a channel where nobody speaks."""
    frames = loudness.rms[channel]
    for first, last in _gaps([chunk for chunk in chunks if chunk.channel == channel], len(frames)):
        if (frames[first:last] >= LOUD).mean() >= LOUD_SHARE:
            most = int(SECONDS_HEARD * FRAMES_PER_SECOND)
            size = SAMPLE_RATE // FRAMES_PER_SECOND
            if is_tune(audio.channel(channel, first * size, min(last, first + most) * size)):
                return True
    return False


def is_tune(samples: Samples) -> bool:
    """Whether a sound has tones, and not always the same ones."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[:: WINDOW // 2] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(windows, axis=1))[:, BAND] ** 2 + 1e-12
    power = power[power.sum(axis=1) >= power.sum(axis=1).mean() / 10]
    flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    held = Counter((power.argmax(axis=1) // 2).tolist())
    return float(np.median(flatness)) < TONAL and sum(count >= 2 for count in held.values()) >= PITCHES


def announcements_flagged(utterances: Sequence[Utterance]) -> list[Utterance]:
    """The utterances, flagged where a channel says the same long thing again."""
    said = Counter(key for key in map(_words, utterances) if key[1])
    return [
        msgspec.structs.replace(each, flags=(*each.flags, Flag.MUSIC)) if said[_words(each)] > 1 else each
        for each in utterances
    ]


def _words(utterance: Utterance) -> tuple[int, str]:
    """The channel and the words of an utterance long enough not to be said twice by chance; else nothing."""
    plain = "".join(letter for letter in utterance.text.lower() if letter.isalnum() or letter == " ")
    return (utterance.channel, plain) if len(plain.split()) >= WORDS_OF_AN_ANNOUNCEMENT else (-1, "")


def _gaps(chunks: Sequence[Chunk], length: int) -> Iterator[tuple[int, int]]:
    """The frames between chunks, where they are many."""
    at = 0
    for first, last in [*sorted(span for chunk in chunks for span in chunk.frames()), (length, length)]:
        if first - at >= LEAST_SECONDS * FRAMES_PER_SECOND:
            yield at, first
        at = max(at, last)
