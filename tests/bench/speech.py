"""Speech with known words, and the engines that ``bench_transcription`` compares.

A peer is what a program gets that calls the library itself: the same weights and threads, samples in memory, the
language given, word times asked for.
"""

import csv
import functools
import math
import multiprocessing
import os
import re
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.config import config
from pipeline.documents import Settings
from pipeline.services import media, transcription
from pipeline.services.transcription.faster_whisper_engine import cores
from pipeline.services.transcription.weights import folder_of
from tests.bench import DATA, need

RATE = 16000
SPEECH = DATA / "speech"
MODEL = "base"
Samples = npt.NDArray[np.float32]
Timed = tuple[str, float, float]  # a word, its start and end in seconds
Ear = Callable[[Samples, str], list[Timed]]

POOLS = {
    "librispeech": "read", "pocketsphinx": "read", "jfk": "read", "mfa": "read",
    "asterisk-en": "telephone", "an4": "telephone", "sphinx4": "telephone", "fsdd": "telephone", "google": "telephone",
    "nemo_librimix": "overlapped", "asterisk-fr": "french", "stp-fr": "french",
}  # fmt: skip
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGITS_A_NUMBER = 10


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """A recording (mono, 16 kHz) and what is said in it; ``times`` where each word starts and ends, if known."""

    source: str
    language: str
    samples: Samples
    text: str
    times: tuple[tuple[float, float], ...] = ()

    @property
    def pool(self) -> str:
        """The kind of speech that its figures are added to."""
        return POOLS[self.source]


@functools.cache
def corpus() -> list[Spoken]:
    """All of the public speech with known words; the single digits joined to numbers."""
    return [*recordings(), *numbers()]


def recordings() -> Iterator[Spoken]:
    """Every mono file whose text is known; of two who speak at once, the words in the order of their turns."""
    for row in rows():
        mono = row["channels"] == "1" or row["source"] == "jfk"
        if row["source"] == "fsdd" or not mono or row["lang"] not in ("en", "fr"):
            continue
        path = need(SPEECH / row["path"])
        text = turns(row["text"]) if row["source"] == "nemo_librimix" else row["text"]
        yield Spoken(source=row["source"], language=row["lang"], samples=samples_of(path, row), text=text)


def rows() -> list[dict[str, str]]:
    """The index of the speech files."""
    with need(SPEECH / "refs.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def turns(text: str) -> str:
    """The words of ``[speaker start-end] words [speaker start-end] words``."""
    return " ".join(part.partition("]")[2].strip() for part in text.split("[") if part)


def samples_of(path: Path, row: dict[str, str]) -> Samples:
    """A recording in mono at 16 kHz. Raw GSM has no header that tells what it is, so ffmpeg is told."""
    if path.suffix != ".gsm":
        return np.ascontiguousarray(media.decode(path).mean(axis=0))
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "gsm.wav")
        media.run_ffmpeg(["-f", "gsm", "-i", str(path), "-ar", "8000", str(wav)])
        return np.ascontiguousarray(media.decode(wav)[0])


def numbers() -> Iterator[Spoken]:
    """Spoken digits at 8 kHz of one speaker, joined ten by ten over 150 ms of silence, with their exact times."""
    spoken: dict[str, list[tuple[str, Samples]]] = {}
    for row in sorted((row for row in rows() if row["source"] == "fsdd"), key=lambda row: row["path"]):
        digit, speaker, _ = Path(row["path"]).stem.split("_")
        spoken.setdefault(speaker, []).append((DIGITS[int(digit)], media.decode(need(SPEECH / row["path"]))[0]))
    pause = np.zeros(int(0.15 * RATE), np.float32)
    for own in spoken.values():
        order = np.random.default_rng(4).permutation(len(own))
        for first in range(0, len(own) - DIGITS_A_NUMBER + 1, DIGITS_A_NUMBER):
            chosen = [own[index] for index in order[first : first + DIGITS_A_NUMBER]]
            pieces, times, at = [pause] * 3, [], 3 * len(pause)
            for _, sound in chosen:
                start, end = sounding(sound)
                times.append(((at + start) / RATE, (at + end) / RATE))
                pieces += [sound, pause]
                at += len(sound) + len(pause)
            yield Spoken(
                source="fsdd", language="en", samples=np.concatenate([*pieces, *[pause] * 3]),
                text=" ".join(word for word, _ in chosen), times=tuple(times),
            )  # fmt: skip


def sounding(samples: Samples) -> tuple[int, int]:
    """Where a single word starts and ends in its file: what is within 35 dB of its loudest 10 ms."""
    frame = RATE // 100
    energy = np.array([float(np.dot(part, part)) for part in np.array_split(samples, max(len(samples) // frame, 1))])
    loud = np.flatnonzero(energy > energy.max() * 10**-3.5)
    return int(loud[0]) * frame, min(int(loud[-1] + 1) * frame, len(samples))


# ── Engines ──────────────────────────────────────────────────────────────────────────────────────────────────────


def ours(samples: Samples, language: str) -> list[Timed]:
    """Parley's service, by way of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "call.wav")
        write_wav(path, samples)
        return ours_from(path, language)


def ours_from(path: Path, language: str) -> list[Timed]:
    """Parley's service, from a file that is there."""
    said = transcription.transcribe(path, settings=Settings(), cache=config().models, language=language, model=MODEL)
    words = [word for utterance in said.utterances for word in utterance.words]
    return [(word.text, word.start or 0.0, word.end or 0.0) for word in words]


def write_wav(path: Path, samples: Samples) -> None:
    """A 16-bit WAV of one channel, or of several when the array is ``(channels, samples)``."""
    channels = np.atleast_2d(samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(channels.T, -1, 1) * 32767).astype("<i2").tobytes())


@functools.cache
def whisper_model() -> Any:
    """The bare engine with the weights and the threads that Parley uses."""
    from faster_whisper import WhisperModel

    folder = str(folder_of(MODEL, config().models))
    return WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=cores())


def batched(samples: Samples, language: str) -> list[Timed]:
    """(a) faster-whisper's own batched pipeline."""
    from faster_whisper import BatchedInferencePipeline

    pipeline = BatchedInferencePipeline(whisper_model())
    return timed(pipeline.transcribe(samples, language=language, word_timestamps=True, batch_size=8)[0])


def sequential(samples: Samples, language: str) -> list[Timed]:
    """(b) faster-whisper, one window after the other."""
    return timed(whisper_model().transcribe(samples, language=language, word_timestamps=True)[0])


def timed(segments: Any) -> list[Timed]:
    """The words of segments."""
    return [(word.word.strip(), float(word.start), float(word.end)) for each in segments for word in each.words or ()]


@functools.cache
def torch_model() -> Any:
    """openai-whisper with the same weights."""
    from pipeline.services.transcription.checkpoint import whisper_model as from_folder

    folder = folder_of(MODEL, config().models)
    assert folder is not None
    return from_folder(folder, "cpu")


def openai(samples: Samples, language: str) -> list[Timed]:
    """(c) openai-whisper."""
    result = torch_model().transcribe(samples, language=language, word_timestamps=True, beam_size=5, fp16=False)
    words = [word for segment in result["segments"] for word in segment["words"]]
    return [(word["word"].strip(), float(word["start"]), float(word["end"])) for word in words]


EARS: dict[str, Ear] = {"ours": ours, "batched": batched, "sequential": sequential, "openai": openai}


def heard_by(name: str, samples: Sequence[Samples], languages: Sequence[str]) -> list[list[Timed]]:
    """What an engine hears in each of many recordings; not for how long it takes."""
    return list(listeners().map(hear, repeat(name), samples, languages))


def hear(name: str, samples: Samples, language: str) -> list[Timed]:
    """What an engine hears in a recording, in whatever process."""
    return EARS[name](samples, language)


@functools.cache
def listeners() -> ProcessPoolExecutor:
    """A process for each core: on short recordings no engine keeps a second one busy."""
    context = multiprocessing.get_context("spawn")
    free = context.SimpleQueue()
    for core in os.sched_getaffinity(0):
        free.put(core)
    return ProcessPoolExecutor(cores(), context, keep_to_a_core, (free,))


def keep_to_a_core(free: "SimpleQueue[int]") -> None:
    """Let this process run on one core, which the engines see, and choose as many threads."""
    os.sched_setaffinity(0, {free.get()})


# ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────


@functools.cache
def normalizer(language: str) -> Callable[[str], str]:
    """What makes two spellings one: whisper's, for French its numbers in digits; and each digit is a word."""
    from text_to_num import alpha2digit
    from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer

    english, basic = EnglishTextNormalizer(), BasicTextNormalizer()
    read = english if language == "en" else lambda text: alpha2digit(basic(text.lower()), language)
    return lambda text: re.sub(r"(?<=\d)(?=\d)", " ", read(text))


def word_errors(said: str, heard: str, language: str) -> tuple[int, int]:
    """Errors, and the words that were said."""
    import jiwer

    plain = normalizer(language)
    reference, hypothesis = plain(said), plain(heard)
    if not reference:
        return 0, 0
    found = jiwer.process_words(reference, hypothesis)
    return found.substitutions + found.deletions + found.insertions, len(reference.split())


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(math.ceil(share * len(ordered)) - 1, len(ordered) - 1)] if ordered else 0.0
