"""The sample calls are what their manifest says, and what a telephone call is."""

import json
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from stdnum import iban, luhn

SAMPLES = Path(__file__).parents[2] / "conversations" / "samples"
CALLS: list[dict[str, Any]] = json.loads((SAMPLES / "samples.json").read_text())["calls"]
KINDS = {
    *("NAME", "PHONE", "EMAIL", "ADDRESS", "DATE_OF_BIRTH", "SSN", "CARD", "CARD_EXPIRY", "CVV", "IBAN"),
    *("ACCOUNT", "BOOKING", "USERNAME", "PASSWORD"),
}
RATE = 8000  # Hz
each_call = pytest.mark.parametrize("call", CALLS, ids=[call["file"] for call in CALLS])


def read(call: dict[str, Any]) -> tuple[av.AudioStream, np.ndarray]:
    """The audio stream of a call, and its samples, a row a channel, full scale being 1."""
    with av.open(str(SAMPLES / call["file"])) as container:
        stream = container.streams.audio[0]
        frames = [frame.to_ndarray().reshape(-1, frame.layout.nb_channels).T for frame in container.decode(stream)]
        return stream, np.concatenate(frames, axis=1) / 32768


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def test_every_recording_is_in_the_manifest_and_every_call_of_it_is_recorded():
    assert sorted(path.name for path in SAMPLES.glob("*.flac")) == sorted(call["file"] for call in CALLS)
    assert {path.stem for path in (SAMPLES / "dialogues").glob("*.toml")} == {Path(c["file"]).stem for c in CALLS}


def test_there_are_at_least_six_calls_in_under_six_megabytes():
    assert len(CALLS) >= 6
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 6_000_000


def test_the_calls_are_told_apart_by_their_external_id_and_their_topic():
    assert len({call["external_id"] for call in CALLS}) == len({call["topic"] for call in CALLS}) == len(CALLS)


def test_the_calls_carry_every_kind_of_personal_data():
    assert {item["label"] for call in CALLS for item in call["pii"]} == KINDS


@each_call
def test_a_recording_is_a_two_channel_telephone_call_of_40_to_120_seconds(call):
    stream, samples = read(call)
    assert (stream.codec_context.name, stream.rate, len(samples)) == ("flac", RATE, 2)
    assert samples.shape[1] / RATE == pytest.approx(call["duration"], abs=0.001)
    assert 40 <= call["duration"] <= 120


def stretch(turn: dict[str, Any], margin: float = 0.0) -> tuple[int, slice]:
    """The channel and the samples of a turn, with a margin in seconds on either side."""
    channel = ("agent", "customer").index(turn["speaker"])
    return channel, slice(round((turn["start"] - margin) * RATE), round((turn["end"] + margin) * RATE))


@each_call
def test_each_turn_is_heard_on_the_channel_of_its_speaker_when_the_manifest_says(call):
    _, samples = read(call)
    assert all(loudness(samples[stretch(turn)]) > 0.03 for turn in call["turns"])


@each_call
def test_a_channel_is_silent_while_its_speaker_has_no_turn(call):
    _, samples = read(call)
    for turn in call["turns"]:
        samples[stretch(turn, margin=0.001)] = 0  # the manifest rounds to milliseconds
    assert not samples.any()


@each_call
def test_both_speakers_have_several_turns(call):
    speakers = [turn["speaker"] for turn in call["turns"]]
    assert min(speakers.count("agent"), speakers.count("customer")) >= 5


@each_call
def test_topic_phrases_are_said_within_one_turn(call):
    said = [turn["text"].lower() for turn in call["turns"]]
    assert 2 <= len(call["topic_phrases"]) <= 4
    assert [phrase for phrase in call["topic_phrases"] if not any(phrase in text for text in said)] == []


@each_call
def test_personal_data_is_said_in_the_turns_named(call):
    for item in call["pii"]:
        assert item["turns"]
        assert all(item["said"].lower() in call["turns"][index]["text"].lower() for index in item["turns"])


@each_call
def test_no_canary_is_in_what_may_be_shown_of_a_call(call):
    shown = " ".join([call["topic"], call["agent"], call["external_id"], call["started_at"], *call["topic_phrases"]])
    canaries = {canary for other in CALLS for item in other["pii"] for canary in item["canaries"]}
    assert canaries
    assert [canary for canary in canaries if as_words(canary).search(shown)] == []


def as_words(canary: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(canary)}(?!\w)", re.IGNORECASE)


@pytest.mark.parametrize(("label", "check"), [("CARD", luhn.is_valid), ("IBAN", iban.is_valid)])
def test_numbers_with_a_check_digit_pass_their_check(label, check):
    values = [item["canaries"][0] for call in CALLS for item in call["pii"] if item["label"] == label]
    assert values
    assert all(map(check, values))
