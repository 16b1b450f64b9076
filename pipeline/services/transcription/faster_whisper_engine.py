"""Whisper on CTranslate2: the default engine."""

import ctypes
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import numpy as np

from pipeline.services.transcription.engine import HeardWord, Machine
from pipeline.services.transcription.speech import SAMPLE_RATE, Chunk, Samples
from pipeline.services.transcription.weights import folder_of

CPU_BATCH, GPU_BATCH = 2, 16  # chunks read at once
NEVER_TWICE = 20  # tokens: so many in a row, and again, nobody says in half a minute; a model that got stuck does
LEAD = 0.6  # seconds of silence before a short chunk, of which the model else misses the beginning
FRAMES_PER_SECOND = 100
M_ARENA_MAX = -8  # of glibc's malloc.h: how many heaps there may be


class FasterWhisper:
    """A faster-whisper model that reads chunks in batches, of all channels alike."""

    rereads = True

    def __init__(self, model: str, machine: Machine, cache: Path) -> None:
        """Load a model: a name carried by a package, a folder, or a name that the Hugging Face hub knows."""
        from faster_whisper import WhisperModel

        folder = folder_of(model, cache)
        on_cpu = machine.device == "cpu"
        share_memory()
        # A worker of one thread for each core: threads that share a batch wait for each other, and far longer when
        # another process has one of their cores.
        self._workers = machine.threads or (cores() if on_cpu else 1)
        # The first reading and the second share the workers: more at once are no faster, and each takes memory.
        self._turns = BoundedSemaphore(self._workers)
        self._batch = machine.batch or (CPU_BATCH if on_cpu else GPU_BATCH)
        self._model = WhisperModel(
            str(folder) if folder else model,
            device=machine.device,
            compute_type=machine.compute_type or ("int8" if on_cpu else gpu_type()),
            cpu_threads=1,
            num_workers=self._workers,
            download_root=str(cache),
        )
        self.multilingual = bool(self._model.model.is_multilingual)

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        """See ``Engine``."""
        from faster_whisper.audio import pad_or_trim

        features = pad_or_trim(self._model.feature_extractor(samples))
        found = self._model.model.detect_language(self._model.encode(features))[0]
        return {token.strip("<|>"): probability for token, probability in found}

    def tokens_of(self, vocabulary: Sequence[str]) -> int:
        """See ``Engine``."""
        return len(self._model.hf_tokenizer.encode(f" {_prompt(vocabulary)}", add_special_tokens=False).ids)

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        """See ``Engine``. The channel with the most pauses comes first: more of it is read again, beside the other."""
        batch = max(1, min(self._batch, len(chunks) // self._workers))
        stretches = Counter[int]()
        for chunk in chunks:
            stretches[chunk.channel] += len(chunk.spans)

        def place(chunk: Chunk) -> tuple[bool, int, int, float]:
            return not chunk.short, -stretches[chunk.channel], chunk.channel, -chunk.duration

        alike = sorted(chunks, key=place)
        groups = (list(group) for _, group in groupby(alike, lambda chunk: chunk.short))
        batches = [group[first : first + batch] for group in groups for first in range(0, len(group), batch)]
        with ThreadPoolExecutor(self._workers) as pool:
            heard = pool.map(lambda chunks: self._hear_batch(chunks, language, vocabulary), batches)
            yield from zip(alike, chain.from_iterable(heard), strict=True)

    def hear_again(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        """See ``Engine``: the library's sequential mode."""
        with ThreadPoolExecutor(self._workers) as pool:
            yield from zip(
                chunks, pool.map(lambda chunk: self._hear_alone(chunk, language, vocabulary), chunks), strict=True
            )

    def _hear_alone(self, chunk: Chunk, language: str, vocabulary: Sequence[str]) -> list[HeardWord]:
        with self._turns:
            segments, _ = self._model.transcribe(
                chunk.samples, language=language, word_timestamps=True, hotwords=_prompt(vocabulary)
            )
            heard = [_heard(word, 0.0) for segment in segments for word in segment.words or ()]
            give_back_memory()
        return heard

    def _hear_batch(self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]) -> list[list[HeardWord]]:
        with self._turns:
            heard = self._hear_joined(chunks, language, vocabulary)
            give_back_memory()
        return heard

    def _hear_joined(self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]) -> list[list[HeardWord]]:
        """The batched pipeline takes one recording and clips of it, so the chunks are laid end to end.

        A segment's ``seek`` is the frame (10 ms) at which its clip starts: it tells which chunk the segment is of.
        """
        from faster_whisper import BatchedInferencePipeline

        short = all(chunk.short for chunk in chunks)
        lead = LEAD if short else 0.0
        samples = [np.pad(chunk.samples, (int(lead * SAMPLE_RATE), 0)) for chunk in chunks]
        ends = np.cumsum([len(each) for each in samples]) / SAMPLE_RATE
        starts = [0.0, *ends[:-1].tolist()]
        half = 0.5 / SAMPLE_RATE  # the library cuts at int(seconds * rate): 8.11 s would be one sample too early
        segments, _ = BatchedInferencePipeline(self._model).transcribe(
            np.concatenate(samples),
            language=language,
            clip_timestamps=[
                {"start": start + half, "end": end + half} for start, end in zip(starts, ends.tolist(), strict=True)
            ],
            batch_size=len(chunks),
            word_timestamps=True,
            # Without them the model leaves out whole sentences of a long chunk; with them it fills up a short one.
            without_timestamps=short,
            no_repeat_ngram_size=NEVER_TWICE,
            hotwords=_prompt(vocabulary),
        )
        chunk_at = {int(start * FRAMES_PER_SECOND): index for index, start in enumerate(starts)}
        heard: list[list[HeardWord]] = [[] for _ in chunks]
        for segment in segments:
            index = chunk_at[segment.seek]
            heard[index] += [_heard(word, starts[index] + lead) for word in segment.words or ()]
        return heard


def share_memory() -> None:
    """Let all threads to come share one heap: with one each, what a thread has freed is of no use to the others."""
    _glibc("mallopt", M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Let the system have what is free. glibc keeps it in pieces between what is not, more with each hour of a call."""
    _glibc("malloc_trim", 0)


def _glibc(function: str, *arguments: int) -> None:
    """Call a function that other C libraries lack, and have no need of."""
    found = getattr(ctypes.CDLL(None), function, None)
    if found is not None:
        found(*arguments)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_type() -> str:
    """Half precision, or with weights of 8 bits where the card has no fast halves."""
    import ctranslate2

    known = ctranslate2.get_supported_compute_types("cuda")
    return next(kind for kind in ("float16", "int8_float32", "float32") if kind in known)


def _prompt(vocabulary: Sequence[str]) -> str:
    return " ".join(vocabulary)


def _heard(word: Any, start: float) -> HeardWord:
    """A word of the library's, from the start of its chunk on. Its numbers are numpy's, which JSON does not know."""
    return HeardWord(
        text=word.word,
        start=max(float(word.start) - start, 0.0),
        end=max(float(word.end) - start, 0.0),
        probability=float(word.probability),
    )
