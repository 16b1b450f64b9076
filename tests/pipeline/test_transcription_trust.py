"""What of a transcript is withheld or flagged, and how loud a recording is."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.documents import Flag, Utterance, Withheld
from pipeline.services.transcription import loudness
from pipeline.services.transcription.loudness import Loudness, loudness_of
from pipeline.services.transcription.speech import Chunk
from pipeline.services.transcription.timeline import SpokenWord
from pipeline.services.transcription.trust import (
    Sound,
    doubtful,
    flagged,
    mended,
    over_sound,
    repeats_itself,
    sound_of,
)
from tests.recorded import recorded

RATE = 16000


def heard(samples: np.ndarray) -> Loudness:
    return loudness_of(recorded(samples))


def noise(seconds: float, level: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, int(seconds * RATE))


def word(text: str, start: float, end: float) -> SpokenWord:
    return SpokenWord(text=text, start=start, end=end, probability=0.9)


def said(text: str, start: float = 0.0, end: float = 1.0, confidence: float = 0.9) -> Utterance:
    return Utterance(index=0, speaker="agent", channel=0, start=start, end=end, text=text, confidence=confidence)


def chunk(start: float, end: float, channel: int = 0) -> Chunk:
    span = int(start * RATE), int(end * RATE)
    return Chunk(audio=recorded(np.zeros(0)), channel=channel, spans=(span,))


def speaking(*spans: tuple[float, float], seconds: int = 10) -> Sound:
    """A channel that sounds for so long."""
    frames = np.full(100 * seconds, 1e-4, np.float32)
    for start, end in spans:
        frames[int(100 * start) : int(100 * end)] = 0.1
    return sound_of(frames, [chunk(start, end) for start, end in spans])


def test_words_over_silence_are_withheld_and_counted() -> None:
    sound = speaking((1, 2), (7, 8))
    words = [word("yes", 1.2, 1.6), word("thank", 4.0, 4.3), word("you", 4.3, 4.6), word("no", 7.1, 7.5)]
    kept, withheld = over_sound(words, chunk(1, 8, channel=1), sound)
    assert [each.text for each in kept] == ["yes", "no"]
    assert withheld == [Withheld(channel=1, start=4.0, end=4.6, words=2, reason=Flag.HALLUCINATION)]


@pytest.mark.parametrize(
    ("heard_at", "placed_at"),
    [((1.2, 1.6), (1.2, 1.6)), ((0.7, 0.9), (0.81, 1.01)), ((2.1, 2.4), (1.99, 2.29)), ((0.8, 1.2), (0.8, 1.2))],
    ids=["in the sound", "before it", "behind it", "half in it"],
)
def test_a_word_beside_its_sound_is_moved_there(heard_at: tuple[float, float], placed_at: tuple[float, float]) -> None:
    (kept,), withheld = over_sound([word("yes", *heard_at)], chunk(0, 3), speaking((1, 2)))
    assert (kept.start, kept.end) == pytest.approx(placed_at)
    assert withheld == []


def test_words_stay_in_the_order_in_which_they_were_read() -> None:
    words = [word("it", 0.8, 0.9), word("is", 0.9, 1.1), word("so", 1.1, 1.4)]
    kept, _ = over_sound(words, chunk(0, 3), speaking((1, 2)))
    assert [each.text for each in kept] == ["it", "is", "so"]
    late = [word("it", 2.1, 2.2), word("is", 0.9, 1.0)]
    kept, _ = over_sound(late, chunk(0, 3), speaking((1, 2)))
    assert [each.text for each in kept] == ["it", "is"]
    assert kept[0].start <= kept[1].start <= kept[1].end


@pytest.mark.parametrize("hiss", [0.0, 1e-3, 5e-3, 1e-2])
def test_speech_stands_above_the_hiss_of_its_line(hiss: float) -> None:
    generator = np.random.default_rng(1)
    frames = np.abs(generator.normal(hiss, hiss / 10, 1000)).astype(np.float32)
    frames[300:600] = np.abs(generator.normal(0.1, 0.01, 300))
    floor = sound_of(frames, [chunk(2.9, 6.1)]).floor
    assert (frames[300:600] >= floor).all()
    assert (frames[:290] < floor).mean() > 0.95


def test_where_nobody_speaks_the_floor_is_the_least() -> None:
    assert 0 < sound_of(np.zeros(100, np.float32), []).floor < 1e-3


HELLO = [word("hello", 1.0, 1.4), word("there", 1.4, 1.9)]


WHOLE = [(1.0, 9.0)]


@pytest.mark.parametrize(
    ("words", "again"),
    [
        ([*HELLO, word("so", 4.0, 8.8)], [(1.9, 4.0)]),
        ([*HELLO, word("and", 2.5, 7.0)], [(7.0, 9.0)]),
        ([*HELLO, word("and", 2.5, 2.8), word("goodbye", 3.5, 8.5)], []),
        ([], WHOLE),
        (HELLO, WHOLE),
        ([word("thank you", 1 + each / 10, 1.1 + each / 10) for each in range(80)], WHOLE),
        ([SpokenWord(text="mumble", start=1.0, end=9.0, probability=0.1)], WHOLE),
        ([word(f"word{each}", 1 + each / 10, 1.1 + each / 10) for each in range(80)], WHOLE),
    ],
    ids=[
        "a sentence is missing", "the end is missing", "nothing is", "no word", "most is missing", "a loop",
        "improbable", "too fast",
    ],
)  # fmt: skip
def test_what_leaves_out_speech_is_read_again_there_and_what_was_hardly_said_is_read_again_whole(
    words: list[SpokenWord], again: list[tuple[float, float]]
) -> None:
    assert [(part.start, part.end) for part in doubtful(words, chunk(1, 9), speaking((1, 9)))] == again


@pytest.mark.parametrize(("seconds", "again"), [(0.4, [(20.0, 21.5)]), (0.1, [])], ids=["a word", "a click"])
def test_a_word_between_two_pauses_that_was_left_out_is_listened_for(
    seconds: float, again: list[tuple[float, float]]
) -> None:
    long, alone = chunk(0, 10), chunk(20, 21.5)
    both = replace(long, spans=(*long.spans, *alone.spans))
    sound = speaking((0, 10), (20.5, 20.5 + seconds), seconds=22)
    parts = doubtful([word("hello", 0.0, 10.0)], both, sound)
    assert [(part.start, part.end) for part in parts] == again


def test_an_improbable_word_or_two_are_not_guessed_at_again() -> None:
    mumble = [SpokenWord(text="mumble", start=1.0, end=2.0, probability=0.1)]
    assert doubtful(mumble, chunk(1, 2.5), speaking((1, 2.5))) == []


def test_what_is_heard_in_a_gap_is_put_there_unless_it_can_not_have_been_said() -> None:
    here, sound = chunk(1, 9), speaking((1, 9))
    words = [*HELLO, word("goodbye", 4.0, 8.8)]
    gap = here.part(1.9, 4.0)
    heard = [word("my", 2.2, 2.4), word("friend", 2.4, 3.0)]
    texts = [each.text for each in mended(words, here, heard, gap, sound)]
    assert texts == ["hello", "there", "my", "friend", "goodbye"]
    loop = [word("thank you", 2 + each / 20, 2.05 + each / 20) for each in range(40)]
    assert mended(words, here, loop, gap, sound) == words
    mumble = [SpokenWord(text="mumble", start=2.2, end=2.9, probability=0.1)]
    assert mended(words, here, mumble, gap, sound) == words


def test_the_better_of_two_readings_leaves_out_less_and_does_not_repeat_itself() -> None:
    here, sound = chunk(1, 4), speaking((1, 4))
    whole = [*HELLO, word("and", 2.0, 2.8), word("goodbye", 2.9, 4.0)]
    loop = [word("thank you", 1 + each / 10, 1.1 + each / 10) for each in range(30)]
    assert mended(HELLO, here, whole, here, sound) == whole
    assert mended(whole, here, HELLO, here, sound) == whole
    assert mended(HELLO, here, loop, here, sound) == HELLO
    assert mended(loop, here, HELLO, here, sound) == HELLO


def test_loudness_is_that_of_each_hundredth_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loudness, "BLOCK", 1)
    samples = np.stack([noise(2.505, 0.1), noise(2.505, 0.01, seed=2)])
    samples[0, RATE : 2 * RATE] = 0.05  # an offset is no sound
    sound = heard(samples)
    assert sound.rms.shape == (2, 251)
    assert sound.rms[0, :100].mean() == pytest.approx(0.1, rel=0.05)
    assert sound.rms[0, 101:199].max() < 1e-6
    assert sound.rms[1].mean() == pytest.approx(0.01, rel=0.05)
    assert not sound.same


@pytest.mark.parametrize(("gain", "same"), [(1.0, True), (0.25, True), (-1.0, False), (0.0, False)])
def test_two_channels_with_one_sound_are_one(gain: float, same: bool) -> None:
    sound = noise(2, 0.1)
    assert heard(np.stack([sound, gain * sound])).same == same


def test_two_speakers_with_some_crosstalk_are_two() -> None:
    one, other = noise(2, 0.1), noise(2, 0.1, seed=2)
    assert not heard(np.stack([one + 0.3 * other, other + 0.3 * one])).same


def test_a_long_silence_is_silent_and_a_click_is_not_overheard() -> None:
    samples = np.stack([np.zeros(RATE), np.zeros(RATE)])
    samples[1, 5000:5800] = noise(0.05, 0.05)
    sound = heard(samples)
    assert sound.is_silent(0)
    assert not sound.is_silent(1)


def test_an_utterance_that_was_recorded_too_loud_is_flagged() -> None:
    loud = heard(np.clip(noise(1, 0.6), -1, 1)[np.newaxis])
    good = heard(np.clip(noise(1, 0.1), -1, 1)[np.newaxis])
    assert flagged(said("too loud"), loud).flags == (Flag.CLIPPED,)
    assert flagged(said("good"), good).flags == ()


def test_an_utterance_that_can_hardly_be_heard_is_flagged() -> None:
    assert flagged(said("faint"), heard(noise(1, 0.001)[np.newaxis])).flags == (Flag.QUIET,)


@pytest.mark.parametrize(
    ("text", "confidence"),
    [("thank you " * 12, 0.9), ("something quite unlikely", 0.2)],
    ids=["a loop", "improbable words"],
)
def test_what_was_probably_not_said_is_flagged(text: str, confidence: float) -> None:
    sound = heard(noise(1, 0.1)[np.newaxis])
    assert flagged(said(text, confidence=confidence), sound).flags == (Flag.HALLUCINATION,)


@pytest.mark.parametrize(
    "text",
    [
        "no no no no",
        "zero six twelve thirty four fifty six seventy eight",
        "I would like to cancel my subscription because I am moving to another country at the end of the month",
        "oui oui d'accord, alors je vous donne le numéro, c'est le zéro six, zéro six, douze, douze, quarante",
    ],
)
def test_people_repeat_themselves_too(text: str) -> None:
    assert not repeats_itself(text)
