"""Configuration, read once from the environment, typed, and refused with a clear sentence when it makes no sense.

A fresh clone runs with none of it set. What ``make run`` starts (servers, secrets) it writes to
``PARLEY_HOME/stack.env``, which stands in for unset variables, so that ``manage.py`` in a second terminal finds the
running stack.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

CHECKOUT = Path(__file__).resolve().parent.parent


class ConfigurationError(Exception):
    """Raised when an environment variable makes no sense; the message says which, and what would."""


class Secret:
    """Bytes that never show: not in a repr, a log or an error."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Secret(…)"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set, and its meaning. ``docs/settings.md`` is the same for people."""

    home: Path
    """PARLEY_HOME: the data folder (servers' data, blobs, keys, models)."""
    host: str
    """PARLEY_HOST: the address the web server listens on."""
    port: int
    """PARLEY_PORT: its port."""
    log_level: str
    """PARLEY_LOG_LEVEL: DEBUG, INFO, WARNING or ERROR."""
    database_url: str
    """DATABASE_URL: Postgres, as postgres://user:password@host/name."""
    broker_url: str
    """PARLEY_BROKER_URL: Redis (redis://, redis+socket://) or RabbitMQ (amqp://)."""
    blob_url: str
    """PARLEY_BLOB_URL: where blobs lie, an fsspec URL (file://, s3://)."""
    key_url: str
    """PARLEY_KEY_URL: where the wrapped data keys lie, an fsspec URL that no backup includes."""
    master_key: Secret
    """PARLEY_MASTER_KEY: 32 bytes in base64; wraps the data keys."""
    secret_key: Secret
    """PARLEY_SECRET_KEY: Django's secret."""
    hosts: tuple[str, ...]
    """PARLEY_ALLOWED_HOSTS: names under which the site is reached, separated by commas."""
    https: bool
    """PARLEY_HTTPS: 1 when people reach the site by https, through a proxy that sets X-Forwarded-Proto."""
    services: tuple[str, ...]
    """PARLEY_SERVICES: services that may join by starting; others wait for an admin."""
    asr_engine: Literal["faster-whisper", "openai-whisper"]
    """PARLEY_ASR_ENGINE."""
    asr_model: str
    """PARLEY_ASR_MODEL: a name (base, small, …) or a path."""
    asr_models: tuple[str, ...]
    """PARLEY_ASR_MODELS: the models that a run may be asked to be done with, separated by commas."""
    asr_device: Literal["cpu", "cuda"]
    """PARLEY_ASR_DEVICE."""
    asr_threads: int
    """PARLEY_ASR_THREADS: 0 = one for each core."""
    asr_batch: int
    """PARLEY_ASR_BATCH: chunks of speech read at once; 0 = what suits the device."""
    asr_compute_type: str
    """PARLEY_ASR_COMPUTE_TYPE: CTranslate2's word, as in int8; "" = what suits the device."""
    proof_model: str
    """PARLEY_PROOF_MODEL: the model that hears redacted audio again; it must know every language of the calls."""
    proof_threads: int
    """PARLEY_PROOF_THREADS: threads of that; one leaves the others to transcription."""
    max_upload_bytes: int
    """PARLEY_MAX_UPLOAD_BYTES: the largest file taken in."""
    max_call_seconds: float
    """PARLEY_MAX_CALL_SECONDS: the longest call transcribed."""
    max_batch_files: int
    """PARLEY_MAX_BATCH_FILES: the most files in one batch, a zip's files counted."""
    failpoints: str
    """PARLEY_FAILPOINTS: a folder whose files name where processes die; for tests alone."""

    @property
    def asr_machine(self) -> dict[str, Any]:
        """What a model runs on, as ``transcription.Machine`` takes it."""
        names = ("device", "threads", "batch", "compute_type")
        return {name: getattr(self, f"asr_{name}") for name in names}

    @property
    def models(self) -> Path:
        """The folder of assembled model weights."""
        return self.home / "models"


FIVE = "transcription,entity_tagging,anonymization,audio_redaction,qualification"


def load(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration. Raises ConfigurationError."""
    home = Path(environ.get("PARLEY_HOME") or CHECKOUT / ".parley").expanduser().absolute()
    env = {**read_stack_env(home), **{name: value for name, value in environ.items() if value}}
    return Config(
        home=home,
        host=env.get("PARLEY_HOST", "127.0.0.1"),
        port=whole_number(env, "PARLEY_PORT", 8000, most=65535),
        log_level=choice(env, "PARLEY_LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR")),
        database_url=env.get("DATABASE_URL", ""),
        broker_url=env.get("PARLEY_BROKER_URL", ""),
        blob_url=env.get("PARLEY_BLOB_URL", f"file://{home}/blobs"),
        key_url=env.get("PARLEY_KEY_URL", f"file://{home}/keys"),
        master_key=key_of_32_bytes(env, "PARLEY_MASTER_KEY"),
        secret_key=Secret(env.get("PARLEY_SECRET_KEY", "").encode()),
        hosts=names(env, "PARLEY_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"),
        https=choice(env, "PARLEY_HTTPS", ("0", "1")) == "1",
        services=names(env, "PARLEY_SERVICES", FIVE),
        asr_engine=choice(env, "PARLEY_ASR_ENGINE", ("faster-whisper", "openai-whisper")),  # type: ignore[arg-type]
        asr_model=env.get("PARLEY_ASR_MODEL", "base"),
        asr_models=names(env, "PARLEY_ASR_MODELS", "base,tiny.en"),
        asr_device=choice(env, "PARLEY_ASR_DEVICE", ("cpu", "cuda")),  # type: ignore[arg-type]
        asr_threads=whole_number(env, "PARLEY_ASR_THREADS", 0, least=0),
        asr_batch=whole_number(env, "PARLEY_ASR_BATCH", 0, least=0),
        asr_compute_type=env.get("PARLEY_ASR_COMPUTE_TYPE", ""),
        proof_model=env.get("PARLEY_PROOF_MODEL", "base"),
        proof_threads=whole_number(env, "PARLEY_PROOF_THREADS", 1),
        max_upload_bytes=whole_number(env, "PARLEY_MAX_UPLOAD_BYTES", 2 * 1024**3),
        max_call_seconds=float(whole_number(env, "PARLEY_MAX_CALL_SECONDS", 4 * 3600)),
        max_batch_files=whole_number(env, "PARLEY_MAX_BATCH_FILES", 2000),
        failpoints=env.get("PARLEY_FAILPOINTS", ""),
    )


@cache
def config() -> Config:
    """The configuration of this process."""
    return load()


def require(*fields: str) -> None:
    """Refuse to start a process without what it cannot work without. Raises ConfigurationError."""
    variables = {"database_url": "DATABASE_URL", "broker_url": "PARLEY_BROKER_URL"}
    for field in fields:
        value = getattr(config(), field)
        if not (value.value if isinstance(value, Secret) else value):
            name = variables.get(field, f"PARLEY_{field.upper()}")
            raise ConfigurationError(f"{name} is not set. `make run` sets it; docs/settings.md says what it is.")


def read_stack_env(home: Path) -> dict[str, str]:
    """The variables that ``make run`` left for others, NAME=value a line; none when it never ran."""
    try:
        lines = (home / "stack.env").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """One of a few words; the first is the default."""
    value = env.get(name, allowed[0])
    if value not in allowed:
        raise ConfigurationError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
    return value


def whole_number(env: Mapping[str, str], name: str, default: int, most: int = 2**53, least: int = 1) -> int:
    """A whole number from ``least`` to ``most``."""
    text = env.get(name, str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ConfigurationError(f"{name} is {text!r}; it must be a whole number from {least} to {most}.")
    return int(text)


def names(env: Mapping[str, str], name: str, default: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(part.strip() for part in env.get(name, default).split(",") if part.strip())


def key_of_32_bytes(env: Mapping[str, str], name: str) -> Secret:
    """A 256-bit key in base64, or an empty one when unset (whoever needs it then says so)."""
    text = env.get(name, "")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b"not base64"
    if text and len(key) != 32:
        raise ConfigurationError(f"{name} must be 32 bytes in base64, as made by: openssl rand -base64 32")
    return Secret(key)
