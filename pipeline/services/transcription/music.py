"""Hold music and recorded announcements: sound of a call that nobody in it makes.

Music is what sounds for seconds without being speech, and has tones that change; hiss has no tones, and a dial tone
does not change. An announcement says the same again, word for word and sound for sound; people say it otherwise.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np

from pipeline.documents import Flag, Utterance
from pipeline.services.media import Decoded
from pipeline.services.transcription.loudness import FRAMES_PER_SECOND, Frames, Loudness
from pipeline.services.transcription.speech import FRAME, Chunk, Samples, Span

LEAST = 4 * FRAMES_PER_SECOND  # frames of sound without speech, at once
HEARD = 2 * LEAST  # frames heard at once, begun anew every LEAST: so they hold any LEAST of a longer stretch
LOUD = 0.01  # RMS: -40 dB of full scale
LOUD_SHARE = 0.5  # of the frames heard
WINDOW = 2048  # samples: 128 ms, which tells tones apart
BAND = slice(26, 435)  # 200 to 3,400 Hz, what a telephone carries
TONAL = 0.1  # spectral flatness: near 0 for tones, 0.5 and more for hiss
PITCHES = 4  # different strongest tones, from which on it is a tune

WORDS_OF_AN_ANNOUNCEMENT, SECONDS_OF_ONE = 6, 1.0  # at least
# Correlation of the loudness of two utterances, where they match best. 60 public prompts, each played twice over a
# telephone line with noise 6 to 30 dB below them, had 0.96 and more; one person who says the same eight digits twice
# has 0.83 at most, and a professional who speaks the same prompt twice 0.45.
SAME_SOUND = 0.9
SLACK = FRAMES_PER_SECOND  # frames by which the words of two utterances may be placed otherwise


def has_music(audio: Decoded, channel: int, chunks: Sequence[Chunk], loudness: Loudness) -> bool:
    """Whether there is music on a channel where nobody speaks."""
    loud = loudness.rms[channel] >= LOUD
    return any(
        loud[first:last].mean() >= LOUD_SHARE and is_tune(audio.channel(channel, first * FRAME, last * FRAME))
        for start, end in _gaps([chunk for chunk in chunks if chunk.channel == channel], len(loud))
        for first, last in ((at, min(at + HEARD, end)) for at in range(start, end - LEAST + 1, LEAST))
    )


def is_tune(samples: Samples) -> bool:
    """Whether a sound has tones, and not always the same ones."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[:: WINDOW // 2] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(windows, axis=1))[:, BAND] ** 2 + 1e-12
    power = power[power.sum(axis=1) >= power.sum(axis=1).mean() / 10]
    flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    held = Counter((power.argmax(axis=1) // 2).tolist())
    return float(np.median(flatness)) < TONAL and sum(count >= 2 for count in held.values()) >= PITCHES


def announcements_flagged(utterances: Sequence[Utterance], loudness: Loudness) -> list[Utterance]:
    """The utterances, flagged where a channel carries the same long one again, with the same sound."""
    alike: dict[tuple[int, str], list[Utterance]] = defaultdict(list)
    for each in utterances:
        plain = "".join(letter for letter in each.text.lower() if letter.isalnum() or letter == " ")
        if len(plain.split()) >= WORDS_OF_AN_ANNOUNCEMENT and each.end - each.start >= SECONDS_OF_ONE:
            alike[each.channel, plain].append(each)
    recorded = {
        each.index
        for repeated in alike.values()
        for pair in pairwise(repeated)
        if _sound_the_same(*pair, loudness.rms[pair[0].channel])
        for each in pair
    }
    return [
        msgspec.structs.replace(each, flags=(*each.flags, Flag.MUSIC)) if each.index in recorded else each
        for each in utterances
    ]


def _sound_the_same(one: Utterance, other: Utterance, rms: Frames) -> bool:
    """Whether two utterances of a channel get louder and softer alike: the shorter somewhere about the longer."""
    (first, last), (start, end) = sorted(map(_frames, (one, other)), key=lambda span: span[1] - span[0])
    shorter = rms[first:last] - rms[first:last].mean()
    places = np.lib.stride_tricks.sliding_window_view(rms[max(start - SLACK, 0) : end + SLACK], len(shorter))
    places = places - places.mean(axis=1, keepdims=True)
    size = np.linalg.norm(places, axis=1) * np.linalg.norm(shorter)
    return float((places @ shorter / np.maximum(size, 1e-12)).max()) >= SAME_SOUND


def _frames(utterance: Utterance) -> Span:
    return int(utterance.start * FRAMES_PER_SECOND), int(utterance.end * FRAMES_PER_SECOND)


def _gaps(chunks: Sequence[Chunk], length: int) -> Iterator[tuple[int, int]]:
    """The frames between chunks, where they are many."""
    at = 0
    for first, last in [*sorted(span for chunk in chunks for span in chunk.frames()), (length, length)]:
        if first - at >= LEAST:
            yield at, first
        at = max(at, last)
