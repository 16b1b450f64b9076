"""Configuration: a fresh clone runs with none, and nonsense is refused with a clear sentence."""

from pathlib import Path

import pytest

from pipeline import config
from pipeline.config import ConfigurationError, load, require


def test_a_fresh_clone_needs_no_variable(tmp_path: Path) -> None:
    assert load({"PARLEY_HOME": str(tmp_path)}).asr_model == "base"


def test_an_empty_variable_is_an_unset_one(tmp_path: Path) -> None:
    assert load({"PARLEY_HOME": str(tmp_path), "PARLEY_PORT": ""}).port == 8000


def test_what_make_run_left_stands_in_for_what_is_unset(tmp_path: Path) -> None:
    (tmp_path / "stack.env").write_text("PARLEY_BROKER_URL=redis://left\nDATABASE_URL=postgres://left/x?host=a=b\n")
    read = load({"PARLEY_HOME": str(tmp_path), "PARLEY_BROKER_URL": "redis://set"})
    assert (read.broker_url, read.database_url) == ("redis://set", "postgres://left/x?host=a=b")


NONSENSE = [
    ("PARLEY_PORT", "http", "whole number"),
    ("PARLEY_PORT", "70000", "65535"),
    ("PARLEY_MAX_BATCH_FILES", "0", "whole number"),
    ("PARLEY_MAX_UPLOAD_BYTES", "-1", "whole number"),
    ("PARLEY_LOG_LEVEL", "LOUD", "one of INFO"),
    ("PARLEY_ASR_ENGINE", "ears", "one of faster-whisper"),
    ("PARLEY_ASR_DEVICE", "tpu", "one of cpu, cuda"),
    ("PARLEY_MASTER_KEY", "c2hvcnQ=", "32 bytes in base64"),
    ("PARLEY_MASTER_KEY", "not base64!", "32 bytes in base64"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), NONSENSE)
def test_nonsense_is_refused_by_its_name(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}.*{sentence}"):
        load({"PARLEY_HOME": str(tmp_path), name: value})


def test_a_process_does_not_start_without_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "config", lambda: load({"PARLEY_HOME": str(tmp_path)}))
    for field, variable in (("broker_url", "PARLEY_BROKER_URL"), ("database_url", "DATABASE_URL"),
                            ("secret_key", "PARLEY_SECRET_KEY")):  # fmt: skip
        with pytest.raises(ConfigurationError, match=variable):
            require(field)
    require("blob_url", "key_url")
