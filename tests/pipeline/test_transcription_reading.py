"""A recording is read by an engine, and what is doubtful a second time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from pipeline.services.transcription.engine import HeardWord
from pipeline.services.transcription.reading import words_of_chunks
from pipeline.services.transcription.recording import Recording, listen
from pipeline.services.transcription.speech import Chunk, Samples

RECORDING = Path(__file__).parents[1] / "data" / "two_speakers.flac"


class Engine:
    """Hears nothing the first time, and a word the second."""

    multilingual = True

    def __init__(self, *, rereads: bool) -> None:
        self.rereads = rereads

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        return {}

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        yield from ((chunk, []) for chunk in chunks)

    def hear_again(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        yield from ((chunk, [HeardWord(text=" so", start=0.5, end=0.9, probability=0.9)]) for chunk in chunks)


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    with listen(RECORDING, (), 60.0) as recording:
        yield recording


@pytest.mark.parametrize("rereads", [True, False])
def test_what_is_doubtful_is_read_again_if_the_engine_would_read_it_otherwise(
    recording: Recording, rereads: bool
) -> None:
    read = words_of_chunks(recording, "en", (), Engine(rereads=rereads), lambda done, total: None)
    assert len(read) == len(recording.chunks)
    assert [bool(words) for _, words in read] == [rereads] * len(read)
