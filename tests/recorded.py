"""Samples as the services read them: from a file."""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.services.media import Decoded


def recorded(samples: npt.NDArray[np.floating], sample_rate: int = 16000) -> Decoded:
    """A decoded recording of these samples, of one channel or as ``(channels, samples)``; in a file without a name."""
    channels = np.atleast_2d(samples)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pcm")
        channels.T.astype("<f4").tofile(path)
        return Decoded(path, len(channels), sample_rate)
