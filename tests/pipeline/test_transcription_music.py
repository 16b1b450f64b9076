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


def beep(seconds: float) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * 440 * moments(seconds))


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
        ([beep(8), tune(30)], [], True),
        ([tune(20), 0 * moments(40)], [], True),
        ([0 * moments(31), tune(4.5), 0 * moments(20)], [], True),
        ([dial_tone(8)], [], False),
        ([hiss(8)], [], False),
    ],
    ids=[
        "music on hold",
        "speech",
        "a jingle",
        "far away",
        "a tune behind a tone",
        "silence behind a tune",
        "a tune amid silence",
        "a dial tone",
        "hiss",
    ],
)
def test_music_is_what_sounds_for_long_where_nobody_speaks(
    sound: list[np.ndarray], spoken: list[tuple[int, int]], music: bool
) -> None:
    audio = recorded(np.concatenate(sound))
    chunks = [Chunk(audio=audio, channel=0, spans=((first * RATE, last * RATE),)) for first, last in spoken]
    assert has_music(audio, 0, chunks, loudness_of(audio)) == music


def said(index: int, start: float, text: str, seconds: float = 4.0, channel: int = 0) -> Utterance:
    return Utterance(index=index, speaker="agent", channel=channel, start=start, end=start + seconds, text=text)


def voice(seed: int, seconds: float = 4.0) -> np.ndarray:
    """Noise that gets louder and softer as speech does, some five times a second."""
    rng = np.random.default_rng(seed)
    loud = np.interp(moments(seconds), np.arange(0, seconds, 0.1), rng.uniform(0, 0.2, int(np.ceil(seconds * 10))))
    return loud * rng.normal(0, 1, len(loud))


WAITING = "Your call is important to us, please stay on the line."
PAUSE = 0 * moments(2)


def test_an_announcement_says_the_same_again_with_the_same_sound() -> None:
    """It is 4 s long, and said at 0, 6, 12 and, by the other channel, 18 s."""
    line = np.concatenate([voice(1), PAUSE, voice(2), PAUSE, voice(1), PAUSE, voice(1)])
    loudness = loudness_of(recorded(np.stack([line, line]) + 0.1 * hiss(22)))
    utterances = [
        said(0, 0.3, WAITING, 3.5), said(1, 6, "Hello?"), said(2, 12, WAITING.upper()), said(3, 6, "Hello?"),
        said(4, 18, WAITING, channel=1),
    ]  # fmt: skip
    flagged = announcements_flagged(utterances, loudness)
    assert [each.flags for each in flagged] == [(Flag.MUSIC,), (), (Flag.MUSIC,), (), ()]


def test_a_person_who_says_the_same_again_says_it_otherwise() -> None:
    line = np.concatenate([voice(1), PAUSE, voice(2, 4.2), PAUSE, voice(3)])
    asked = "Is there anything else I can help you with?"
    utterances = [said(0, 0, asked), said(1, 6, asked, 4.2), said(2, 12.2, asked)]
    assert announcements_flagged(utterances, loudness_of(recorded(line))) == utterances


def test_words_that_last_no_time_are_no_announcement() -> None:
    utterances = [said(0, 0, WAITING, 0), said(1, 4, WAITING, 0)]
    assert announcements_flagged(utterances, loudness_of(recorded(voice(1)))) == utterances
