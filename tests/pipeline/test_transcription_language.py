"""Which language a recording is in."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from pipeline.services.transcription.engine import HeardWord
from pipeline.services.transcription.language import tell_language
from pipeline.services.transcription.recording import Recording, listen
from pipeline.services.transcription.speech import Chunk, Samples

RECORDING = Path(__file__).parents[1] / "data" / "two_speakers.flac"


class Engine:
    """Finds the languages of a recording as likely as it is told, and its words as probable."""

    multilingual = rereads = True

    def __init__(self, sound: Mapping[str, float], words: Mapping[str, float]) -> None:
        self.sound, self.words, self.read = sound, words, list[str]()

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        return self.sound

    def tokens_of(self, vocabulary: Sequence[str]) -> int:
        return sum(map(len, vocabulary))

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        self.read.append(language)
        for chunk in chunks:
            probability = self.words[language]
            words = [HeardWord(text=" so", start=0.0, end=0.4, probability=probability)] if probability else []
            yield chunk, words

    hear_again = hear


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    with listen(RECORDING, (), 60.0) as recording:
        yield recording


@pytest.mark.parametrize(
    ("sound", "words", "told", "read"),
    [
        ({"en": 0.9, "fr": 0.1}, {"en": 0.2, "fr": 0.9}, ("en", 0.9), []),  # the sound is sure
        ({"en": 0.5, "fr": 0.3}, {"en": 0.2, "fr": 0.9}, ("fr", 0.3), ["en", "fr"]),  # the words decide
        ({"en": 0.3, "fr": 0.5}, {"en": 0.2, "fr": 0.9}, ("fr", 0.5), ["fr", "en"]),
        ({"de": 0.8, "fr": 0.1, "en": 0.05}, {"en": 0.9, "fr": 0.1}, ("en", 0.05), ["fr", "en"]),  # none is likely
        ({"en": 0.5, "fr": 0.3}, {"en": 0.0, "fr": 0.0}, ("en", 0.5), ["en", "fr"]),  # no word in either
    ],
)
def test_a_language_is_told_by_its_sound_or_else_by_its_words(
    recording: Recording, sound: dict[str, float], words: dict[str, float], told: tuple[str, float], read: list[str]
) -> None:
    engine = Engine(sound, words)
    assert tell_language(recording, ("en", "fr"), engine) == told
    assert engine.read == read
