"""What transcription asks of an engine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.services.transcription.speech import Chunk, Samples

VOCABULARY_TOKENS = 223  # less than half of the 448 that a Whisper model writes


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardWord:
    """A word as Whisper gives it: a leading space starts a word, without one it continues the word before.

    ``start`` and ``end`` are seconds from the start of the chunk.
    """

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a model runs on. Whatever is 0 or empty is chosen: one thread a core, the batch and the type for the device.

    ``threads``: batches read side by side. ``batch``: chunks read at once. ``compute_type``: a word of CTranslate2's.
    An engine that reads chunk by chunk has threads within one, and no batch.
    """

    device: str = "cpu"
    threads: int = 0
    batch: int = 0
    compute_type: str = ""


class Engine(Protocol):
    """A loaded speech recognizer. ``rereads``: its second reading is another one, and may come out better."""

    multilingual: bool
    rereads: bool

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        """How likely each language is, by code, in up to 30 seconds of speech (mono, 16 kHz)."""

    def tokens_of(self, vocabulary: Sequence[str]) -> int:
        """How many tokens the model is given for a vocabulary. Of more than ``VOCABULARY_TOKENS`` some are cut off."""

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        """Write down each chunk, in whatever order is quickest."""

    def hear_again(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        """Write down each chunk by itself, in order, guessing anew where a guess repeats itself or is improbable."""
