"""Where there is speech in a recording, and how it is cut into chunks."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline.services import media
from pipeline.services.transcription import speech
from tests.pipeline.test_transcription import TWO_SPEAKERS
from tests.recorded import recorded


def spans_in(audio: media.Decoded) -> list[tuple[float, float]]:
    return [span for chunk in speech.chunks_of(audio, 0) for span in chunk.seconds()]


def test_speech_across_blocks_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = recorded(np.tile(media.decode(TWO_SPEAKERS)[0], 4))
    whole = spans_in(audio)
    monkeypatch.setattr(speech, "BLOCK", 100 * speech.VOICE_FRAME)
    assert spans_in(audio) == whole
    assert all(before[1] <= after[0] for before, after in pairwise(whole))


@pytest.mark.parametrize(
    ("likely", "voiced"),
    [
        ([], []),
        ([0.4] * 50, []),
        ([0.9], [(0, 1)]),
        ([*[0.0] * 5, *[0.9] * 20, *[0.1] * 20, *[0.9] * 5, *[0.1] * 5], [(5, 25), (45, 50)]),
        ([*[0.9] * 5, *[0.1] * 8, *[0.9] * 5], [(0, 18)]),
        ([*[0.6] * 3, *[0.4] * 50, *[0.6] * 3], [(0, 56)]),
        ([*[0.9] * 700, 0.5, *[0.9] * 300], [(0, 700), (700, 1001)]),
    ],
    ids=["nothing", "perhaps", "a frame", "two", "a short pause", "once begun it goes on", "too long"],
)
def test_a_voice_lasts_from_pause_to_pause(likely: list[float], voiced: list[tuple[int, int]]) -> None:
    assert list(speech._voiced(np.array(likely, np.float32))) == voiced


def test_chunks_are_short_enough_for_the_model() -> None:
    pauseless = np.tile(media.decode(TWO_SPEAKERS)[1][16000 * 33 // 10 : 16000 * 55 // 10], 20)
    chunks = speech.chunks_of(recorded(pauseless), 0)
    assert sum(chunk.duration for chunk in chunks) > 35
    assert max(chunk.duration for chunk in chunks) <= speech.MAX_CHUNK + 0.1


@pytest.mark.parametrize(("silence", "kept"), [(0.7, True), (2.0, False)])
def test_little_silence_at_the_ends_is_left_in(silence: float, kept: bool) -> None:
    said = media.decode(TWO_SPEAKERS)[0][: 3 * 16000]
    ends = np.zeros(int(silence * 16000))
    chunks = speech.chunks_of(recorded(np.concatenate([ends, said, ends])), 0)
    assert (chunks[0].start == 0, chunks[-1].end == 3 + 2 * silence) == (kept, kept)


def test_silence_is_left_out_of_chunks() -> None:
    said = media.decode(TWO_SPEAKERS)[0][: 3 * 16000]
    (chunk,) = speech.chunks_of(recorded(np.concatenate([said, np.zeros(60 * 16000), said])), 0)
    assert chunk.duration < 8
    assert chunk.end > 63
    assert len(chunk.samples) == pytest.approx(16000 * chunk.duration)


def test_parts_are_read_together_as_far_as_a_chunk_holds_them() -> None:
    audio = recorded(np.zeros((1, 0)))

    def part(*seconds: tuple[int, int]) -> speech.Chunk:
        return speech.Chunk(
            audio=audio, channel=0, spans=tuple((16000 * first, 16000 * last) for first, last in seconds)
        )

    early, late, long = part((3, 5), (6, 10)), part((40, 50)), part((60, 85))
    groups = list(speech.together([long, late, early]))
    assert groups == [[early, late], [long]]
    assert speech.joined(groups[0]) == part((3, 5), (6, 10), (40, 50))
    assert list(speech.together([])) == []
