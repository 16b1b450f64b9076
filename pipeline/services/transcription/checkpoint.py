"""Weights in CTranslate2's format as a model of openai-whisper, tensor by tensor.

So the weights that come with Parley's packages serve both engines. The format is that of CTranslate2's
``ModelSpec.save`` (version 6), the names are those of its ``WhisperSpec``.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

BINARY_VERSION = 6
DTYPES: dict[int, str] = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}

Tensor = npt.NDArray[np.float32]

# CTranslate2's name of a module within a layer, and whisper's for each that is fused in it.
ENCODER_LAYER: dict[str, tuple[str, ...]] = {
    "self_attention/layer_norm": ("attn_ln",),
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "ffn/layer_norm": ("mlp_ln",),
    "ffn/linear_0": ("mlp.0",),
    "ffn/linear_1": ("mlp.2",),
}
DECODER_LAYER: dict[str, tuple[str, ...]] = ENCODER_LAYER | {
    "attention/layer_norm": ("cross_attn_ln",),
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
}
PARAMETERS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


def whisper_model(folder: Path, device: str) -> Any:
    """The ``whisper.model.Whisper`` with the weights of a CTranslate2 folder.

    Raises ValueError when the folder holds another format, or weights that were quantized to integers.
    """
    import torch
    from whisper.model import ModelDimensions, Whisper

    with (folder / "model.bin").open("rb") as file:
        tensors = dict(_tensors(file))
    state = {name: torch.from_numpy(tensor) for name, tensor in _state(tensors)}
    dimensions = ModelDimensions(**_dimensions(tensors))
    model = Whisper(dimensions)
    model.load_state_dict(state)
    heads = torch.zeros(dimensions.n_text_layer, dimensions.n_text_head, dtype=torch.bool)
    for layer, head in json.loads((folder / "config.json").read_bytes())["alignment_heads"]:
        heads[layer, head] = True
    model.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    return model.to(device).eval()


def _tensors(file: BinaryIO) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """The named tensors of a ``model.bin``."""
    (version,) = _read(file, "<I")
    if version != BINARY_VERSION or _name(file) != "WhisperSpec":
        raise ValueError("The folder holds no Whisper model in CTranslate2's binary version 6.")
    _, count = _read(file, "<II")
    for _ in range(count):
        name = _name(file)
        (rank,) = _read(file, "<B")
        shape = _read(file, f"<{rank}I")
        dtype, size = _read(file, "<BI")
        yield name, np.frombuffer(file.read(size), dtype=DTYPES[dtype]).reshape(shape)


def _read(file: BinaryIO, format: str) -> tuple[int, ...]:
    return struct.unpack(format, file.read(struct.calcsize(format)))


def _name(file: BinaryIO) -> str:
    (length,) = _read(file, "<H")
    return file.read(length).rstrip(b"\0").decode()


def _state(tensors: Mapping[str, npt.NDArray[Any]]) -> Iterator[tuple[str, Tensor]]:
    """The entries of whisper's state dict."""
    yield "decoder.token_embedding.weight", _float(tensors["decoder/embeddings/weight"])
    for side, norm, layers in (("encoder", "ln_post", ENCODER_LAYER), ("decoder", "ln", DECODER_LAYER)):
        yield f"{side}.positional_embedding", _float(tensors[f"{side}/position_encodings/encodings"])
        yield from _module(tensors, f"{side}/layer_norm", (f"{side}.{norm}",))
        for index in range(_layers(tensors, side)):
            for ours, theirs in layers.items():
                targets = tuple(f"{side}.blocks.{index}.{module}" for module in theirs)
                yield from _module(tensors, f"{side}/layer_{index}/{ours}", targets)
    for convolution in ("conv1", "conv2"):
        yield from _module(tensors, f"encoder/{convolution}", (f"encoder.{convolution}",))


def _module(
    tensors: Mapping[str, npt.NDArray[Any]], source: str, targets: Sequence[str]
) -> Iterator[tuple[str, Tensor]]:
    """The parameters of one module; those that CTranslate2 fused into one are taken apart.

    Whisper's key projections have no bias; CTranslate2 filled theirs with zeros.
    """
    for ours, theirs in PARAMETERS.items():
        if f"{source}/{ours}" not in tensors:
            continue
        for name, tensor in zip(targets, np.split(tensors[f"{source}/{ours}"], len(targets)), strict=True):
            if not (name.endswith(".key") and theirs == "bias"):
                yield f"{name}.{theirs}", _float(tensor)


def _float(tensor: npt.NDArray[Any]) -> Tensor:
    if tensor.dtype.kind != "f":
        raise ValueError("The weights were quantized to integers, which openai-whisper cannot use.")
    return tensor.astype(np.float32)


def _layers(tensors: Mapping[str, npt.NDArray[Any]], side: str) -> int:
    return len({name.split("/")[1] for name in tensors if name.startswith(f"{side}/layer_") and name.count("/") > 2})


def _dimensions(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, int]:
    audio_state, n_mels, _ = tensors["encoder/conv1/weight"].shape
    n_vocab, text_state = tensors["decoder/embeddings/weight"].shape
    return {
        "n_mels": n_mels,
        "n_audio_ctx": len(tensors["encoder/position_encodings/encodings"]),
        "n_audio_state": audio_state,
        "n_audio_head": int(tensors["encoder/num_heads"]),
        "n_audio_layer": _layers(tensors, "encoder"),
        "n_vocab": n_vocab,
        "n_text_ctx": len(tensors["decoder/position_encodings/encodings"]),
        "n_text_state": text_state,
        "n_text_head": int(tensors["decoder/num_heads"]),
        "n_text_layer": _layers(tensors, "decoder"),
    }
