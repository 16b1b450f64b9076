"""What a voice sounds like, as 256 numbers: resemblyzer's encoder, read from its package and computed by NumPy.

The encoder is the three-layer LSTM of "Generalized End-to-End Loss for Speaker Verification" (Wan et al. 2018,
arXiv:1710.10467). The package's own code needs torch and librosa; its weights do not.
"""

import functools
import hashlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from pipeline.services.transcription.speech import SAMPLE_RATE, Samples
from pipeline.services.transcription.weights import WeightsError, package_folder

SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
LAYERS = 3
FRAME, STEP, MELS = 400, 160, 40  # 25 ms every 10 ms, as it was trained
LOUDNESS = 10 ** (-30 / 20)  # RMS that it was trained on

Floats = npt.NDArray[np.float32]


class VoiceEncoder:
    """The loaded network."""

    def __init__(self) -> None:
        """Read the weights. Raises WeightsError when they are not installed, or not those that were chosen."""
        data = (package_folder("resemblyzer") / "pretrained.pt").read_bytes()
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise WeightsError("The weights in the package resemblyzer are not those that were chosen.")
        self._weights = _tensors(io.BytesIO(data))
        self._mels = _mel_filters()
        self._hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)

    def embed(self, windows: Floats) -> Floats:
        """An embedding of unit length for each window of speech (a row of samples at 16 kHz).

        On one core: its products are small, and threads that share them wait for each other. Beside other work, two
        took 2.0 s of CPU for 32 windows and one 0.4.
        """
        with threadpool_limits(limits=1, user_api="blas"):
            sequences = np.stack([self._spectrogram(window) for window in windows], axis=1)
            for layer in range(LAYERS):
                sequences = self._recurrent(layer, sequences)
        embeddings = np.maximum(sequences[-1] @ self._weights["linear.weight"].T + self._weights["linear.bias"], 0)
        return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), dtype=np.float32)

    def _spectrogram(self, samples: Samples) -> Floats:
        loudness = float(np.sqrt(np.mean(samples**2)))
        samples = np.pad(samples * (LOUDNESS / max(loudness, 1e-4)), FRAME // 2)
        frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::STEP]
        power = np.abs(np.fft.rfft(frames * self._hann)) ** 2
        return np.asarray(power @ self._mels.T, dtype=np.float32)

    def _recurrent(self, layer: int, sequences: Floats) -> Floats:
        """A layer's output for (step, window, feature). The gates stand in torch's order."""
        weights = self._weights
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        inputs = sequences @ weights[f"lstm.weight_ih_l{layer}"].T + bias
        recurrent = weights[f"lstm.weight_hh_l{layer}"].T
        hidden = cell = np.zeros((inputs.shape[1], len(recurrent)), dtype=np.float32)
        outputs = np.empty((*inputs.shape[:2], len(recurrent)), dtype=np.float32)
        for step, given in enumerate(inputs):
            enter, forget, candidate, leave = np.split(given + hidden @ recurrent, 4, axis=1)
            cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(candidate)
            hidden = outputs[step] = _sigmoid(leave) * np.tanh(cell)
        return outputs


@functools.cache
def load() -> VoiceEncoder:
    """The encoder, loaded once a process."""
    return VoiceEncoder()


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(values / 2)), dtype=np.float32)


def _mel_filters() -> Floats:
    """The bank of triangular filters that librosa calls Slaney's: linear up to 1 kHz, then logarithmic."""
    ratio = np.log(6.4) / 27
    top = 15 + np.log(SAMPLE_RATE / 2 / 1000) / ratio
    mels = np.linspace(0, top, MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * ratio))
    frequencies = np.arange(FRAME // 2 + 1) * SAMPLE_RATE / FRAME
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None) * area[:, None], dtype=np.float32)


def _tensors(file: io.BytesIO) -> Mapping[str, Floats]:
    """The tensors of the model in a file that ``torch.save`` wrote before version 1.6: pickles, then the numbers."""
    for _ in range(3):  # magic number, version, sizes of the machine's types
        _Pickle(file).load()
    places = _Pickle(file).load()["model_state"]
    storages: dict[str, Floats] = {}
    for key in _Pickle(file).load():
        (count,) = np.frombuffer(file.read(8), dtype="<i8")
        storages[key] = np.frombuffer(file.read(4 * int(count)), dtype="<f4")
    return {
        name: storages[key][offset : offset + int(np.prod(shape))].reshape(shape)
        for name, (key, offset, shape) in places.items()
    }


class _Pickle(pickle.Unpickler):
    """Reads tensors as (storage, offset, shape) and refuses whatever else a pickle could call."""

    _known: Mapping[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, *_: (storage, offset, shape),
        ("torch", "FloatStorage"): None,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise pickle.UnpicklingError(f"The weights ask for {module}.{name}.")
        return self._known[module, name]

    def persistent_load(self, pid: Any) -> str:
        _, _, key, *_ = pid
        return str(key)
