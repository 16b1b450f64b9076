"""Answers to questions for personal data that no word of the transcript stands for."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from pipeline.documents import RedactionPolicy, Transcript, Utterance
from pipeline.services.anonymization import asked_for
from pipeline.services.audio_redaction import redact
from tests.pipeline.recordings import samples_of, write_wav

RATE, SECONDS = 8000, 30
QUESTION, ANSWER, THANKS = (2.0, 4.0), (5.0, 8.0), (12.0, 13.0)
PHONE, MANY = "What's your mobile number?", "How many boxes do you need?"
CUSTOMER_BEFORE, CUSTOMER_AFTER = (0.2, 1.5), (15.0, 16.0)
Stretch = tuple[float, float]


def recorded(folder: Path, *sounds: tuple[int, Stretch, int], hiss: int = 3) -> Path:
    """Two channels of hiss with louder stretches: (channel, (start, end), level)."""
    generator = np.random.default_rng(3)
    samples = generator.normal(0, hiss, (SECONDS * RATE, 2))
    for channel, (start, end), level in sounds:
        place = slice(round(start * RATE), round(end * RATE))
        samples[place, channel] += generator.normal(0, level, len(samples[place]))
    return write_wav(folder / "call.wav", samples.clip(-32768, 32767).astype("<i2"), RATE)


def said(question: str, *more: tuple[int, Stretch], channels: int = 2, language: str = "en") -> Transcript:
    """An agent's question and what else was read."""
    spoken = [(0, QUESTION, question), (0, THANKS, "Thank you."), *((channel, at, "okay") for channel, at in more)]
    utterances = tuple(
        Utterance(
            index=index, speaker=("agent", "customer")[channel], channel=channel, start=at[0], end=at[1], text=text
        )
        for index, (channel, at, text) in enumerate(sorted(spoken, key=lambda each: each[1]))
    )
    return Transcript(language=language, duration=SECONDS, utterances=utterances, channels=channels)


TALK = ((0, QUESTION, 3000), (0, THANKS, 3000), (1, CUSTOMER_BEFORE, 3000), (1, CUSTOMER_AFTER, 3000))
READ = ((1, CUSTOMER_BEFORE), (1, CUSTOMER_AFTER))


def cuts(
    folder: Path, call: Path, transcript: Transcript, policy: RedactionPolicy | None = None
) -> list[tuple[str, str, int, int, int]]:
    made = redact(call, transcript, policy or RedactionPolicy(), out=folder)
    return [(cut.cause, cut.label, cut.channel, round(cut.start), round(cut.end)) for cut in made.cuts]


def test_an_answer_of_which_no_word_was_read_is_silent(tmp_path: Path) -> None:
    call = recorded(tmp_path, *TALK, (1, ANSWER, 3000))
    before = samples_of(call, 2)
    assert cuts(tmp_path, call, said(PHONE, *READ)) == [("unread", "PHONE", 1, 5, 8)]
    after = samples_of(tmp_path / "master.flac", 2)
    assert not after[5 * RATE : 8 * RATE, 1].any()
    assert np.array_equal(after[:, 0], before[:, 0])
    assert np.array_equal(after[9 * RATE :], before[9 * RATE :])


def test_a_question_that_is_asked_twice_has_one_answer(tmp_path: Path) -> None:
    call = recorded(tmp_path, *TALK, (0, (4.1, 4.6), 3000), (1, ANSWER, 3000))
    asked = said(PHONE, *READ)
    again = Utterance(index=9, speaker="agent", channel=0, start=4.1, end=4.6, text="the phone number")
    asked = msgspec.structs.replace(asked, utterances=(*asked.utterances[:2], again, *asked.utterances[2:]))
    assert cuts(tmp_path, call, asked) == [("unread", "PHONE", 1, 5, 8)]


@pytest.mark.parametrize(
    ("question", "sounds", "read"),
    [
        (PHONE, [(1, ANSWER, 3000)], (*READ, (1, ANSWER))),  # it was read
        (MANY, [(1, ANSWER, 3000)], READ),  # nothing personal was asked for
        (PHONE, [(1, (5.0, 5.3), 3000)], READ),  # a click
        (PHONE, [], READ),  # silence
        (PHONE, [(0, ANSWER, 3000), (1, ANSWER, 300)], READ),  # the agent goes on; the customer's channel has the echo
        (PHONE, [(1, (16.5, 19.0), 3000)], READ),  # long after
    ],
)
def test_what_is_no_unread_answer_stays(
    tmp_path: Path, question: str, sounds: list[tuple[int, Stretch, int]], read: tuple[tuple[int, Stretch], ...]
) -> None:
    assert cuts(tmp_path, recorded(tmp_path, *TALK, *sounds), said(question, *read)) == []


def test_a_noisy_line_is_no_answer(tmp_path: Path) -> None:
    assert cuts(tmp_path, recorded(tmp_path, *TALK, hiss=300), said(PHONE, *READ)) == []


@pytest.mark.parametrize("policy", [RedactionPolicy(doubt=False), RedactionPolicy(keep=("PHONE",))])
def test_a_policy_may_leave_it(tmp_path: Path, policy: RedactionPolicy) -> None:
    call = recorded(tmp_path, *TALK, (1, ANSWER, 3000))
    assert cuts(tmp_path, call, said(PHONE, *READ), policy) == []


@pytest.mark.parametrize(("channels", "language"), [(1, "en"), (2, "de")])
def test_channels_that_are_not_told_apart_and_languages_unknown_are_left(
    tmp_path: Path, channels: int, language: str
) -> None:
    call = recorded(tmp_path, *TALK, (1, ANSWER, 3000))
    assert cuts(tmp_path, call, said(PHONE, *READ, channels=channels, language=language)) == []


def test_what_an_utterance_asks_for_last_counts() -> None:
    turns = [("agent", PHONE), ("agent", MANY), ("customer", "my email is"), ("agent", "your account, how much is it?")]
    assert asked_for(turns, "en") == ["PHONE", "", "EMAIL", ""]
