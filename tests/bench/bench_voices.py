"""How well two people on one channel are told apart by their voices.

Time right: the share of the time in which one person speaks, 0.25 s away from where anyone begins or ends, that is
given to that person. Words right: the same of words. On a real call whose two sides are mixed, on conversations made
of recordings of one speaker each, through a telephone's 8 kHz, and on two readers who overlap (librimix).
"""

import csv
import re
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.documents import Settings
from pipeline.services import media, transcription
from pipeline.services.transcription.speech import SAMPLE_RATE, Samples, chunks_of
from pipeline.services.transcription.timeline import SpokenWord
from pipeline.services.transcription.voices import Turn, by_voice
from pipeline.services.transcription.voices import turns_in as turns_of
from tests.bench import DATA, need, say
from tests.recorded import recorded

TELEPHONE = 8000
COLLAR = 0.25  # seconds
GRID = 100  # points a second at which turns are compared
Gold = Sequence[tuple[float, float, int]]  # start, end, speaker


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A mono recording, and who speaks when in it."""

    samples: Samples
    gold: Gold


def main() -> None:
    """Print what it costs, the shares for each set, and how often one voice is found to be one."""
    sides = [read(f"calls/Auto_Repairs_40_{side}.wav") for side in ("agent", "caller")]
    call = mixed(sides)
    say_cost(call.samples)
    turns = turns_in(call.samples)
    say("voices-call-time-right", np.divide(*time_right(turns, call.gold)), "share")
    say("voices-call-words-right", np.divide(*words_right(turns, transcribed())), "share")
    voices = recordings()
    pairs = pairwise([*voices, next(iter(voices))])
    say_set("voices-made-8khz", [conversation(voices[one], voices[other]) for one, other in pairs])
    say_set("voices-librimix", list(librimix()))
    singles = [*voices.values(), *sides]
    alone = [turns_in(samples) for samples in singles]
    say("voices-one-speaker-found-one", sum(len(turns) == 1 for turns in alone) / len(alone), "share")


def say_set(bench: str, talks: Sequence[Talk]) -> None:
    """Say the shares of a set. Its words are as long as each other, for want of gold times."""
    found = [turns_in(talk.samples) for talk in talks]
    times = [time_right(turns, talk.gold) for turns, talk in zip(found, talks, strict=True)]
    words = [words_right(turns, evenly(talk.gold)) for turns, talk in zip(found, talks, strict=True)]
    say(f"{bench}-time-right", np.divide(*np.sum(times, axis=0)), "share")
    say(f"{bench}-words-right", np.divide(*np.sum(words, axis=0)), "share")
    say(f"{bench}-two-speakers-found", sum(len(turns) > 1 for turns in found) / len(found), "share")


def say_cost(samples: Samples) -> None:
    """Say the speed in the process's CPU time, and what it adds to the memory; call it before whatever needs more."""
    chunks = chunks_of(recorded(samples), 0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    turns_of(chunks)
    spent = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    say("voices-speed", sum(chunk.duration for chunk in chunks) / spent, "seconds of speech a second of CPU")
    say("voices-memory", memory / 1024, "MiB more at the peak")


def turns_in(samples: Samples) -> list[Turn]:
    """What is found in a recording."""
    return turns_of(chunks_of(recorded(samples), 0))


def time_right(turns: Sequence[Turn], gold: Gold) -> tuple[int, int]:
    """Grid points given to the right speaker, under the better naming of the two, and in all."""
    length = int(max(end for _, end, _ in gold) * GRID) + 1
    speaks = np.zeros((2, length), dtype=bool)
    counted = np.ones(length, dtype=bool)
    for start, end, speaker in gold:
        speaks[speaker, int(start * GRID) : int(end * GRID)] = True
        for edge in (start, end):
            counted[max(int((edge - COLLAR) * GRID), 0) : int((edge + COLLAR) * GRID)] = False
    counted &= speaks[0] != speaks[1]
    found = np.full(length, -1)
    for turn in turns:
        found[int(turn.start * GRID) : int(turn.end * GRID)] = turn.speaker
    right = [int(np.sum(counted & (found == speaks[one]))) for one in (1, 0)]
    return max(right), int(counted.sum())


def words_right(turns: Sequence[Turn], gold: Sequence[Sequence[SpokenWord]]) -> tuple[int, int]:
    """Words given to the right speaker, under the better naming of the two, and in all."""
    given = [[len(words) for words in [*by_voice(own, turns), []][:2]] for own in gold]
    return max(given[0][0] + given[1][1], given[0][1] + given[1][0]), sum(map(sum, given))


def evenly(gold: Gold) -> list[list[SpokenWord]]:
    """Words of about 0.3 s for each speaker's stretches."""
    words: list[list[SpokenWord]] = [[], []]
    for start, end, speaker in gold:
        edges = np.linspace(start, end, max(int((end - start) / 0.3), 1) + 1)
        words[speaker] += [SpokenWord(text="-", start=a, end=b, probability=1.0) for a, b in pairwise(edges.tolist())]
    return words


def transcribed() -> list[list[SpokenWord]]:
    """The words of the call's sides, each transcribed by itself."""
    with TemporaryDirectory() as cache:
        transcripts = [
            transcription.transcribe(
                DATA / f"calls/Auto_Repairs_40_{side}.wav",
                settings=Settings(languages=("en",)),
                cache=Path(cache),
                model="tiny.en",
            )
            for side in ("agent", "caller")
        ]
    return [
        [
            SpokenWord(text=word.text, start=word.start or 0.0, end=word.end or 0.0, probability=1.0)
            for utterance in transcript.utterances
            for word in utterance.words
        ]
        for transcript in transcripts
    ]


def mixed(sides: Sequence[Samples]) -> Talk:
    """The sides of a call in one channel; each side's own speech is the gold."""
    length = min(map(len, sides))
    gold = [(*span, speaker) for speaker, side in enumerate(sides) for span in speech(side[:length])]
    return Talk(samples=np.sum([side[:length] for side in sides], axis=0), gold=gold)


def recordings() -> dict[str, Samples]:
    """Half a minute of each of some voices, as heard on a telephone. The first file of mfa is one speaker's."""
    folder = need(DATA / "speech/librispeech_test_other")
    return {
        "3080": np.concatenate([read(path) for path in sorted(folder.glob("3080-*"))]),
        "mfa": read("speech/mfa/tests/data/wav/acoustic_corpus.wav"),
        "533": np.concatenate([read(path) for path in sorted(folder.glob("533-*"))]),
        "kennedy": read("speech/whisper/tests/jfk.flac"),
    }


def conversation(one: Samples, other: Samples) -> Talk:
    """Two voices in turns of 3 to 8 s, with pauses of 0.1 to 0.6 s and levels of their own."""
    chance = np.random.default_rng(1)
    parts: list[Samples] = []
    gold: list[tuple[float, float, int]] = []
    rest = [one, other]
    position = speaker = 0
    while len(rest[speaker]) >= SAMPLE_RATE:
        length = int(chance.uniform(3, 8) * SAMPLE_RATE)
        said, rest[speaker] = rest[speaker][:length], rest[speaker][length:]
        said = said * (chance.uniform(0.2, 0.5) / max(float(np.abs(said).max()), 1e-6))
        gold += [(position / SAMPLE_RATE + start, position / SAMPLE_RATE + end, speaker) for start, end in speech(said)]
        parts += [said, np.zeros(int(chance.uniform(0.1, 0.6) * SAMPLE_RATE))]
        position = sum(map(len, parts))
        speaker = 1 - speaker
    return Talk(samples=np.concatenate(parts).astype(np.float32), gold=gold)


def librimix() -> Iterator[Talk]:
    """Two readers; the second begins before the first has ended."""
    with need(DATA / "speech/refs.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["source"] == "nemo_librimix"]
    for row in rows:
        spans = re.findall(r"\[(\d+) ([\d.]+)-([\d.]+)\]", row["text"])
        names = sorted({name for name, _, _ in spans})
        gold = [(float(start), float(end), names.index(name)) for name, start, end in spans]
        yield Talk(samples=read(f"speech/{row['path']}", rate=SAMPLE_RATE), gold=gold)


def speech(samples: Samples) -> list[tuple[float, float]]:
    """Where Silero hears speech, without padding, in seconds."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(min_silence_duration_ms=200, speech_pad_ms=0)
    spans = get_speech_timestamps(np.ascontiguousarray(samples, dtype=np.float32), options)
    return [(span["start"] / SAMPLE_RATE, span["end"] / SAMPLE_RATE) for span in spans]


def read(path: str | Path, rate: int = TELEPHONE) -> Samples:
    """The first channel of a file, limited to the band of a rate, at 16 kHz."""
    audio = np.array(media.decode(need(DATA / path), sample_rate=rate, max_duration=3600.0))[0]
    if rate == SAMPLE_RATE:
        return audio
    spectrum = np.fft.rfft(audio)
    return np.asarray(np.fft.irfft(spectrum, 2 * len(audio)) * 2, dtype=np.float32)


if __name__ == "__main__":
    main()
