"""Two people on one channel are told apart by their voices."""

import io
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.services import media
from pipeline.services.transcription import voice_encoder, voices
from pipeline.services.transcription.speech import SAMPLE_RATE, Samples, chunks_of
from pipeline.services.transcription.timeline import SpokenWord
from pipeline.services.transcription.voices import Turn, Voices, by_voice
from pipeline.services.transcription.voices import turns_in as turns_of
from pipeline.services.transcription.weights import WeightsError
from tests.recorded import recorded

TWO_SPEAKERS = Path(__file__).parents[1] / "data" / "two_speakers.flac"


@pytest.fixture(scope="module")
def call() -> Samples:
    """A call of 9 s: the agent from 0.2 s, the customer from 3.3 s, the agent from 7 s."""
    return np.array(media.decode(TWO_SPEAKERS, sample_rate=SAMPLE_RATE))


def turns_in(samples: Samples) -> list[Turn]:
    return turns_of(chunks_of(recorded(samples), 0))


def spoken(*words: tuple[float, str]) -> list[SpokenWord]:
    """Words of half a second each, given by start and text."""
    return [SpokenWord(text=text, start=start, end=start + 0.5, probability=1.0) for start, text in words]


def test_two_people_on_one_channel_are_two_speakers(call: Samples) -> None:
    turns = turns_in(np.tile(call.sum(axis=0), 3))
    assert [turn.speaker for turn in turns[:4]] == [0, 1, 0, 1]
    assert [turn.start for turn in turns[1:3]] == pytest.approx([3.2, 6.6], abs=0.6)


def test_windows_are_embedded_alike_in_whatever_batches(call: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.tile(call.sum(axis=0), 2)
    turns = turns_in(samples)
    monkeypatch.setattr(voices, "BATCH", 3)
    assert turns_in(samples) == turns


def test_each_chunk_that_is_heard_is_told(call: Samples) -> None:
    told = list[float]()
    chunks = chunks_of(recorded(np.tile(call.sum(axis=0), 5)), 0)
    turns_of(chunks, told.append)
    assert len(told) == len(chunks) == 2
    assert sum(told) == pytest.approx(1.0)


def test_turns_follow_one_another_without_a_gap(call: Samples) -> None:
    turns = turns_in(np.tile(call.sum(axis=0), 3))
    assert all(before.end == after.start and before.speaker != after.speaker for before, after in pairwise(turns))


@pytest.mark.parametrize("channel", [0, 1])
def test_one_person_is_one_speaker(call: Samples, channel: int) -> None:
    assert {turn.speaker for turn in turns_in(np.tile(call[channel], 4))} == {0}


def test_a_voice_heard_for_a_moment_is_no_speaker(call: Samples) -> None:
    customer_once = np.concatenate([np.tile(call[0], 5), call[1, : 5 * SAMPLE_RATE]])
    assert {turn.speaker for turn in turns_in(customer_once)} == {0}


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(3000), np.zeros(60000), np.ones(60000)])
def test_what_is_no_voice_is_never_two(samples: Samples) -> None:
    heard = Voices()
    heard.add(samples.astype(np.float32), 1.0)
    assert len(heard.turns()) <= 1


def test_a_word_belongs_to_the_turn_that_its_middle_is_in() -> None:
    turns = [
        Turn(start=1.0, end=3.0, speaker=0),
        Turn(start=3.0, end=5.0, speaker=1),
        Turn(start=5.0, end=6.0, speaker=0),
    ]
    first, second = by_voice(spoken((0.0, "well"), (1.0, "hello"), (2.9, "yes"), (4.0, "good"), (6.5, "bye")), turns)
    assert [word.text for word in first] == ["well", "hello", "bye"]
    assert [word.text for word in second] == ["yes", "good"]


def test_without_turns_the_words_are_one_speakers() -> None:
    words = spoken((0.0, "hello"), (1.0, "there"))
    assert by_voice(words, []) == [words]


def test_an_embedding_has_length_one_whatever_the_loudness(call: Samples) -> None:
    window = call[0, : int(1.6 * SAMPLE_RATE)]
    loud, quiet = voice_encoder.load().embed(np.stack([window, window / 20]))
    assert np.linalg.norm(loud) == pytest.approx(1)
    assert loud @ quiet == pytest.approx(1, abs=1e-4)


def test_weights_other_than_the_chosen_ones_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pretrained.pt").write_bytes(b"something else")
    monkeypatch.setattr(voice_encoder, "package_folder", lambda package: tmp_path)
    with pytest.raises(WeightsError, match="not those that were chosen"):
        voice_encoder.VoiceEncoder()


def test_a_pickle_that_would_call_something_is_refused() -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print"):
        voice_encoder._Pickle(io.BytesIO(pickle.dumps(print))).load()
