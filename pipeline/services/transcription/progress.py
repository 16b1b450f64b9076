"""How far transcription is: told as seconds of the recording, of which each step has a share by what it costs."""

from collections.abc import Callable, Collection
from enum import IntEnum


class Step(IntEnum):
    """What transcription does, in order."""

    LISTENING = 0
    READING = 1
    READING_AGAIN = 2
    VOICES = 3


# Beside the first reading. Of real calls of 245 and 278 s, read with base on two cores, it took 21 to 27 s of CPU; what
# is before it 2 to 3, the second reading 2 to 5, and the voices 3 to 4, of one core.
COSTS = {Step.LISTENING: 0.1, Step.READING: 1.0, Step.READING_AGAIN: 0.15, Step.VOICES: 0.25}


class Progress:
    """Tells ``on_progress`` the seconds done and in all (those of the recording), of the steps that it takes."""

    def __init__(self, on_progress: Callable[[float, float], None], seconds: float, steps: Collection[Step]) -> None:
        self._on_progress, self._seconds, self._steps = on_progress, seconds, steps
        self._step, self._part = Step.LISTENING, 0.0

    def add(self, step: Step, part: float) -> None:
        """So much more of a step is done, from 0 to 1, and all of those before it."""
        self._step, self._part = step, part if step != self._step else self._part + part
        done = sum(COSTS[each] for each in self._steps if each < step) + self._part * COSTS[step]
        share = min(done / sum(COSTS[each] for each in self._steps), 1.0)
        self._on_progress(self._seconds * share, self._seconds)

    def end(self) -> None:
        """All is done."""
        self._on_progress(self._seconds, self._seconds)
