"""Calls built with exact times: what is personal data in them starts and ends where the synthesizer, or the joining of
recorded digits, put it.

Two channels of 8 kHz: an agent asks, a customer answers. Sentences are spoken by flite (``apt install flite``), which
tells where each sound ends; numbers also by people (fsdd); between them people read (librispeech). Nothing of it is
written by ``conversations/samples``, on which the product's own tests run.
"""

import random
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from pipeline.services import media
from tests.bench.speech import DIGITS, SPEECH, need, rows, sounding

RATE = 8000
LEVEL = 0.06  # RMS of a turn
HISS = 3e-4  # RMS of the line's noise

Samples = npt.NDArray[np.float64]


class Part(NamedTuple):
    """Words of a turn, and whether they are personal data."""

    text: str
    label: str = ""


class Said(NamedTuple):
    """A stretch of a channel in which something is said, in seconds; ``label`` "" for what is no personal data."""

    channel: int
    start: float
    end: float
    label: str
    text: str


@dataclass
class Call:
    """A recording ``(channels, samples)`` and what is said in it."""

    samples: Samples
    said: list[Said] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples.shape[1] / RATE


FIRST = "Margaret Winston Beatrice Howard Lucinda Geoffrey Harriet Desmond Priscilla Clement Rosalind Bernard".split()
LAST = "Ashworth Pemberton Kowalski Lindqvist Okafor Delacroix Hargreaves Montoya Fitzgerald Bannister Novak".split()
STREETS = "Maple Chestnut Wellington Harbour Juniper Cathedral Orchard Prospect".split()
SMALL_TALK = (
    "I have been waiting for almost two weeks and nobody could tell me anything.",
    "The screen went dark yesterday evening and it has not come back since.",
    "Could you check whether the parts are in stock before I come over?",
    "That sounds good to me, thank you for looking into it.",
    "I already tried to restart it twice, but the light keeps blinking.",
    "Well, the last bill was higher than what we agreed on.",
    "No, I would rather have it delivered in the afternoon if that is possible.",
    "We were told that the refund takes about a week.",
)
AGENT_TALK = (
    "Let me have a look at that for you.",
    "I am sorry for the trouble, we will sort it out.",
    "Is there anything else that I can do for you today?",
    "Please hold on while I open your file.",
    "I see the order in front of me now.",
)


def number(chance: random.Random, groups: tuple[int, ...]) -> str:
    """Digits in words, with a comma between groups."""
    return ", ".join(" ".join(chance.choice(DIGITS) for _ in range(size)) for size in groups)


def exchanges(chance: random.Random) -> list[tuple[tuple[Part, ...], tuple[Part, ...]]]:
    """Questions of the agent, and answers with personal data: each (question, answer)."""
    first, last = chance.choice(FIRST), chance.choice(LAST)
    street, house = chance.choice(STREETS), chance.randrange(12, 99)
    return [
        ((Part("May I have your full name, please?"),),
         (Part("Sure, my name is"), Part(f"{first} {last}", "NAME"), Part("and I am calling about my order."))),
        ((Part("And your account number?"),),
         (Part("The account number is"), Part(number(chance, (3, 3, 3)), "ACCOUNT"), Part("I believe."))),
        ((Part("What is the best phone number to reach you?"),),
         (Part(number(chance, (3, 3, 4)), "PHONE"),)),
        ((Part("Can you give me the card number?"),),
         (Part("It is"), Part(number(chance, (4, 4, 4, 4)), "CARD"))),
        ((Part("What is your e mail address?"),),
         (Part("You can write to"), Part(f"{first} dot {last} at example dot com", "EMAIL"),
          Part("whenever it is ready."))),
        ((Part("Where should we send it?"),),
         (Part("Please send it to"), Part(f"{house} {street} Street", "ADDRESS"), Part("on the second floor."))),
        ((Part("Thank you. Is it still"), Part(f"{first} {last}", "NAME"), Part("on the contract?")),
         (Part("Yes, it is, nothing has changed there."),)),
    ]  # fmt: skip


def build(seed: int, *, echo: float = 0.0, delay: float = 0.12) -> Call:
    """A call of about two minutes. ``echo``: how loud each side is in the other's channel, ``delay`` seconds later."""
    chance = random.Random(seed)
    voices = ("rms", chance.choice(["slt", "awb", "kal16"]))
    turns: list[tuple[int, Samples, list[tuple[float, float, str, str]]]] = []
    asked = exchanges(chance)
    chance.shuffle(asked)
    for question, answer in asked[:6]:
        for channel, parts in ((0, question), (1, answer)):
            turns.append((channel, *_turn(parts, voices[channel], chance)))
        turns.append((0, *spoken((Part(chance.choice(AGENT_TALK)),), voices[0])))
        read = chance.random() < 0.5
        turns.append((1, *(reading(chance) if read else spoken((Part(chance.choice(SMALL_TALK)),), voices[1]))))
    return _laid_out(turns, chance, echo, delay)


def _turn(
    parts: tuple[Part, ...], voice: str, chance: random.Random
) -> tuple[Samples, list[tuple[float, float, str, str]]]:
    """A turn; half of the numbers are spoken by people, digit by digit."""
    if not any(part.label in ("ACCOUNT", "PHONE", "CARD") for part in parts) or chance.random() < 0.5:
        return spoken(parts, voice)
    sounds: list[Samples] = []
    said: list[tuple[float, float, str, str]] = []
    at = 0.0
    who = chance.choice(sorted(people()))
    for part in parts:
        sound, own = recorded_digits(part, who, chance) if part.label else spoken((part,), voice)
        sounds.append(sound)
        said += [(at + start, at + end, label, text) for start, end, label, text in own]
        at += len(sound) / RATE
    return np.concatenate(sounds), said


def _laid_out(
    turns: list[tuple[int, Samples, list[tuple[float, float, str, str]]]],
    chance: random.Random,
    echo: float,
    delay: float,
) -> Call:
    starts, end = [], 0.6
    for _, sound, _ in turns:
        starts.append(end + chance.uniform(0.1, 0.7))
        end = starts[-1] + len(sound) / RATE
    call = Call(np.zeros((2, round((end + 0.6) * RATE))))
    for (channel, sound, said), start in zip(turns, starts, strict=True):
        first = round(start * RATE)
        call.samples[channel, first : first + len(sound)] += sound
        call.said += [Said(channel, start + a, start + b, label, text) for a, b, label, text in said]
    if echo:
        late = np.roll(call.samples[::-1], round(delay * RATE), axis=1)
        late[:, : round(delay * RATE)] = 0
        call.samples = call.samples + echo * late
    call.samples += np.random.default_rng(chance.randrange(2**31)).normal(0, HISS, call.samples.shape)
    return call


# ── Sounds ───────────────────────────────────────────────────────────────────────────────────────────────────────


def spoken(parts: tuple[Part, ...], voice: str) -> tuple[Samples, list[tuple[float, float, str, str]]]:
    """A sentence by flite, said as one, and where each of its parts is (start, end, label, text)."""
    sound, phones = flite(" ".join(part.text for part in parts), voice)
    said, at = [], 0
    for part in parts:
        count = len(flite(part.text, voice)[1])
        own = phones[at : at + count]
        said.append((own[0][0], own[-1][1], part.label, part.text))
        at += count
    if at != len(phones):
        raise ValueError("The parts have other sounds than the whole.")
    return sound, said


def flite(text: str, voice: str) -> tuple[Samples, list[tuple[float, float]]]:
    """A sentence, and where each of its sounds starts and ends, pauses left out."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "said.wav")
        command = ["flite", "-voice", voice, "-psdur", "-t", text, "-o", str(wav)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        sound = media.decode(wav, sample_rate=RATE)[0].astype(float)
    ends = [(name, float(end)) for name, end in (each.rsplit(":", 1) for each in told.split())]
    starts = [0.0, *(end for _, end in ends)]
    phones = [(start, end) for start, (name, end) in zip(starts, ends, strict=False) if name != "pau"]
    return levelled(sound), phones


def recorded_digits(part: Part, who: str, chance: random.Random) -> tuple[Samples, list[tuple[float, float, str, str]]]:
    """A number said by a person, digit by digit, with pauses between groups."""
    pieces: list[Samples] = [np.zeros(round(0.12 * RATE))]
    for word in part.text.split():
        pieces.append(chance.choice(people()[who][word.strip(",")]))
        pieces.append(np.zeros(round(chance.uniform(0.25, 0.5) * RATE if word.endswith(",") else 0.06 * RATE)))
    sound = np.concatenate([*pieces, np.zeros(round(0.06 * RATE))])
    end = (len(sound) - len(pieces[-1]) - round(0.06 * RATE)) / RATE
    return levelled(sound), [(0.12, end, part.label, part.text)]


_PEOPLE: dict[str, dict[str, list[Samples]]] = {}


def people() -> dict[str, dict[str, list[Samples]]]:
    """Recorded digits: speaker, word, sounds without the silence around them."""
    if not _PEOPLE:
        for row in rows():
            if row["source"] == "fsdd":
                digit, speaker, _ = Path(row["path"]).stem.split("_")
                wide = media.decode(need(SPEECH / row["path"]))[0]
                first, last = sounding(wide)
                sound = resample_poly(wide[first:last].astype(float), 1, 2)
                _PEOPLE.setdefault(speaker, {}).setdefault(DIGITS[int(digit)], []).append(sound)
    return _PEOPLE


def reading(chance: random.Random) -> tuple[Samples, list[tuple[float, float, str, str]]]:
    """A sentence that a person reads."""
    path = chance.choice(sorted((SPEECH / "librispeech_test_other").glob("*.flac")))
    sound = media.decode(path, sample_rate=RATE)[0].astype(float)
    return levelled(sound), [(0.0, len(sound) / RATE, "", path.stem)]


def levelled(sound: Samples) -> Samples:
    """A sound as loud as the others."""
    return sound * (LEVEL / max(float(np.sqrt(np.mean(sound**2))), 1e-9))


# ── Measures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def sounding_frames(call: Call) -> npt.NDArray[np.bool_]:
    """Which 10 ms of each channel sound, ``(channels, frames)``: within 35 dB of the level of speech."""
    frame = RATE // 100
    count = call.samples.shape[1] // frame
    rms = np.sqrt((call.samples[:, : count * frame].reshape(2, count, frame) ** 2).mean(axis=2))
    return rms > LEVEL * 10 ** (-35 / 20)


def masks(call: Call, frames: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Frames of personal data and frames of other speech, each ``(channels, frames)``."""
    for personal in (True, False):
        mask = np.zeros((2, frames), bool)
        for said in call.said:
            if bool(said.label) == personal:
                mask[said.channel, round(said.start * 100) : round(said.end * 100)] = True
        yield mask
