"""Where cuts begin and end, and in which channels: by the sound, not by the times of words alone."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.documents import Cause, Redaction, RedactionPolicy, Transcript, Utterance, Word
from pipeline.services import media
from pipeline.services.audio_redaction import RedactedAudio, redact
from tests.pipeline.recordings import samples_of, write_wav

RATE = 8000
TWO_SPEAKERS = Path(__file__).parents[1] / "data" / "two_speakers.flac"
POLICY = RedactionPolicy(pad=0.15)

Samples = npt.NDArray[np.float64]


def sounding(seconds: float, *stretches: tuple[float, float], hiss: float = 1e-4) -> Samples:
    """A channel in which something loud sounds for some stretches, over the hiss of the line."""
    chance = np.random.default_rng(7)
    samples = chance.normal(0, hiss, round(seconds * RATE))
    for start, end in stretches:
        samples[round(start * RATE) : round(end * RATE)] += chance.normal(
            0, 0.1, round(end * RATE) - round(start * RATE)
        )
    return samples


def said(*words: tuple[str, float | None, float | None], channel: int = 0, duration: float = 10.0) -> Transcript:
    """A safe transcript of one utterance, whose words in brackets are placeholders."""
    text = " ".join(word for word, _, _ in words)
    timed = tuple(Word(text=word, start=start, end=end) for word, start, end in words)
    first, last = timed[0].start or 0.0, timed[-1].end or duration
    utterance = Utterance(
        index=0, speaker="customer", channel=channel, start=first, end=last, text=text, words=timed
    )  # fmt: skip
    redactions = tuple(
        Redaction(
            label="NAME", placeholder=word.text, utterance=0, channel=channel, start=word.start, end=word.end,
            start_char=text.index(word.text),
        )
        for word in timed
        if word.text.startswith("[")
    )  # fmt: skip
    return Transcript(language="en", duration=duration, utterances=(utterance,), redactions=redactions, channels=2)


def redacted(folder: Path, channels: list[Samples], call: Transcript) -> tuple[npt.NDArray[np.int16], RedactedAudio]:
    """What is left of a recording."""
    before = (np.stack(channels, axis=1).clip(-1, 1) * 32767).astype("<i2")
    result = redact(write_wav(folder / "call.wav", before, RATE), call, POLICY, out=folder)
    return samples_of(result.master, len(channels)), result


def is_silent(samples: npt.NDArray[np.int16], start: float, end: float, channel: int = 0) -> bool:
    return not samples[round(start * RATE) : round(end * RATE), channel].any()


def is_heard(samples: npt.NDArray[np.int16], start: float, end: float, channel: int = 0) -> bool:
    """Whether nothing of a stretch of noise was hidden."""
    return float((samples[round(start * RATE) : round(end * RATE), channel] != 0).mean()) > 0.95


def test_a_cut_goes_on_to_the_ends_of_its_sound_and_leaves_the_neighbours(tmp_path: Path) -> None:
    line = sounding(10, (1.0, 1.9), (2.1, 3.4), (3.6, 4.4))
    words = said(("am", 1.0, 1.9), ("[NAME_1]", 2.5, 3.0), ("calling", 3.6, 4.4))
    after, result = redacted(tmp_path, [line, sounding(10)], words)
    assert is_silent(after, 2.1, 3.4)
    assert is_heard(after, 1.0, 1.9)
    assert is_heard(after, 3.6, 4.4)
    (cut,) = result.cuts
    assert (cut.cause, cut.label, cut.placeholder, cut.channel) == (Cause.WORDS, "NAME", "[NAME_1]", 0)
    assert (cut.said_from, cut.said_to) == (2.5, 3.0)


def test_a_cut_never_hides_less_than_the_words_times(tmp_path: Path) -> None:
    line = sounding(10, (2.4, 2.6))
    after, _ = redacted(tmp_path, [line, sounding(10)], said(("[NAME_1]", 2.0, 3.0)))
    assert is_silent(after, 2.0, 3.0)


def test_a_number_that_was_given_the_time_of_a_word_is_hidden_as_a_whole(tmp_path: Path) -> None:
    """Whisper writes nine digits as one word, and may place it where the last of them is."""
    digits = [(2.0 + 0.6 * number, 2.4 + 0.6 * number) for number in range(8)]
    line = sounding(10, (1.0, 1.7), *digits, (7.2, 8.0))
    words = said(("is", 1.0, 1.7), ("[ACCOUNT_1]", 6.3, 6.6), ("okay", 7.2, 8.0))
    after, _ = redacted(tmp_path, [line, sounding(10)], words)
    assert is_silent(after, 2.0, 6.6)
    assert is_heard(after, 1.0, 1.7)
    assert is_heard(after, 7.2, 8.0)


def test_what_sounds_after_a_lull_is_left(tmp_path: Path) -> None:
    line = sounding(10, (2.0, 3.0), (4.5, 5.5))
    after, _ = redacted(tmp_path, [line, sounding(10)], said(("[NAME_1]", 2.0, 3.0)))
    assert is_silent(after, 2.0, 3.0)
    assert is_heard(after, 4.5, 5.5)


def test_where_words_run_into_each_other_the_pad_hides_a_little_but_no_whole_neighbour(tmp_path: Path) -> None:
    line = sounding(10, (0.0, 10.0))
    words = said(("I", 1.0, 1.8), ("am", 1.8, 2.0), ("[NAME_1]", 2.0, 3.0), ("and", 3.0, 3.6), ("so", 3.6, 4.0))
    after, result = redacted(tmp_path, [line, sounding(10)], words)
    (cut,) = result.cuts
    assert (cut.start, cut.end) == pytest.approx((1.9, 3.15))  # the middle of "am"; the pad
    assert is_silent(after, 1.9, 3.15)


def test_hidden_words_without_times_hide_their_utterance_and_its_edges(tmp_path: Path) -> None:
    line = sounding(10, (2.0, 5.0))
    words = said(("my", 2.2, 2.5), ("[NAME_1]", None, None), ("yes", 4.0, 4.6))
    after, result = redacted(tmp_path, [line, sounding(10)], words)
    assert [(cut.cause, cut.said_from, cut.said_to) for cut in result.cuts] == [(Cause.UTTERANCE, None, None)]
    assert is_silent(after, 2.0, 5.0)


# ── The other channel ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def call() -> Samples:
    """The call of two speakers: agent, customer. The customer speaks from 3.3 to 6 s."""
    return np.array(media.decode(TWO_SPEAKERS, sample_rate=RATE)).astype(float)


BROKEN = said(("is", 4.3, 4.5), ("[NAME_1]", 4.6, 5.1), ("and", 5.2, 5.4), channel=1, duration=9.0)


@pytest.mark.parametrize("level", [-14, -26, -40])  # dB
@pytest.mark.parametrize("delay", [0.0, 0.06, 0.3])  # seconds
def test_an_echo_in_the_other_channel_is_hidden_too(tmp_path: Path, call: Samples, level: int, delay: float) -> None:
    agent, customer = call
    late = np.concatenate([np.zeros(round(delay * RATE)), customer])[: len(agent)]
    after, result = redacted(tmp_path, [agent + 10 ** (level / 20) * late, customer], BROKEN)
    own, echo = sorted(result.cuts, key=lambda cut: -cut.channel)
    assert (own.channel, own.cause) == (1, Cause.WORDS)
    assert (echo.channel, echo.cause) == (0, Cause.ECHO)
    assert is_silent(after, own.start + delay, own.end + delay, channel=0)
    assert is_heard(after, 3.5 + delay, 4.0 + delay, channel=1)


def test_an_echo_is_found_while_the_other_speaks(tmp_path: Path, call: Samples) -> None:
    agent, customer = call
    talking = np.roll(agent, round(4.0 * RATE))  # both at once
    late = np.concatenate([np.zeros(round(0.1 * RATE)), customer])[: len(agent)]
    _, result = redacted(tmp_path, [talking + 0.5 * late, customer], BROKEN)
    assert {cut.cause for cut in result.cuts} == {Cause.WORDS, Cause.ECHO}


@pytest.mark.parametrize("shift", [0.0, 2.0, 4.0])  # seconds by which the agent speaks later: beside, and into it
def test_without_an_echo_the_other_channel_stays_as_it_was(tmp_path: Path, call: Samples, shift: float) -> None:
    agent, customer = np.roll(call[0], round(shift * RATE)), call[1]
    before = (np.stack([agent, customer], axis=1).clip(-1, 1) * 32767).astype("<i2")
    after, result = redacted(tmp_path, [agent, customer], BROKEN)
    assert {cut.cause for cut in result.cuts} == {Cause.WORDS}
    assert np.array_equal(after[:, 0], before[:, 0])
