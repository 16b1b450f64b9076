"""Redacted audio of the built calls: personal seconds that can be heard, other speech that is lost, other channels.

Two ways: the whole cascade, with the words and times of its own transcription; and with a transcript of exact times
whose every personal piece is a redaction, so that only the cutting is measured.
"""

import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import accumulate, groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.documents import Redaction, RedactionPolicy, Transcript, Utterance, Word
from pipeline.services import audio_redaction, media
from tests.bench.pii.built import SPEAKERS, BuiltCall, Piece, built_calls, write_wav
from tests.bench.pii.ear import anonymized
from tests.bench.pii.page import figure, left_out
from tests.bench.pii.voices import RATE, missing

FRAME = RATE // 100  # samples: 10 ms
FULL_SCALE = 32768
ECHO_DELAY, ECHO_LEVEL, ECHO_EVERY = RATE // 10, 0.08, 4  # samples; 22 dB less; of so many calls one
LABELS = {"PERSON_NAME": "NAME", "POSTCODE": "ADDRESS", "PLATE": "BOOKING"}  # the others are the cascade's own
Samples = npt.NDArray[np.int16]


def audio() -> None:
    """Say the figures of both ways, of all calls and of those in each language."""
    if missing():
        left_out("anonymization-audio", missing())
        return
    _measured("chain", anonymized)
    _measured("exact", exact)
    _echo()


def _echo() -> None:
    """What can be heard of personal pieces in the other channel, when each channel faintly repeats the other."""
    frames = audible = 0
    with tempfile.TemporaryDirectory() as folder:
        for call in built_calls()[::ECHO_EVERY]:
            samples = samples_of(call.path).astype(np.float64)
            samples[:, ECHO_DELAY:] += ECHO_LEVEL * samples[::-1, :-ECHO_DELAY]
            write_wav(path := Path(folder, "echo.wav"), samples / FULL_SCALE)
            silent = silenced(redacted_samples(replace(call, path=path), exact(call)))
            for piece in call.personal:
                later = replace(piece, start=piece.start + ECHO_DELAY / RATE, end=piece.end + ECHO_DELAY / RATE)
                heard = ~silent[1 - piece.channel, first_frame(later) : last_frame(later)]
                frames, audible = frames + heard.size, audible + int(heard.sum())
    seconds = frames * FRAME / RATE
    figure(
        "anonymization-audio-echo-audible", 100 * audible / frames, f"% of the echo of {seconds:.0f} personal seconds"
    )


def _measured(way: str, transcript_of: Callable[[BuiltCall], Transcript]) -> None:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for call in built_calls():
        counts[call.language] += counted(call, redacted_samples(call, transcript_of(call)))
    said_of(way, sum(counts.values(), Counter()))
    for language, count in counts.items():
        said_of(f"{way}-{language}", count)


def counted(call: BuiltCall, redacted: Samples) -> Counter[str]:
    """Frames of personal and of other speech, how many of them are silent, and samples that should not differ."""
    source, count = samples_of(call.path), Counter[str]()
    if source.shape != redacted.shape:
        raise SystemExit(f"The redacted audio of {call.name} has another length than its recording.")
    silent = silenced(redacted)
    for piece in call.pieces:
        hidden = silent[piece.channel, first_frame(piece) : last_frame(piece)]
        kind = "personal" if piece.is_personal else piece.label or "other"
        count[kind] += hidden.size
        count[f"hidden {kind}"] += int(hidden.sum())
    for channel in {0, 1} - {piece.channel for piece in call.personal}:
        count["untouched"] += source.shape[1]
        count["changed"] += int((source[channel] != redacted[channel]).sum())
    count["altered"] += int(((source != redacted) & (redacted != 0)).sum())
    return count


def said_of(way: str, count: Counter[str]) -> None:
    """Say the shares of what was counted."""
    personal, other = (count[kind] * FRAME / RATE for kind in ("personal", "other"))
    audible, kept = (1 - count[f"hidden {kind}"] / count[kind] for kind in ("personal", "other"))
    bench = f"anonymization-audio-{way}"
    figure(f"{bench}-audible", 100 * audible, f"% of {personal:.0f} personal seconds")
    figure(f"{bench}-kept", 100 * kept, f"% of {other:.0f} seconds of other speech")
    figure(f"{bench}-other-channel", count["changed"], f"of {count['untouched']} samples differ from the source")
    figure(f"{bench}-altered", count["altered"], "samples that are neither silent nor as in the source")


def silenced(samples: Samples) -> npt.NDArray[np.bool_]:
    """Which 10 ms of each channel are silent to the sample. The hiss of the built calls is nowhere so."""
    frames = samples[:, : samples.shape[1] // FRAME * FRAME].reshape(len(samples), -1, FRAME)
    return (frames == 0).all(axis=2)


def first_frame(piece: Piece) -> int:
    return round(piece.start * RATE) // FRAME


def last_frame(piece: Piece) -> int:
    return max(round(piece.end * RATE) // FRAME, first_frame(piece) + 1)


def redacted_samples(call: BuiltCall, transcript: Transcript) -> Samples:
    """The samples of the redacted master."""
    with tempfile.TemporaryDirectory() as folder:
        made = audio_redaction.redact(call.path, transcript, RedactionPolicy(), out=Path(folder))
        return samples_of(made.master)


def samples_of(path: Path) -> Samples:
    """A recording as ffmpeg decodes it: 16 bits, as many channels and as often a second as it has."""
    command = [media.ffmpeg_program(), "-v", "error", "-i", str(path), "-f", "s16le", "-"]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    samples: Samples = np.frombuffer(raw, dtype="<i2").reshape(-1, 2).T
    return samples


@cache
def exact(call: BuiltCall) -> Transcript:
    """An anonymized transcript with exact times: an utterance a turn, a redaction a personal piece.

    The words of other pieces share the time of theirs by their length.
    """
    utterances, redactions = [], []
    for index, (_, turn) in enumerate(groupby(call.pieces, key=lambda piece: piece.turn)):
        pieces = list(turn)
        channel, words = pieces[0].channel, list[Word]()
        for piece in pieces:
            label = LABELS.get(piece.label, piece.label) if piece.is_personal else ""
            words += [Word(text=f"[{label}_1]", start=piece.start, end=piece.end)] if label else _words(piece)
            if label:
                redactions.append(Redaction(
                    label=label, placeholder=words[-1].text, utterance=index, channel=channel,
                    start=piece.start, end=piece.end,
                ))  # fmt: skip
        utterances.append(Utterance(
            index=index, speaker=SPEAKERS[channel], channel=channel, start=pieces[0].start, end=pieces[-1].end,
            text=" ".join(word.text for word in words), words=tuple(words),
        ))  # fmt: skip
    duration = samples_of(call.path).shape[1] / RATE
    return Transcript(
        language=call.language,
        duration=duration,
        utterances=tuple(utterances),
        redactions=tuple(redactions),
        channels=2,
    )


def _words(piece: Piece) -> list[Word]:
    said = [word for word in piece.text.split() if any(sign.isalnum() for sign in word)]
    ends = list(accumulate(len(word) + 1 for word in said))
    a_sign = (piece.end - piece.start) / ends[-1]
    return [
        Word(text=word, start=piece.start + (end - len(word) - 1) * a_sign, end=piece.start + end * a_sign)
        for word, end in zip(said, ends, strict=True)
    ]
