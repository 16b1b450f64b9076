"""Whether one speaker can be heard in the other's channel: a hybrid's echo, a loudspeaker, wires side by side.

The two channels are correlated after they were made nearly white (GCC-PHAT, Knapp and Carter 1976, of the power 0.8),
which finds a faint copy at any delay, also while the other speaks; how loud it is beside him then says whether one
could hear it. Two people at once who share nothing reached 8.4 deviations at most (204 stretches of public speech); an
echo as loud as the other speaker exceeded 31 in nine of ten, one 10 dB below him 17, one 20 dB below him 7.
"""

import numpy as np
import numpy.typing as npt

from pipeline.documents import Cut
from pipeline.services.audio_redaction.edges import ABOVE_HISS, FRAMES_PER_SECOND, Edges, floor_of
from pipeline.services.audio_redaction.samples import Recording, loudness_of

EARLIEST, LATEST = -0.1, 0.5  # seconds between a sound and its echo
AROUND = 5.0  # seconds on either side that tell how loud the hiss of the other channel is
LONGEST = 2.0  # seconds of a cut that are compared: the loudest
SURE = 10.0  # times the deviation of the correlation
WHITE = 0.8  # 1 would make the channels all white, where the breath between words counts as much as they do
TAIL = 0.1  # seconds that an echo goes on
MASKED = 0.1  # of what else sounds: below that nothing can be told
AUDIBLE = 0.05  # of the frames of the words: below that nothing can be told either
FAINT = 3e-5  # RMS, -90 dB of full scale: the last bit of sixteen

Samples = npt.NDArray[np.float32]


def echo_of(cut: Cut, channel: int, recording: Recording) -> Edges | None:
    """Where the words of a cut can be heard in another channel, if they can. To be asked before they are cut."""
    if not _sounds(cut, channel, recording):
        return None
    start = _loudest(cut, recording)
    own = recording.channel(cut.channel, start, min(start + LONGEST, cut.end))
    other = recording.channel(channel, start, start + len(own) / recording.sample_rate + LATEST)
    if len(own) < recording.sample_rate // 10 or len(other) < len(own):
        return None
    delays = _delays(own, other, recording.sample_rate)
    if not len(delays):
        return None
    at = max(int(delays[0]), 0)
    copy = other[at : at + len(own)]
    if not _is_audible(own[: len(copy)], copy, recording.sample_rate):
        return None
    first, last = delays.min() / recording.sample_rate, delays.max() / recording.sample_rate
    return Edges(max(0.0, cut.start + min(first, 0.0)), cut.end + max(last, 0.0) + TAIL)


def _loudest(cut: Cut, recording: Recording) -> float:
    """Where the part of a long cut begins that is compared."""
    if cut.end - cut.start <= LONGEST:
        return cut.start
    power = np.cumsum(recording.loudness(cut.channel, cut.start, cut.end) ** 2)
    size = int(LONGEST * FRAMES_PER_SECOND)
    if len(power) <= size:
        return cut.start
    return cut.start + int((power[size:] - power[:-size]).argmax()) / FRAMES_PER_SECOND


def _sounds(cut: Cut, channel: int, recording: Recording) -> bool:
    """Whether there is anything but hiss in a channel while the words of a cut, or their echo, could be heard there."""
    origin = max(0.0, round((cut.start - AROUND) * FRAMES_PER_SECOND) / FRAMES_PER_SECOND)
    frames = recording.loudness(channel, origin, cut.end + AROUND)
    first, last = (round((moment - origin) * FRAMES_PER_SECOND) for moment in (cut.start, cut.end + LATEST))
    hiss = float(np.percentile(frames, 10)) if len(frames) else 0.0
    return bool((frames[max(first, 0) : last] > max(ABOVE_HISS * hiss, FAINT)).any())


def _delays(own: Samples, other: Samples, rate: int) -> npt.NDArray[np.int64]:
    """The delays in samples at which a copy of the first is in the second, the surest first."""
    size = 1 << int(np.ceil(np.log2(len(own) + len(other))))
    cross = np.fft.rfft(other, size) * np.conj(np.fft.rfft(own, size))
    white = np.fft.irfft(cross / np.maximum(np.abs(cross), 1e-12) ** WHITE, size)
    early, late = round(EARLIEST * rate), round(LATEST * rate)
    found = np.abs(np.concatenate([white[early:], white[: late + 1]]))
    sure = np.flatnonzero(found > SURE * np.sqrt(np.mean(found**2)))
    delays: npt.NDArray[np.int64] = sure[found[sure].argsort()[::-1]] + early
    return delays


def _is_audible(own: Samples, copy: Samples, rate: int) -> bool:
    """Whether the copy of a sound stands out of what else is in the channel, for long enough to be understood."""
    gain = abs(float(np.dot(own, copy))) / max(float(np.dot(own, own)), 1e-12)
    said, heard = loudness_of(own, rate), loudness_of(copy, rate)
    echo = gain * said
    if float(echo.max()) < FAINT:
        return False
    words = said > floor_of(said)
    return float((words & (echo > MASKED * heard)).sum()) > AUDIBLE * max(int(words.sum()), 1)
