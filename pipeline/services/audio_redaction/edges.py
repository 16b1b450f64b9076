"""Where hidden words really start and end: from the times of the transcript outwards to where their sound ends."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FRAMES_PER_SECOND = 100
AROUND = 13.0  # seconds on either side that are looked at
REACH = 12.0  # seconds that an edge is moved at most: Whisper may give a number of five seconds the time of a word
LULL = 120  # frames below the floor that part two things said, where no word lies between
PAUSE = 6  # frames below the floor that part two words
BREATH = 0.05  # seconds of a pause that are left to the neighbour, whose sound may fade
SOFT = 0.25  # seconds before and after a sound that may hold a soft beginning or end of it

ABOVE_HISS = 2.0  # times the hiss of the line
FAINTEST, LOUDEST_FLOOR = 10 ** (-35 / 20), 10 ** (-12 / 20)  # below the level of speech: between them lies the floor
LEAST = 3e-4  # RMS, -70 dB of full scale: the steps of eight bits

Frames = npt.NDArray[np.float64]


class Neighbour(NamedTuple):
    """A word that stays, in seconds."""

    start: float
    end: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


class Edges(NamedTuple):
    """From where to where to hide, in seconds."""

    start: float
    end: float


def widened(
    said: Edges, before: Neighbour | None, after: Neighbour | None, loudness: Frames, origin: float, pad: float
) -> Edges:
    """The stretch with all of the sound that belongs to it.

    ``loudness`` is the RMS of each 10 ms from ``origin`` on, in which the stretch lies with ``AROUND`` seconds on
    either side. An edge is never moved inwards. Outwards it goes to the pause that is nearest to the neighbour, or to a
    lull: what sounds up to there without a word of its own is hidden too. Where there is no pause it goes to the
    neighbour, ``pad`` seconds at least, but not beyond its middle; ``pad`` is also how far the neighbour's own edge is
    doubted.
    """
    quiet = loudness < floor_of(loudness)
    end = _outwards(said.end, after.start if after else None, after.middle if after else None, quiet, origin, pad)
    # The start is the end of the same, seen backwards.
    last = origin + len(quiet) / FRAMES_PER_SECOND
    before_start = last - before.end if before else None
    before_middle = last - before.middle if before else None
    start = last - _outwards(last - said.start, before_start, before_middle, quiet[::-1], 0.0, pad)
    return Edges(min(start, said.start), max(end, said.end))


def _outwards(
    edge: float, neighbour: float | None, middle: float | None, quiet: npt.NDArray[np.bool_], origin: float, pad: float
) -> float:
    """The end of a stretch that ends at ``edge`` or later."""
    farthest = edge + REACH
    if neighbour is not None and middle is not None:
        farthest = min(farthest, max(min(neighbour + pad, middle), edge))
    first, stop = round((edge - origin) * FRAMES_PER_SECOND), round((farthest - origin) * FRAMES_PER_SECOND)
    pauses = list(_pauses(quiet, first, stop))
    if not pauses:
        if neighbour is None or middle is None or neighbour >= edge + REACH:
            return edge + pad
        return min(max(edge + pad, neighbour), max(middle, edge))
    pause = next((each for each in pauses if each[1] - each[0] >= LULL), pauses[-1])
    start, end = (origin + frame / FRAMES_PER_SECOND for frame in pause)
    return min(end - min(BREATH, (end - start) / 2), start + SOFT)


def _pauses(quiet: npt.NDArray[np.bool_], first: int, stop: int) -> Iterator[tuple[int, int]]:
    """The pauses that begin between two frames, or are under way at the first; each as far as it goes."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    for start, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        if end > first and start < stop and end - max(start, first) >= PAUSE:
            yield max(start, first), end


def floor_of(loudness: Frames) -> float:
    """The RMS from which on there is sound: what is neither hiss nor far below speech."""
    if not len(loudness):
        return LEAST
    hiss, level = float(np.percentile(loudness, 10)), float(np.percentile(loudness, 95))
    return max(min(max(ABOVE_HISS * hiss, FAINTEST * level), LOUDEST_FLOOR * level), LEAST)
