"""Whisper on CTranslate2: the default engine."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.services.transcription.engine import HeardWord
from pipeline.services.transcription.speech import SAMPLE_RATE, Chunk, Samples
from pipeline.services.transcription.weights import folder_of

BATCHES = {"cpu": 4}  # chunks read at once, by device
DEFAULT_BATCH = 16

# Whisper reads 30 seconds, however short the speech, and most of the time goes into reading. A window of 15 seconds,
# or 5 more than the speech, gave the same word error rate in half the time; shorter ones made it invent words.
LEAST_WINDOW = 15.0
SPARE = 5.0


class FasterWhisper:
    """A faster-whisper model that reads chunks in batches, of all channels alike."""

    def __init__(self, model: str, device: str, cache: Path) -> None:
        """Load a model: a name carried by a package, a folder, or a name that the Hugging Face hub knows."""
        from faster_whisper import WhisperModel

        folder = folder_of(model, cache)
        self._model = WhisperModel(
            str(folder) if folder else model,
            device=device,
            compute_type="int8" if device == "cpu" else "float16",
            cpu_threads=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
            download_root=str(cache),
        )
        self._batched = _pipeline(self._model)
        self._batch = BATCHES.get(device, DEFAULT_BATCH)
        self.multilingual = bool(self._model.model.is_multilingual)

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        """See ``Engine``."""
        _, _, probabilities = self._model.detect_language(samples)
        return dict(probabilities)

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        """See ``Engine``."""
        alike = sorted(chunks, key=lambda chunk: chunk.duration)
        for first in range(0, len(alike), self._batch):
            batch = alike[first : first + self._batch]
            yield from zip(batch, self._hear_batch(batch, language, vocabulary), strict=True)

    def _hear_batch(self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]) -> list[list[HeardWord]]:
        """The batched pipeline takes one recording and clips of it, so the chunks are laid end to end.

        A segment's ``seek`` is the frame (10 ms) at which its clip starts: it tells which chunk the segment is of.
        """
        ends = np.cumsum([len(chunk.samples) for chunk in chunks]) / SAMPLE_RATE
        starts = [0.0, *ends[:-1].tolist()]
        half = 0.5 / SAMPLE_RATE  # the library cuts at int(seconds * rate): 8.11 s would be one sample too early
        segments, _ = self._batched.transcribe(
            np.concatenate([chunk.samples for chunk in chunks]),
            language=language,
            clip_timestamps=[
                {"start": start + half, "end": end + half} for start, end in zip(starts, ends.tolist(), strict=True)
            ],
            batch_size=len(chunks),
            word_timestamps=True,
            hotwords=" ".join(vocabulary) or None,
        )
        chunk_at = {int(start * self._model.frames_per_second): index for index, start in enumerate(starts)}
        heard: list[list[HeardWord]] = [[] for _ in chunks]
        for segment in segments:
            index = chunk_at[segment.seek]
            heard[index] += [
                HeardWord(
                    text=word.word,
                    start=float(word.start) - starts[index],  # numpy numbers, which JSON does not know
                    end=float(word.end) - starts[index],
                    probability=float(word.probability),
                )
                for word in segment.words or ()
            ]
        return heard


def _pipeline(model: Any) -> Any:
    """faster-whisper's batched pipeline, but with windows no longer than a batch needs."""
    from faster_whisper import BatchedInferencePipeline

    class ShortWindows(BatchedInferencePipeline):  # type: ignore[misc]  # it carries no types
        def forward(
            self, features: Any, tokenizer: Any, chunks_metadata: Sequence[Mapping[str, float]], options: Any
        ) -> Any:
            seconds = max(LEAST_WINDOW, max(chunk["duration"] for chunk in chunks_metadata) + SPARE)
            frames = int(seconds * model.frames_per_second)
            return super().forward(features[..., :frames], tokenizer, chunks_metadata, options)

    return ShortWindows(model)
