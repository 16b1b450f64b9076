"""Audio redaction, with the real ffmpeg."""

import hashlib
import json
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from pipeline.documents import HiddenBefore, Redaction, RedactionPolicy, Transcript, Utterance, Word
from pipeline.events import FailureCode
from pipeline.services import media
from pipeline.services.audio_redaction import BEEP_LEVEL, RedactedAudio, redact
from pipeline.services.errors import ExpectedFailure
from tests.pipeline.recordings import ffmpeg, samples_of, write_wav

SECRET = "Quentin Fairweather"
NO_PAD = RedactionPolicy(pad=0.0)


def noise(seconds: float, channels: int, rate: int) -> npt.NDArray[np.int16]:
    """Samples that are nowhere silent, ``(samples, channels)``."""
    generator = np.random.default_rng(20260101)
    size = (round(seconds * rate), channels)
    return (generator.integers(2000, 20000, size) * generator.choice([-1, 1], size)).astype("<i2")


def transcript(duration: float, *redactions: Redaction, channels: int = 2) -> Transcript:
    """Two utterances, one a channel: 0.5 to 1.5 s and 2 to 3 s."""
    spoken = (
        Utterance(index=0, speaker="agent", channel=0, start=0.5, end=1.5, text="[NAME_1]"),
        Utterance(index=1, speaker="customer", channel=1, start=2.0, end=3.0, text="[PHONE_1]"),
    )
    return Transcript(language="en", duration=duration, utterances=spoken, redactions=redactions, channels=channels)


def hide(channel: int, start: float | None, end: float | None, utterance: int = 0) -> Redaction:
    return Redaction(label="NAME", placeholder="[NAME_1]", utterance=utterance, channel=channel, start=start, end=end)


def redact_noise(
    folder: Path, *redactions: Redaction, policy: RedactionPolicy = NO_PAD, seconds: float = 4.0, channels: int = 2
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16], RedactedAudio]:
    """Noise before and after redaction, at 8 kHz."""
    before = noise(seconds, channels, 8000)
    audio = write_wav(folder / "call.wav", before, 8000)
    result = redact(audio, transcript(seconds, *redactions, channels=channels), policy, out=folder)
    return before, samples_of(result.master, channels), result


def test_a_stretch_is_silent_to_the_sample_and_everything_else_untouched(tmp_path: Path) -> None:
    before, after, _ = redact_noise(tmp_path, hide(1, 2.25, 2.75))
    assert not after[18000:22000, 1].any()
    after_without, before_without = after.copy(), before.copy()
    after_without[18000:22000, 1] = before_without[18000:22000, 1] = 0
    assert np.array_equal(after_without, before_without)


def test_a_stretch_is_padded_and_clamped_to_the_call(tmp_path: Path) -> None:
    policy = RedactionPolicy(pad=0.5)
    before, after, _ = redact_noise(tmp_path, hide(0, 0.25, 1.0), hide(1, 3.75, 4.0), policy=policy)
    assert len(after) == len(before)
    assert not after[:12000, 0].any()
    assert np.array_equal(after[12000:, 0], before[12000:, 0])
    assert not after[26000:, 1].any()
    assert np.array_equal(after[:26000, 1], before[:26000, 1])


def test_what_a_person_hid_before_is_silent_also_where_no_word_is_heard_now(tmp_path: Path) -> None:
    """Where the channels are not told apart, on all of them."""
    call, said = write_wav(tmp_path / "call.wav", noise(4.0, 2, 8000), 8000), transcript(4.0)
    for channel, silent in ((1, [1]), (None, [0, 1])):
        before = (HiddenBefore(label="NAME", channel=channel, start=3.25, end=3.75),)
        made = redact(call, said, NO_PAD, out=tmp_path, before=before)
        after = samples_of(made.master, 2)
        assert [number for number in (0, 1) if not after[26000:30000, number].any()] == silent
        assert {(cut.cause, cut.label) for cut in made.cuts} == {("person", "NAME")}


def test_what_a_person_shows_again_can_be_heard_again(tmp_path: Path) -> None:
    call, said = write_wav(tmp_path / "call.wav", noise(4.0, 2, 8000), 8000), transcript(4.0)
    shown = msgspec.structs.replace(said.utterances[1], text="blue", words=(Word(text="blue", start=2.0, end=2.5),))
    said = msgspec.structs.replace(said, utterances=(said.utterances[0], shown))
    before = (HiddenBefore(label="NAME", channel=1, start=2.1, end=2.4),)
    assert redact(call, said, NO_PAD, out=tmp_path, before=before).cuts == ()


def test_a_beep_takes_the_place_of_the_words(tmp_path: Path) -> None:
    policy = RedactionPolicy(mode="beep", pad=0.0)
    before, after, _ = redact_noise(tmp_path, hide(0, 1.0, 2.0), policy=policy)
    tone = after[8000:16000, 0]
    spectrum = np.abs(np.fft.rfft(tone))
    assert int(spectrum.argmax()) == 1000  # Hz: the stretch is a second long
    assert np.abs(tone).max() == pytest.approx(BEEP_LEVEL * 32768, abs=1)
    assert np.array_equal(after[:, 1], before[:, 1])


def test_a_redaction_without_times_hides_its_whole_utterance(tmp_path: Path) -> None:
    for start, end in ((None, None), (2.5, None), (2.7, 2.2)):
        _, after, _ = redact_noise(tmp_path, hide(1, start, end, utterance=1))
        assert not after[16000:24000, 1].any()
        assert after[:16000, 1].all()
        assert after[24000:, 1].all()


@pytest.mark.parametrize(
    ("recorded", "transcribed", "channel"),
    [
        (2, 1, 0),  # two channels alike were transcribed as one
        (2, 2, 5),  # a channel that the recording has not
        (1, 2, 1),  # a mono file for a transcript of two
    ],
)
def test_a_redaction_whose_channel_is_in_doubt_is_hidden_on_all(
    recorded: int, transcribed: int, channel: int, tmp_path: Path
) -> None:
    call = transcript(4.0, hide(channel, 1.0, 2.0), channels=transcribed)
    audio = write_wav(tmp_path / "call.wav", noise(4.0, recorded, 8000), 8000)
    result = redact(audio, call, NO_PAD, out=tmp_path)
    assert [(cut.channel, cut.start, cut.end) for cut in result.cuts] == [(each, 1.0, 2.0) for each in range(recorded)]
    after = samples_of(result.master, recorded)
    assert not after[8000:16000].any()
    assert after[:8000].all()
    assert after[16000:].all()


def test_two_channels_transcribed_as_one_are_both_silenced(tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "call.wav", noise(4.0, 2, 8000), 8000)
    result = redact(audio, transcript(4.0, hide(0, 1.0, 2.0), channels=1), NO_PAD, out=tmp_path)
    after = samples_of(result.master, 2)
    assert not after[8000:16000].any()
    assert after[16000:].all()


def test_a_transcript_of_another_recording_is_refused(tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "call.wav", noise(4.0, 2, 8000), 8000)
    with pytest.raises(ExpectedFailure) as failure:
        redact(audio, transcript(60.0, hide(0, 50.0, 51.0)), NO_PAD, out=tmp_path)
    assert failure.value.code == FailureCode.LENGTHS_DIFFER
    assert not (tmp_path / "master.flac").exists()


def test_a_redaction_of_an_utterance_that_is_not_there_publishes_nothing(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        redact_noise(tmp_path, hide(0, None, None, utterance=7))
    assert not (tmp_path / "master.flac").exists()


SOURCES = {
    "wav8": (["-c:a", "pcm_u8"], "call.wav"),
    "mulaw": (["-c:a", "pcm_mulaw"], "call.wav"),
    "mp3": (
        ["-c:a", "libmp3lame", "-b:a", "32k", "-metadata", f"title={SECRET}", "-metadata", f"comment={SECRET}"],
        "a.mp3",
    ),
    "m4a": (["-c:a", "aac", "-metadata", f"title={SECRET}"], "a.m4a"),
    "flac": (["-c:a", "flac", "-metadata", f"description={SECRET}"], "a.flac"),
    "opus": (["-c:a", "libopus", "-metadata", f"artist={SECRET}"], "a.ogg"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_format_keeps_length_rate_channels_and_the_other_channel(tmp_path: Path, kind: str) -> None:
    options, name = SOURCES[kind]
    audio = tmp_path / name
    ffmpeg("-i", write_wav(tmp_path / "source.wav", noise(4.0, 2, 8000), 8000), *options, audio)
    source, decoded = media.probe(audio), samples_of(audio, 2)
    result = redact(audio, transcript(source.duration, hide(1, 2.0, 3.0)), NO_PAD, out=tmp_path)
    master, after = media.probe(result.master), samples_of(result.master, 2)
    assert (master.channels, master.sample_rate) == (source.channels, source.sample_rate)
    assert len(after) == len(decoded)
    assert np.array_equal(after[:, 0], decoded[:, 0])
    first, last = 2 * source.sample_rate, 3 * source.sample_rate
    assert not after[first:last, 1].any()
    assert np.array_equal(after[:first, 1], decoded[:first, 1])
    assert media.probe(result.player).duration == pytest.approx(source.duration, abs=0.01)


def test_nothing_but_samples_is_carried_over(tmp_path: Path) -> None:
    """A caller's name may be in a tag, a cover or a chapter of the recording."""
    cover, chapters, audio = tmp_path / "cover.png", tmp_path / "chapters", tmp_path / "call.mp3"
    ffmpeg("-f", "lavfi", "-i", "color=size=16x16", "-frames:v", "1", cover)
    chapters.write_text(f";FFMETADATA1\nartist={SECRET}\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=2\ntitle={SECRET}\n")
    wav = write_wav(tmp_path / "source.wav", noise(4.0, 2, 8000), 8000)
    maps = ["-map", "0", "-map", "1", "-map_metadata", "2", "-map_chapters", "2", "-metadata:s:v", f"title={SECRET}"]
    ffmpeg("-i", wav, "-i", cover, "-i", chapters, *maps, "-c:v", "copy", "-id3v2_version", "3", audio)
    assert SECRET.encode() in audio.read_bytes().replace(b"\0", b"")
    result = redact(audio, transcript(media.probe(audio).duration), NO_PAD, out=tmp_path)
    for file in (result.master, result.player):
        assert SECRET.encode() not in file.read_bytes().replace(b"\0", b"")
        listing = subprocess.run([media.ffmpeg_program(), "-i", str(file)], capture_output=True, text=True).stderr
        assert listing.count("Stream #") == 1
        assert "Chapter" not in listing
        assert "title" not in listing.lower()


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_each_of_many_channels_stays_itself(tmp_path: Path, channels: int) -> None:
    before, after, result = redact_noise(tmp_path, hide(0, 1.0, 2.0), channels=channels)
    assert not after[8000:16000, 0].any()
    assert np.array_equal(after[:, 1:], before[:, 1:])
    heard, mean = samples_of(result.player, 1)[::2, 0].astype(float), after.mean(axis=1)
    assert np.corrcoef(heard[: len(mean)], mean)[0, 1] > 0.9
    assert len(result.peaks.channels) == channels


def test_the_player_is_silent_where_the_master_is_and_in_step_with_it(tmp_path: Path) -> None:
    silence = [hide(0, start, start + 0.5) for start in (0.5, 1.75, 3.0)]
    _, _, result = redact_noise(tmp_path, *silence)
    heard = samples_of(result.player, 2)[:, 0].astype(float)
    level = np.abs(heard[: 4 * 16000]).reshape(-1, 800).mean(axis=1)  # 50 ms each
    quiet = {number for number, value in enumerate(level) if value < 300}
    expected = {number for start in (10, 35, 60) for number in range(start, start + 10)}
    assert quiet <= expected
    assert len(expected - quiet) <= 6


def test_peaks_are_those_of_the_redacted_audio(tmp_path: Path) -> None:
    before, _, result = redact_noise(tmp_path, hide(0, 1.0, 2.0), seconds=61.03)
    agent, customer = (np.array(values) for values in result.peaks.channels)
    assert len(agent) == len(customer) == 1221  # 20 a second, the last one of a part
    assert result.peaks.duration == pytest.approx(61.03)
    assert not agent[20:40].any()
    loudest = np.abs(before[: 1220 * 400, 1].astype(int)).reshape(-1, 400).max(axis=1) / 32768
    assert customer[:1220] == pytest.approx(loudest, abs=0.001)


def test_hundreds_of_stretches_over_block_borders_are_hidden(tmp_path: Path) -> None:
    hidden = [hide(0, start / 4, start / 4 + 0.1) for start in range(500)]
    before, after, _ = redact_noise(tmp_path, *hidden, hide(1, 59.0, 61.0), seconds=126.0)
    assert not after[: 500 * 2000, 0].reshape(500, 2000)[:, :800].any()
    assert after[: 500 * 2000, 0].reshape(500, 2000)[:, 801:].all()
    assert not after[59 * 8000 : 61 * 8000, 1].any()
    assert np.array_equal(after[61 * 8000 :, 1], before[61 * 8000 :, 1])


def test_the_same_call_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("once", "again"):
        folder = tmp_path / name
        folder.mkdir()
        _, _, result = redact_noise(folder, hide(0, 1.0, 2.0))
        digests.add(hashlib.sha256(result.master.read_bytes() + result.player.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_samples_that_are_no_numbers_do_no_harm_to_others(tmp_path: Path) -> None:
    wild = np.zeros(8000, "<f4")
    wild[:5] = (np.nan, np.inf, -np.inf, 3e38, -2.0)
    raw, audio = tmp_path / "raw", tmp_path / "call.wav"
    raw.write_bytes(wild.tobytes())
    ffmpeg("-f", "f32le", "-ar", "8000", "-ac", "1", "-i", raw, "-c:a", "pcm_f32le", audio)
    result = redact(audio, Transcript(language="en", duration=1.0), NO_PAD, out=tmp_path)
    after = samples_of(result.master, 1)[:, 0]
    assert after[4] == -32768
    assert not after[5:].any()


def test_a_file_that_is_no_audio_is_refused_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_text(json.dumps({"not": "audio"}))
    with pytest.raises(ExpectedFailure) as failure:
        redact(tmp_path / "call.wav", Transcript(language="en", duration=1.0), NO_PAD, out=tmp_path)
    assert failure.value.code == FailureCode.AUDIO_UNSUPPORTED
