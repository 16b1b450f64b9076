"""Redacted audio of the built calls: personal seconds that can be heard, other speech that is lost, other channels.

Two ways: the whole cascade, with the words and times of its own transcription; and with a transcript of exact times
whose every personal piece is a redaction, so that only the cutting is measured.
"""

import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
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
Samples = npt.NDArray[np.int16]


def audio() -> None:
    """Say the figures of both ways."""
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
                heard = ~silent[1 - piece.channel, _first(later) : _last(later)]
                frames, audible = frames + heard.size, audible + int(heard.sum())
    seconds = frames * FRAME / RATE
    figure(
        "anonymization-audio-echo-audible", 100 * audible / frames, f"% of the echo of {seconds:.0f} personal seconds"
    )


def _measured(way: str, transcript_of: Callable[[BuiltCall], Transcript]) -> None:
    count: Counter[str] = Counter()
    for call in built_calls():
        source, redacted = samples_of(call.path), redacted_samples(call, transcript_of(call))
        if source.shape != redacted.shape:
            raise SystemExit(f"The redacted audio of {call.name} has another length than its recording.")
        silent = silenced(redacted)
        for piece in call.pieces:
            hidden = silent[piece.channel, _first(piece) : _last(piece)]
            kind = "personal" if piece.label else "other"
            count[kind] += hidden.size
            count[f"hidden {kind}"] += int(hidden.sum())
        for channel in {0, 1} - {piece.channel for piece in call.personal}:
            count["untouched"] += source.shape[1]
            count["changed"] += int((source[channel] != redacted[channel]).sum())
        count["altered"] += _altered(source, redacted, silent)
    seconds = count["personal"] * FRAME / RATE
    audible = count["personal"] - count["hidden personal"]
    kept = 1 - count["hidden other"] / count["other"]
    figure(
        f"anonymization-audio-{way}-audible", 100 * audible / count["personal"], f"% of {seconds:.0f} personal seconds"
    )
    figure(
        f"anonymization-audio-{way}-kept",
        100 * kept,
        f"% of {count['other'] * FRAME / RATE:.0f} seconds of other speech",
    )
    figure(
        f"anonymization-audio-{way}-other-channel",
        count["changed"],
        f"of {count['untouched']} samples differ from the source",
    )
    figure(
        f"anonymization-audio-{way}-altered", count["altered"], "samples that are neither silent nor as in the source"
    )


def silenced(samples: Samples) -> npt.NDArray[np.bool_]:
    """Which 10 ms of each channel are silent to the sample. The hiss of the built calls is nowhere so."""
    frames = samples[:, : samples.shape[1] // FRAME * FRAME].reshape(len(samples), -1, FRAME)
    return (frames == 0).all(axis=2)


def _first(piece: Piece) -> int:
    return round(piece.start * RATE) // FRAME


def _last(piece: Piece) -> int:
    return max(round(piece.end * RATE) // FRAME, _first(piece) + 1)


def _altered(source: Samples, redacted: Samples, silent: npt.NDArray[np.bool_]) -> int:
    """Samples that differ from the source although they were not silenced: none may, whatever was cut."""
    differs = (source != redacted) & (redacted != 0)
    return int(differs.sum())


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
    """An anonymized transcript with exact times: an utterance a turn, a word a piece, a redaction a personal piece."""
    utterances, redactions = [], []
    for index, turn in enumerate(sorted({piece.turn for piece in call.pieces})):
        pieces = [piece for piece in call.pieces if piece.turn == turn]
        channel, words = pieces[0].channel, []
        for piece in pieces:
            placeholder = f"[{piece.label}_1]" if piece.label else piece.text
            words.append(Word(text=placeholder, start=piece.start, end=piece.end))
            if piece.label:
                redactions.append(Redaction(
                    label=piece.label, placeholder=placeholder, utterance=index, channel=channel, start=piece.start, end=piece.end,
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
