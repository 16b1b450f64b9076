"""``make bench-transcription``: how fast and how true transcription is, beside the bare engines, in one run.

``PARTS`` chooses among speed, truth, silence, times and memory; ``EARS`` the engines of truth. The peers are described
in ``tests/bench/speech.py``.

* speed: audio seconds per wall second on the real two-channel call, in turns; openai-whisper on a minute of it.
* truth: word errors of each source and of pools of them (whisper's normalizer), and a paired bootstrap of all files of
  what ours has more than the best peer.
* silence: of calls that are mostly silent, the words written where nothing sounds; and of the words that the best peer
  found where something does, and that another kind of engine or the machine on the line heard too, how many are among
  ours.
* times: how far the start and the end of digits are from the exact ones.
* memory: the highest resident memory and the time for a call of 4 minutes, 1 hour and 4 hours, each in a process of
  its own.
"""

import functools
import json
import operator
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.config import config
from pipeline.documents import Settings
from pipeline.services import media, transcription
from tests.bench import DATA, highest_memory, need, say
from tests.bench.speech import (
    EARS,
    MODEL,
    RATE,
    Samples,
    Spoken,
    Timed,
    corpus,
    heard_by,
    normalizer,
    ours_from,
    percentile,
    word_errors,
    write_wav,
)

PARTS = os.environ.get("PARTS", "speed,truth,silence,times,memory").split(",")
CHOSEN = os.environ.get("EARS", "ours,batched,sequential,openai").split(",")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
LENGTHS = {"4_minutes": 1, "1_hour": 15, "4_hours": 58}  # times the call
SILENCE_SECONDS, FRAME = 0.3, RATE // 50
IN_TURN = ("sequential", "openai")  # engines that read one window after another


def main() -> None:
    """Measure what was chosen, print."""
    if len(sys.argv) == 2:
        transcribe_alone(Path(sys.argv[1]))
        return
    parts: dict[str, Callable[[], None]] = {
        "speed": speed, "truth": truth, "silence": silence, "times": times, "memory": memory
    }  # fmt: skip
    for name in PARTS:
        parts[name]()


# ── Speed ────────────────────────────────────────────────────────────────────────────────────────────────────────


def the_call() -> Samples:
    """The real two-sided call as ``(channels, samples)``."""
    sides = [media.decode(need(DATA / "calls" / f"Auto_Repairs_40_{side}.wav"))[0] for side in ("agent", "caller")]
    length = min(map(len, sides))
    return np.stack([side[:length] for side in sides])


def speed() -> None:
    """All engines in turns, both channels each; ours from a file, the others from samples in memory."""
    call = the_call()
    seconds = call.shape[1] / RATE
    took: dict[str, list[float]] = {name: [] for name in ("ours", "batched", "sequential")}
    hear_both("ours", call[:, : 20 * RATE])
    hear_both("batched", call[:, : 20 * RATE])
    for _ in range(ROUNDS):
        for name, times_taken in took.items():
            times_taken.append(hear_both(name, call))
    for name, times_taken in took.items():
        say(f"transcription_speed_{name}", seconds / statistics.median(times_taken), "times real time")
        ratios = [theirs / mine for mine, theirs in zip(took["ours"], times_taken, strict=True)]
        if name != "ours":
            say(f"transcription_ours_to_{name}", statistics.median(ratios), f"of the speed of {name}, same round")
    minute = call[:, 60 * RATE : 120 * RATE]
    ratio = hear_both("openai", minute) / hear_both("ours", minute)
    say("transcription_ours_to_openai_on_a_minute", ratio, "of the speed of openai, same round")


def hear_both(name: str, call: Samples) -> float:
    """Seconds that an engine takes for both channels of a call; ours from a file that is there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "call.wav")
        write_wav(path, call)
        started = time.monotonic()
        if name == "ours":
            ours_from(path, "en")
        else:
            for channel in call:
                EARS[name](np.ascontiguousarray(channel), "en")
        return time.monotonic() - started


# ── Truth ────────────────────────────────────────────────────────────────────────────────────────────────────────


def truth() -> None:
    """Word errors of every engine, a pool and in all."""
    spoken = corpus()
    errors = {name: np.array([errors_of(*each) for each in zip(spoken, heard(name), strict=True)]) for name in CHOSEN}
    for chosen in dict.fromkeys(name for each in spoken for name in (each.source, each.pool, "all")):
        among = np.array([chosen in (each.source, each.pool, "all") for each in spoken])
        for name, found in errors.items():
            wrong, said = found[among].sum(axis=0).tolist()
            say(f"transcription_errors_{chosen}_{name}", wrong, f"of {said} words")
            say(f"transcription_wer_{chosen}_{name}", 100 * wrong / said, "%")
    peers = [name for name in CHOSEN if name != "ours"]
    if "ours" in errors and peers:
        best = min(peers, key=lambda name: errors[name][:, 0].sum())
        low, high = bootstrap(errors["ours"], errors[best])
        say("transcription_wer_over_best_low", low, f"points over {best}, 2.5th percentile of a paired bootstrap")
        say("transcription_wer_over_best_high", high, f"points over {best}, 97.5th percentile of a paired bootstrap")


@functools.cache
def heard(name: str) -> list[list[Timed]]:
    """What an engine hears in each recording of the corpus: once, for truth and times."""
    return heard_by(name, [each.samples for each in corpus()], [each.language for each in corpus()])


def errors_of(spoken: Spoken, words: list[Timed]) -> tuple[int, int]:
    """Errors and words of one recording."""
    return word_errors(spoken.text, " ".join(word for word, _, _ in words), spoken.language)


def bootstrap(mine: npt.NDArray[np.int64], theirs: npt.NDArray[np.int64], samples: int = 10_000) -> tuple[float, float]:
    """The 95 % interval of the difference of two word error rates, in points, over files drawn again and again."""
    drawn = np.random.default_rng(1).integers(len(mine), size=(samples, len(mine)))
    more = (mine[:, 0] - theirs[:, 0])[drawn].sum(axis=1) / mine[:, 1][drawn].sum(axis=1)
    low, high = np.percentile(100 * more, [2.5, 97.5])
    return float(low), float(high)


# ── Silence ──────────────────────────────────────────────────────────────────────────────────────────────────────


def silence() -> None:
    """Words in the silence of real calls to a machine, and the words found where something sounds."""
    in_silence: Counter[str] = Counter()
    kept = found = 0
    paths = sorted(need(DATA / "calls" / "getgoing").rglob("*.wav"))
    calls = [np.ascontiguousarray(media.decode(path)[0]) for path in paths]
    heard_in_all = {name: heard_by(name, calls, ["en"] * len(calls)) for name in CHOSEN}
    for number, (path, samples) in enumerate(zip(paths, calls, strict=True)):
        silent = silent_frames(samples)
        said = {name: heard_in_all[name][number] for name in CHOSEN}
        for name, words in said.items():
            in_silence[name] += sum(lies_in(word, silent) for word in words)
        speech = {name: plain(word for word in words if not lies_in(word, silent)) for name, words in said.items()}
        mine = speech.pop("ours")
        best = max(borne_out(speech, heard_by_the_machine(path)), key=Counter.total)
        kept += (mine & best).total()
        found += best.total()
    for name in CHOSEN:
        say(f"transcription_words_in_silence_{name}", in_silence[name], "words")
    say("transcription_words_kept", 100 * kept / found, f"% of the {found} words of the best peer of each call")


def silent_frames(samples: Samples) -> npt.NDArray[np.bool_]:
    """Which 20 ms lie in a third of a second or more that is within 6 dB of the recording's own hiss."""
    loud = np.array([float(part.std()) for part in np.array_split(samples, max(len(samples) // FRAME, 1))])
    quiet = loud <= max(2 * float(np.percentile(loud, 10)), 1e-3)
    changes = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int)))
    silent = np.zeros(len(quiet), bool)
    for first, last in zip(changes[::2], changes[1::2], strict=True):
        silent[first:last] = (last - first) * FRAME / RATE >= SILENCE_SECONDS
    return silent


def lies_in(word: Timed, silent: npt.NDArray[np.bool_]) -> bool:
    """Whether all of a word is silence."""
    _, start, end = word
    first = min(int(start * RATE / FRAME), len(silent) - 1)
    return bool(silent[first : max(int(np.ceil(end * RATE / FRAME)), first + 1)].all())


def plain(words: Iterable[Timed]) -> Counter[str]:
    """How often each word was heard, in one spelling."""
    return Counter(normalizer("en")(" ".join(word for word, _, _ in words)).split())


def heard_by_the_machine(path: Path) -> Counter[str]:
    """How often each word was heard by the machine that the person talked to, some not, some wrong."""
    history = json.loads(path.with_name("log.json").read_text())["history"]
    return plain((line.removeprefix("USER "), 0.0, 0.0) for line in history if line.startswith("USER "))


def borne_out(speech: Mapping[str, Counter[str]], machine: Counter[str]) -> Iterator[Counter[str]]:
    """Of what each peer found, the words that the machine or an engine of another kind heard as often.

    The rest is loops and guesses. Two that read one window after another, each after the words before, loop alike.
    """
    for name, words in speech.items():
        others = (theirs for other, theirs in speech.items() if (other in IN_TURN) != (name in IN_TURN))
        yield words & functools.reduce(operator.or_, others, machine)


# ── Word times ───────────────────────────────────────────────────────────────────────────────────────────────────


def times() -> None:
    """The error of the starts and ends of digits, where all of a number was heard right."""
    for name in CHOSEN:
        starts, ends, numbers = [], [], 0
        for spoken, words in zip(corpus(), heard(name), strict=True):
            if spoken.times and len(words) == len(spoken.times):
                numbers += 1
                starts += [abs(start - exact) for (_, start, _), (exact, _) in zip(words, spoken.times, strict=True)]
                ends += [abs(end - exact) for (_, _, end), (_, exact) in zip(words, spoken.times, strict=True)]
        for edge, off in (("start", starts), ("end", ends)):
            say(f"transcription_word_{edge}_p50_{name}", 1000 * percentile(off, 0.5), f"ms, {numbers} numbers")
            say(f"transcription_word_{edge}_p95_{name}", 1000 * percentile(off, 0.95), f"ms, {numbers} numbers")


# ── Memory ───────────────────────────────────────────────────────────────────────────────────────────────────────


def memory() -> None:
    """A call of each length, in a process of its own."""
    call = the_call()
    with tempfile.TemporaryDirectory() as folder:
        for name, repeated in LENGTHS.items():
            path = Path(folder, f"{name}.wav")
            write_wav(path, np.tile(call, repeated))
            command = [sys.executable, "-m", "tests.bench.bench_transcription", str(path)]
            seen = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            path.unlink()
            say(f"transcription_memory_{name}", seen["megabytes"], "MB at most")
            say(f"transcription_seconds_{name}", seen["seconds"], "s")
            say(f"transcription_processor_seconds_{name}", seen["processor_seconds"], "s of one core")


def transcribe_alone(path: Path) -> None:
    """In a process of its own: transcribe one file, print its time, that of the processors, and its highest memory."""
    transcription.warm("faster-whisper", MODEL, transcription.CPU, config().models)
    started, busy = time.monotonic(), time.process_time()
    transcription.transcribe(path, settings=Settings(), cache=config().models, language="en", model=MODEL)
    most = highest_memory()
    took = {"seconds": time.monotonic() - started, "processor_seconds": time.process_time() - busy}
    print(json.dumps({"megabytes": most, **took}))


if __name__ == "__main__":
    main()
