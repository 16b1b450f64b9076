"""How loud each hundredth of a second of a recording is: what tells speech from silence when a model does not."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.services.media import Decoded

FRAMES_PER_SECOND = 100
BLOCK = 60  # seconds read at once

SILENCE = 0.002  # loudest tenth of a second of a silent channel, RMS: -54 dB of full scale
SAME = 1e-3  # what one channel does not explain of the other, as a share of its energy, when the two are one: -30 dB
FULL = 0.97  # of full scale: where a recording that was too loud is cut
CLIPPED = 2e-3  # share of the samples of speech that are cut, from which on one hears it
QUIET = 0.004  # RMS of the loudest twentieth of speech: -48 dB of full scale

Frames = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Loudness:
    """What was heard: ``rms`` and ``full`` (share of samples at full scale) as ``(channels, frames)``."""

    rms: Frames
    full: npt.NDArray[np.float16]
    same: bool

    def is_silent(self, channel: int) -> bool:
        """Whether nothing sounds on a channel; a constant offset, as cheap hardware has, is no sound."""
        frames = self.rms[channel]
        tenths = frames[: len(frames) // 10 * 10].reshape(-1, 10) if len(frames) >= 10 else frames[np.newaxis]
        return float(np.sqrt((tenths**2).mean(axis=1)).max(initial=0.0)) < SILENCE


def loudness_of(audio: Decoded) -> Loudness:
    """Listen to all of a recording, some of it at a time. ``same``: it has two channels that are one, maybe louder."""
    size = audio.sample_rate // FRAMES_PER_SECOND
    rms, full = [], []
    products = np.zeros((audio.channels, audio.channels))
    for block in audio.blocks(BLOCK):
        products += (block @ block.T).astype(float)
        rest = -block.shape[1] % size
        padded = np.pad(block, ((0, 0), (0, rest)), mode="edge")
        # As read, the channels' samples lie in turn, and sums over every other one take twenty times as long.
        frames = np.ascontiguousarray(padded).reshape(audio.channels, -1, size)
        rms.append(frames.std(axis=2))
        full.append((np.abs(frames) >= FULL).mean(axis=2).astype(np.float16))
    return Loudness(rms=np.concatenate(rms, axis=1), full=np.concatenate(full, axis=1), same=_same(products))


def _same(products: npt.NDArray[np.float64]) -> bool:
    """Whether one of two channels is the other times a positive number, from their products."""
    if len(products) != 2 or products[0, 1] <= 0:
        return False
    return bool(1 - products[0, 1] ** 2 / (products[0, 0] * products[1, 1]) <= SAME)
