"""Hold music and recorded announcements."""

import numpy as np
import pytest

from pipeline.documents import Flag, Utterance
from pipeline.services.transcription.loudness import loudness_of
from pipeline.services.transcription.music import announcements_flagged, has_music, is_tune
from pipeline.services.transcription.speech import Chunk
from tests.recorded import recorded

RATE = 16000
NOTES = (262, 330, 392, 523, 440, 349, 294, 247)


def moments(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def tune(seconds: float) -> np.ndarray:
    """A note each half second, with two overtones."""
    at = moments(seconds)
    pitch = np.array([NOTES[int(2 * each) % len(NOTES)] for each in at])
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return 0.1 * (np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase))


def hiss(seconds: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, int(seconds * RATE))


def dial_tone(seconds: float) -> np.ndarray:
    at = moments(seconds)
    return 0.1 * np.sin(2 * np.pi * 350 * at) + 0.1 * np.sin(2 * np.pi * 440 * at)


def test_a_tune_is_told_from_hiss_and_tones() -> None:
    assert is_tune(tune(5))
    assert not is_tune(hiss(5))
    assert not is_tune(dial_tone(5))


@pytest.mark.parametrize(
    ("sound", "spoken", "music"),
    [
        ([hiss(3) * 1e-3, tune(6), hiss(3) * 1e-3], [], True),
        ([hiss(3), tune(6), hiss(3)], [(3, 9)], False),  # somebody sings
        ([tune(2), 0 * moments(8)], [], False),
        ([tune(6) * 0.01, 0 * moments(2)], [], False),
        ([dial_tone(8)], [], False),
        ([hiss(8)], [], False),
    ],
    ids=["music on hold", "speech", "a jingle", "far away", "a dial tone", "hiss"],
)
def test_music_is_what_sounds_for_long_where_nobody_speaks(
    sound: list[np.ndarray], spoken: list[tuple[int, int]], music: bool
) -> None:
    audio = recorded(np.concatenate(sound))
    chunks = [Chunk(audio=audio, channel=0, spans=((first * RATE, last * RATE),)) for first, last in spoken]
    assert has_music(audio, 0, chunks, loudness_of(audio)) == music


def said(index: int, text: str, channel: int = 0) -> Utterance:
    return Utterance(index=index, speaker="agent", channel=channel, start=index, end=index + 1, text=text)


def test_an_announcement_says_the_same_again() -> None:
    waiting = "Your call is important to us, please stay on the line."
    utterances = [said(0, waiting), said(1, "Hello?"), said(2, waiting.upper()), said(3, "Hello?"), said(4, waiting, 1)]
    flagged = announcements_flagged(utterances)
    assert [each.flags for each in flagged] == [(Flag.MUSIC,), (), (Flag.MUSIC,), (), ()]
