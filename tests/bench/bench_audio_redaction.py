"""``make bench-audio-redaction``: what of hidden words can still be heard, what the proof finds, and what both cost.

``PARTS`` chooses among cuts, proof and cost; ``CALLS`` is how many built calls are used (``built_calls``; needs flite).

* cuts: a built call is transcribed by the product, its personal data marked by the exact times, its audio redacted:
  the share of seconds of personal data that still sounds, and of other speech that is kept. Detection is not measured
  here: what the transcript has at the place of personal data counts as found.
* proof: such calls must pass; then of each stretch a half is left, or nearly all, in turns, with word times to match,
  and the proof should find it.
* cost: CPU of redacting an hour of the real call, over that of one bare ffmpeg that filters and encodes the same files.
"""

import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from pipeline.config import config
from pipeline.documents import Cut, Redaction, RedactionPolicy, Settings, Transcript, Utterance, Word
from pipeline.services import anonymization, audio_redaction, media, redaction_proof, transcription
from pipeline.services.audio_redaction import Recording, silence
from pipeline.services.audio_redaction.samples import encode
from tests.bench import say
from tests.bench.bench_transcription import the_call
from tests.bench.built_calls import RATE, Call, Said, build, masks, sounding_frames
from tests.bench.speech import MODEL, write_wav
from tests.bench.speech import RATE as WIDE

PARTS = os.environ.get("PARTS", "cuts,proof,cost").split(",")
CALLS = int(os.environ.get("CALLS", "10"))
EAR = os.environ.get("EAR", MODEL)  # the model of the proof
POLICY = RedactionPolicy()
PLACEHOLDER = "[NAME_1]"


def main() -> None:
    """Measure what was chosen, print."""
    parts: dict[str, Callable[[Path], None]] = {"cuts": cuts, "proof": proof, "cost": cost}
    for name in PARTS:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder))


def built(folder: Path) -> Iterator[tuple[Call, Path, Transcript]]:
    """Calls, their files, and their transcripts with all personal data hidden."""
    for seed in range(CALLS):
        call = build(seed)
        path = folder / f"call-{seed}.wav"
        write_wav(path, call.samples.astype(np.float32), RATE)
        raw = transcription.transcribe(path, settings=Settings(), cache=config().models, language="en", model=MODEL)
        yield call, path, hidden_as_said(raw, call)


def hidden_as_said(raw: Transcript, call: Call) -> Transcript:
    """The transcript with a placeholder for the words that lie in each stretch of personal data, for the most part."""
    redactions: list[Redaction] = []
    utterances: list[Utterance] = []
    for utterance in raw.utterances:
        words: list[Word] = []
        within: Said | None = None
        for word in utterance.words:
            stretch = next((said for said in call.said if said.label and lies_in(word, utterance, said)), None)
            if stretch is None:
                words.append(word)
            elif stretch is within:
                words[-1] = msgspec.structs.replace(words[-1], end=word.end)
                redactions[-1] = msgspec.structs.replace(redactions[-1], end=word.end)
            else:
                at = sum(len(each.text) + 1 for each in words)
                words.append(msgspec.structs.replace(word, text=PLACEHOLDER))
                redactions.append(
                    Redaction(
                        label=stretch.label, placeholder=PLACEHOLDER, utterance=utterance.index,
                        channel=utterance.channel, start=word.start, end=word.end, start_char=at,
                    )
                )  # fmt: skip
            within = stretch
        text = " ".join(word.text for word in words)
        utterances.append(msgspec.structs.replace(utterance, words=tuple(words), text=text))
    return msgspec.structs.replace(raw, utterances=tuple(utterances), redactions=tuple(redactions))


def lies_in(word: Word, utterance: Utterance, said: Said) -> bool:
    """Whether most of a word is said within a stretch."""
    if word.start is None or word.end is None or said.channel != utterance.channel:
        return False
    return min(word.end, said.end) - max(word.start, said.start) > 0.5 * (word.end - word.start)


# ── Cuts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def cuts(folder: Path) -> None:
    """Seconds audible and kept over all built calls."""
    sums = np.zeros(4)
    for call, path, safe in built(folder):
        made = audio_redaction.redact(path, safe, POLICY, out=folder)
        sounds = sounding_frames(call)
        hidden = np.zeros_like(sounds)
        for cut in made.cuts:
            hidden[cut.channel, round(cut.start * 100) : round(cut.end * 100)] = True
        personal, other = (mask & sounds for mask in masks(call, sounds.shape[1]))
        sums += [(personal & ~hidden).sum(), personal.sum(), (other & ~hidden).sum(), other.sum()]
    say("audio_redaction_audible", 100 * sums[0] / sums[1], f"% of {sums[1] / 100:.0f} s of personal data")
    say("audio_redaction_kept", 100 * sums[2] / sums[3], f"% of {sums[3] / 100:.0f} s of other speech")


# ── Proof ────────────────────────────────────────────────────────────────────────────────────────────────────────


def proof(folder: Path) -> None:
    """Clean calls that pass, and planted leaks that are found."""
    machine = transcription.Machine(threads=config().proof_threads)
    engine = transcription.load("faster-whisper", EAR, machine, config().models)
    anonymization.warm(("en",))
    passed = found = planted = 0
    for call, path, safe in built(folder):
        made = audio_redaction.redact(path, safe, POLICY, out=folder)
        passed += not redaction_proof.prove(made.master, safe, made.cuts, POLICY, engine=engine).doubts
        leaks, wrong, short = with_leaks(call, safe, made.cuts)
        doubts = redaction_proof.prove(
            master_with(short, path, folder), wrong, short, POLICY, engine=engine
        ).doubts  # fmt: skip
        planted += len(leaks)
        found += sum(
            any(it.channel == leak.channel and it.start < leak.end + 0.5 and leak.start - 0.5 < it.end for it in doubts)
            for leak in leaks
        )
    say("redaction_proof_clean_passed", 100 * passed / CALLS, f"% of {CALLS} calls, {EAR}")
    say("redaction_proof_leaks_found", 100 * found / max(planted, 1), f"% of {planted} leaks, {EAR}")


def with_leaks(call: Call, safe: Transcript, made: tuple[Cut, ...]) -> tuple[list[Said], Transcript, list[Cut]]:
    """What is left of each stretch, the transcript whose times say so, and its cuts: the first half, the second, all."""
    leaks, short, times = list[Said](), list[Cut](), dict[tuple[int, int], tuple[float, float]]()
    for number, redaction in enumerate(safe.redactions):
        cut = next(it for it in made if it.channel == redaction.channel and it.said_from == redaction.start)
        said = max(
            (it for it in call.said if it.label and it.channel == cut.channel),
            key=lambda it: min(it.end, cut.end) - max(it.start, cut.start),
        )
        middle = (said.start + said.end) / 2
        start, end = ((middle, cut.end), (cut.start, middle), (cut.start, cut.start + 0.1))[number % 3]
        leaks.append(said)
        short.append(msgspec.structs.replace(cut, start=start, end=end))
        times[redaction.utterance, redaction.start_char] = (start, end)
    return leaks, moved(safe, times), short


def moved(safe: Transcript, times: dict[tuple[int, int], tuple[float, float]]) -> Transcript:
    """A transcript whose hidden words have these times, by utterance and offset."""
    utterances = []
    for utterance in safe.utterances:
        at, words = 0, list[Word]()
        for word in utterance.words:
            start, end = times.get((utterance.index, at), (word.start, word.end))
            words.append(msgspec.structs.replace(word, start=start, end=end))
            at += len(word.text) + 1
        utterances.append(msgspec.structs.replace(utterance, words=tuple(words)))
    redactions = (
        msgspec.structs.replace(it, start=times[it.utterance, it.start_char][0], end=times[it.utterance, it.start_char][1])
        for it in safe.redactions
    )  # fmt: skip
    return msgspec.structs.replace(safe, utterances=tuple(utterances), redactions=tuple(redactions))


def master_with(chosen: list[Cut], path: Path, folder: Path) -> Path:
    """A master with exactly these cuts."""
    pcm, master = folder / "pcm", folder / "leaking.flac"
    info = media.write_samples(path, pcm)
    with closing(Recording(pcm, info.channels, info.sample_rate)) as recording:
        for cut in chosen:
            recording.hide(cut, silence)
    encode(pcm, info.sample_rate, info.channels, master, folder / "leaking.mp3")
    return master


# ── Cost ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def cost(folder: Path) -> None:
    """An hour of the real call at 8 kHz, with a stretch every ten seconds on either channel in turns."""
    call = the_call()[:, :: WIDE // RATE]
    hour = np.tile(call, 15)[:, : 3600 * RATE]
    path = folder / "hour.wav"
    write_wav(path, hour, RATE)
    safe = every_ten_seconds(hour.shape[1] / RATE)
    before = cpu_seconds()
    made = audio_redaction.redact(path, safe, POLICY, out=folder)
    middle = cpu_seconds()
    filters = "volume=0:enable='" + "+".join(f"between(t,{it.start},{it.end})" for it in made.cuts[:40]) + "'"
    bare = [media.ffmpeg_program(), "-nostdin", "-loglevel", "error", "-y", "-i", str(path)]
    bare += ["-af", filters, "-c:a", "flac", str(folder / "bare.flac")]
    bare += ["-af", filters, "-ar", "16000", "-b:a", "64k", str(folder / "bare.mp3")]
    subprocess.run(bare, check=True)
    ours, theirs = middle - before, cpu_seconds() - middle
    say("audio_redaction_cost", ours / theirs, f"of a bare ffmpeg's {theirs:.1f} s of CPU, {len(made.cuts)} cuts")
    say("audio_redaction_memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB, this process")


def every_ten_seconds(duration: float) -> Transcript:
    """A transcript with a hidden word of a second and a half every ten seconds."""
    utterances, redactions = [], []
    for index in range(int(duration // 10) - 1):
        start, channel = 10.0 * index + 4, index % 2
        words = (Word(text=PLACEHOLDER, start=start, end=start + 1.5),)
        utterances.append(
            Utterance(
                index=index, speaker="", channel=channel, start=start, end=start + 1.5, text=PLACEHOLDER, words=words
            )
        )  # fmt: skip
        redactions.append(
            Redaction(
                label="NAME", placeholder=PLACEHOLDER, utterance=index, channel=channel, start=start, end=start + 1.5
            )
        )  # fmt: skip
    return Transcript(
        language="en", duration=duration, utterances=tuple(utterances), redactions=tuple(redactions), channels=2
    )


def cpu_seconds() -> float:
    """Of this process and of those it has run."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
