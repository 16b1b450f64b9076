"""The models that come with Parley's packages."""

import hashlib
import json
import struct
from pathlib import Path

import pytest

from pipeline.services.transcription import weights
from pipeline.services.transcription.checkpoint import whisper_model
from pipeline.services.transcription.weights import CARRIED, WeightsError, folder_of


@pytest.fixture(autouse=True)
def _forget() -> None:
    folder_of.cache_clear()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_base_is_assembled_from_its_halves_once_and_mended_when_damaged(tmp_path: Path) -> None:
    folder = folder_of("base", tmp_path)
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == {*weights.SMALL_FILES, "model.bin"}
    assert sha256(folder / "model.bin") == CARRIED["base"].sha256
    assembled = (folder / "model.bin").stat().st_ino

    folder_of.cache_clear()
    assert folder_of("base", tmp_path) == folder
    assert (folder / "model.bin").stat().st_ino == assembled

    (folder / "model.bin").write_bytes(b"cut off by a power failure")
    folder_of.cache_clear()
    folder_of("base", tmp_path)
    assert sha256(folder / "model.bin") == CARRIED["base"].sha256
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_weights_other_than_those_chosen_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = weights.CarriedModel(parts=CARRIED["tiny.en"].parts, sha256="0" * 64)
    monkeypatch.setitem(CARRIED, "tiny.en", other)
    with pytest.raises(WeightsError, match="not those that were chosen"):
        folder_of("tiny.en", tmp_path)


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = weights.CarriedModel(parts=(("no_such_package", "model.bin"),), sha256="0" * 64)
    monkeypatch.setitem(CARRIED, "tiny.en", absent)
    with pytest.raises(WeightsError, match="no_such_package"):
        folder_of("tiny.en", tmp_path)


def test_a_folder_with_a_model_is_taken_as_it_is_and_other_names_are_left_to_the_engine(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    assert folder_of(str(tmp_path), tmp_path) == tmp_path
    assert folder_of("large-v3", tmp_path) is None


def model_bin(version: int, name: bytes, dtype: int) -> bytes:
    """A CTranslate2 file with one tensor of one byte."""
    variable = b"decoder/embeddings/weight\0"
    return (
        struct.pack("<IH", version, len(name)) + name + struct.pack("<II", 3, 1)
        + struct.pack("<H", len(variable)) + variable + struct.pack("<BIIBI", 2, 1, 1, dtype, 1) + b"\x01"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (model_bin(5, b"WhisperSpec\0", 1), "no Whisper model"),  # another version of the format
        (model_bin(6, b"TransformerSpec\0", 1), "no Whisper model"),
        (model_bin(6, b"WhisperSpec\0", 1), "quantized"),
    ],
    ids=["version", "kind", "integers"],
)
def test_weights_that_openai_whisper_cannot_use_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    (tmp_path / "config.json").write_text(json.dumps({"alignment_heads": []}))
    with pytest.raises(ValueError, match=reason):
        whisper_model(tmp_path, "cpu")
