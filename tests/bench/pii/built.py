"""Calls with exact times: who says what when, on two channels (0 the agent, 1 the customer), and what is personal.

The words are those of ``spoken``, in synthetic voices; in half of the English calls numbers are spoken by people of
fsdd. Each piece is spoken alone and put on the timeline, so its times are exact. Calls are kept in ``CACHE``.
"""

import hashlib
import json
import os
import random
import wave
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tests.bench.pii.gold import BREAK, IGNORED, Part
from tests.bench.pii.spoken import SpokenCall
from tests.bench.pii.voices import AGENTS, CACHE, CUSTOMERS, RATE, Samples, digit_speakers, digits_of, speak, voices

FIRST = int(os.environ.get("FIRST_CALL", "1200"))  # rules were mended on calls before this one
CALLS = {"en": int(os.environ.get("ENGLISH_CALLS", "24")), "fr": int(os.environ.get("FRENCH_CALLS", "12"))}
PAUSE, SEAM, EDGE = (0.35, 0.8), (0.04, 0.1), 0.6  # seconds between turns, between pieces of one, at both ends
HISS = 0.0004  # of full scale: the noise of a line
SPEAKERS = ("agent", "customer")
BY_DIGITS = ("PHONE", "CARD", "CVV", "ACCOUNT", "SSN")  # what fsdd can say


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What is said at a stretch; ``label`` "" is other speech, and ``values`` is what nobody may read or hear."""

    channel: int
    turn: int
    start: float
    end: float
    text: str
    label: str = ""
    values: tuple[str, ...] = ()

    @property
    def is_personal(self) -> bool:
        """Whether nobody may hear it: a city may stay or go."""
        return self.label not in ("", "CITY")


@dataclass(frozen=True, kw_only=True)
class BuiltCall:
    """A recording in ``path`` (WAV, two channels, 8 kHz) and all that is said in it."""

    name: str
    language: str
    path: Path
    pieces: tuple[Piece, ...]

    @property
    def personal(self) -> list[Piece]:
        """The pieces that must not be heard."""
        return [piece for piece in self.pieces if piece.is_personal]


def built_calls(times: int = 1) -> list[BuiltCall]:
    """All calls, or so many times as many, spoken once and then read from the cache."""
    return [built(language, FIRST + number) for language, many in CALLS.items() for number in range(times * many)]


def built(language: str, number: int) -> BuiltCall:
    """One call. In every second one nothing personal is on the agent's channel."""
    chance = random.Random(f"built {language} {number}")
    script = SpokenCall(chance, language, lower=True)
    script.fluent(digits := language == "en" and number % 2 == 0)
    said = script.short(quiet_agent=number % 4 < 2)
    agent = chance.choice(voices(AGENTS, language))
    customers = voices(CUSTOMERS, language)
    chosen = (agent, customers[number % len(customers)])
    person = digit_speakers()[number // 2 % len(digit_speakers())] if digits else ""
    key = hashlib.sha256(repr((said, chosen, person, RATE, HISS)).encode()).hexdigest()[:16]
    path = CACHE / f"{language}-{number}-{key}.wav"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        pieces, samples = _laid_out(said, chosen, person, chance)
        path.with_suffix(".json").write_text(json.dumps([asdict(piece) for piece in pieces]))
        write_wav(path, samples)
    rows = json.loads(path.with_suffix(".json").read_text())
    pieces = [Piece(**{**row, "values": tuple(row["values"])}) for row in rows]
    return BuiltCall(name=f"{language}-{number}", language=language, path=path, pieces=tuple(pieces))


def _laid_out(
    said: list[tuple[str, list[Part]]], chosen: tuple[str, str], person: str, chance: random.Random
) -> tuple[list[Piece], Samples]:
    pieces: list[Piece] = []
    sounds: list[tuple[int, int, Samples]] = []
    at = round(EDGE * RATE)
    for turn, (speaker, parts) in enumerate(said):
        channel = SPEAKERS.index(speaker)
        for part in _speakable(parts):
            sound = _sound(part, chosen[channel], person, chance)
            start, end = at / RATE, (at + len(sound)) / RATE
            label = "" if part.label == IGNORED else part.label
            values = part.values if label else ()
            pieces.append(
                Piece(
                    channel=channel, turn=turn, start=start, end=end, text=part.text.strip(), label=label, values=values
                )
            )
            sounds.append((channel, at, sound))
            at += len(sound) + round(chance.uniform(*SEAM) * RATE)
        at += round(chance.uniform(*PAUSE) * RATE)
    samples = np.random.default_rng(chance.randrange(2**31)).normal(0, HISS, (2, at + round(EDGE * RATE)))
    for channel, start, sound in sounds:
        samples[channel, start : start + len(sound)] += sound
    return pieces, samples


def _speakable(parts: list[Part]) -> list[Part]:
    """The parts with something to say; marks alone are none."""
    return [part for part in parts if part.label != BREAK and any(sign.isalnum() for sign in part.text)]


def _sound(part: Part, voice: str, person: str, chance: random.Random) -> Samples:
    if person and part.label in BY_DIGITS and part.values and part.values[0].isdigit():
        return digits_of(person, part.values[0], chance.randrange(100))
    return speak(voice, part.text.strip(" ,"))


def write_wav(path: Path, samples: Samples) -> None:
    """A WAV of 16 bits, whole or not at all."""
    scratch = path.with_suffix(".part")
    with wave.open(str(scratch), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples.T, -1, 1) * 32767).astype("<i2").tobytes())
    scratch.rename(path)
