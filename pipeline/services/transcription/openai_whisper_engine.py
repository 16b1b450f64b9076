"""Whisper on PyTorch, as OpenAI published it: an engine for those who have its checkpoints, or a GPU for it.

Its packages are in ``requirements-gpu.txt``.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.services.transcription.engine import HeardWord, Machine
from pipeline.services.transcription.speech import Chunk, Samples
from pipeline.services.transcription.weights import folder_of


class OpenaiWhisper:
    """An openai-whisper model that reads one chunk after another, with all the care it has."""

    rereads = False

    def __init__(self, model: str, machine: Machine, cache: Path) -> None:
        """Load a model: a name carried by a package, a CTranslate2 folder, a checkpoint, or one of whisper's names.

        ``threads`` are torch's, for the whole process. It reads in halves on a GPU, unless ``compute_type`` is float32.

        Raises RuntimeError when the packages are not installed.
        """
        try:
            import torch
            import whisper
        except ImportError as error:
            raise RuntimeError(
                "The engine openai-whisper needs its packages: pip install -r requirements-gpu.txt"
            ) from error
        from pipeline.services.transcription.checkpoint import whisper_model

        folder = folder_of(model, cache)
        self._whisper: Any = whisper
        self._model: Any = (
            whisper_model(folder, machine.device)
            if folder
            else whisper.load_model(model, device=machine.device, download_root=str(cache))
        )
        if machine.threads:
            torch.set_num_threads(machine.threads)
        self._half = machine.device != "cpu" and machine.compute_type != "float32"
        self.multilingual = bool(self._model.is_multilingual)

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        """See ``Engine``."""
        window = self._whisper.pad_or_trim(samples)
        mel = self._whisper.log_mel_spectrogram(window, self._model.dims.n_mels).to(self._model.device)
        _, probabilities = self._model.detect_language(mel)
        return dict(probabilities)

    def tokens_of(self, vocabulary: Sequence[str]) -> int:
        """See ``Engine``."""
        tokenizer = self._whisper.tokenizer.get_tokenizer(self.multilingual, num_languages=self._model.num_languages)
        return len(tokenizer.encode(f" {_prompt(vocabulary)}"))

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        """See ``Engine``."""
        for chunk in chunks:
            result = self._model.transcribe(
                np.ascontiguousarray(chunk.samples),
                language=language,
                word_timestamps=True,
                beam_size=5,
                condition_on_previous_text=False,
                initial_prompt=_prompt(vocabulary) or None,
                fp16=self._half,
            )
            yield chunk, [_heard(word) for segment in result["segments"] for word in segment["words"]]

    hear_again = hear


def _heard(word: Mapping[str, Any]) -> HeardWord:
    """A word of the library's. Its numbers are numpy's, which JSON does not know."""
    return HeardWord(
        text=word["word"],
        start=float(word["start"]),
        end=float(word["end"]),
        probability=float(word["probability"]),
    )


def _prompt(vocabulary: Sequence[str]) -> str:
    return ", ".join(vocabulary)
