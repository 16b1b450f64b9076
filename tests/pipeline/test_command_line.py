"""The command line, with the real services and the smallest real model."""

import io
import json
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.documents import Entities, Receipt, Redaction, Tags, Transcript, Utterance, decode, encode
from pipeline.services import media

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "conversations" / "samples" / "billing-refund.flac"
COMMANDS = ("transcribe", "tag-entities", "anonymize", "redact", "qualify", "run")
FAST = ("--model", "tiny.en", "--language", "en")


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first half minute of a sample call: a greeting, a refund, a name and an account number."""
    path = tmp_path_factory.mktemp("recordings") / "opening.wav"
    command = [media.ffmpeg_program(), "-nostdin", "-loglevel", "error", "-t", "32", "-i", str(SAMPLE), str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    """A file with an anonymized transcript of two seconds."""
    said = "Hello, I want a refund from Paris."
    utterance = Utterance(index=0, speaker="customer", channel=0, start=0.2, end=1.8, text=said)
    hidden = Redaction(label="NAME", placeholder="[NAME_1]", utterance=0, channel=0, start=0.5, end=1.0)
    path = tmp_path / "transcript.json"
    path.write_bytes(encode(Transcript(language="en", duration=2.0, utterances=(utterance,), redactions=(hidden,))))
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two seconds of a loud constant tone."""
    path = tmp_path / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.full(16000, 9000, "<i2").tobytes())
    return path


def result_of(capsysbinary: pytest.CaptureFixture[bytes], *arguments: object) -> Any:
    """What a command prints: one JSON value, and nothing else anywhere."""
    assert main([str(argument) for argument in arguments]) == 0
    output, errors = capsysbinary.readouterr()
    assert errors == b""
    assert output.count(b"\n") == 1
    return json.loads(output)


def feed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_anonymize_answers_each_line_as_soon_as_it_is_read() -> None:
    lines = [
        ({"id": "a", "text": "My e-mail is jo@example.com."}, {"id": "a", "spans": [[13, 27, "EMAIL"]]}),
        ({"id": 2, "text": "Nothing to see here."}, {"id": 2, "spans": []}),
        (
            {
                "id": "call",
                "utterances": [
                    {"speaker": "agent", "text": "And the card number?"},
                    {"speaker": "customer", "text": "4111 1111 1111 1111"},
                ],
            },
            {"id": "call", "spans": [[1, 0, 19, "CARD"]]},
        ),
    ]
    command = [sys.executable, "-m", "pipeline", "anonymize", "--language", "en"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for line, answer in lines:
            process.stdin.write(json.dumps(line).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == answer
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


def test_anonymize_reads_french(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    said = "Mon numéro, c'est le zéro six douze trente-quatre cinquante-six soixante-dix-huit."
    feed(monkeypatch, json.dumps({"id": 1, "text": said}) + "\n\n")
    ((start, end, label),) = result_of(capsysbinary, "anonymize", "--language", "fr")["spans"]
    assert label == "PHONE"
    assert said[start:end].endswith("zéro six douze trente-quatre cinquante-six soixante-dix-huit")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{not json", "Line 3"),
        ('{"text": "no id"}', "id"),
        ('{"id": 1}', "either text or utterances"),
        ('{"id": 1, "text": "both", "utterances": []}', "either text or utterances"),
        ('{"id": 1, "utterances": [{"speaker": "agent"}]}', "text"),
    ],
)
def test_a_bad_line_is_named_by_its_number(
    line: str, complaint: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    feed(monkeypatch, '{"id": 0, "text": "good"}\n\n' + line + "\n")
    assert main(["anonymize"]) == 2
    output, errors = capsysbinary.readouterr()
    assert json.loads(output) == {"id": 0, "spans": []}
    assert errors.startswith(b"Line 3 ")
    assert complaint in errors.decode()


def test_tag_entities_reads_a_file_or_standard_input(
    transcript: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    from_file = result_of(capsysbinary, "tag-entities", transcript)
    assert [(entity["label"], entity["start_char"]) for entity in from_file["entities"]] == [("GPE", 28)]
    feed(monkeypatch, transcript.read_text())
    assert result_of(capsysbinary, "tag-entities", "-") == from_file


def test_qualify_takes_the_starter_taxonomy_or_yours(
    transcript: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    tags = result_of(capsysbinary, "qualify", transcript)["tags"]
    assert [tag["tag"] for tag in tags] == ["refund"]
    ours = tmp_path / "ours.json"
    ours.write_text('{"tags": [{"tag": "france", "name": "France", "rules": [{"any": ["paris"]}]}]}')
    (tag,) = result_of(capsysbinary, "qualify", transcript, "--taxonomy", ours)["tags"]
    assert (tag["tag"], tag["evidence"][0]["words"]) == ("france", "Paris")


@pytest.mark.parametrize("options", [(), ("--beep",)])
def test_redact_writes_the_audio_and_its_peaks(
    options: tuple[str, ...],
    recording: Path,
    transcript: Path,
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    out = tmp_path / "new" / "folder"
    files = result_of(capsysbinary, "redact", recording, transcript, "--out", out, *options)
    assert {name: Path(path).name for name, path in files.items()} == {
        "master": "master.flac",
        "player": "player.mp3",
        "peaks": "peaks.json",
        "receipt": "receipt.json",
    }
    assert all(Path(path).is_file() for path in files.values())
    (samples,) = media.decode(out / "master.flac", sample_rate=8000)
    hidden = samples[4000:8000]
    assert hidden.any() == bool(options)
    assert np.abs(hidden).max() < 0.11
    (values,) = json.loads((out / "peaks.json").read_text())["channels"]
    receipt = decode((out / "receipt.json").read_bytes(), Receipt)
    assert (receipt.verdict, [cut.label for cut in receipt.cuts]) == ("passed", ["NAME"])
    assert len(values) == 40
    assert values[0] == round(9000 / 32768, 3)


def test_redact_and_transcribe_take_a_recording_without_a_header_by_its_name(
    transcript: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    raw = tmp_path / "call.sln"
    tone = (9000 * np.sin(np.arange(16000) / 8)).astype("<i2")
    raw.write_bytes(tone.tobytes())
    result_of(capsysbinary, "redact", raw, transcript, "--out", tmp_path)
    (samples,) = media.decode(tmp_path / "master.flac", sample_rate=8000)
    assert samples[:2000] == pytest.approx(tone[:2000] / 32768)
    assert not samples[4000:8000].any()
    written = result_of(capsysbinary, "transcribe", raw, *FAST)
    assert (written["duration"], written["flags"]) == (2.0, ["no_speech"])


def test_transcribe_prints_the_transcript_under_the_name_of_its_file(
    opening: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    result = result_of(capsysbinary, "transcribe", opening, "--channels", "seller, buyer", *FAST)
    assert result["conversation"] == "opening.wav"
    assert result["language"] == "en"
    assert result["duration"] == pytest.approx(32.0, abs=0.01)
    assert {utterance["speaker"] for utterance in result["utterances"]} == {"seller", "buyer"}
    assert "refund" in " ".join(utterance["text"] for utterance in result["utterances"])
    word = result["utterances"][0]["words"][0]
    assert set(word) == {"text", "start", "end", "probability"}


def test_run_takes_a_call_through_the_whole_cascade(
    opening: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    out = tmp_path / "out"
    result = result_of(capsysbinary, "run", opening, "--out", out, *FAST)
    assert result["conversation"] == "opening.wav"
    assert sorted(result["files"]) == sorted(path.name for path in out.iterdir())

    transcript = decode((out / "transcript.json").read_bytes(), Transcript)
    assert {redaction.label for redaction in transcript.redactions} >= {"NAME"}
    assert decode((out / "entities.json").read_bytes(), Entities)
    tags = decode((out / "tags.json").read_bytes(), Tags)
    assert {"greeting", "refund"} <= {tag.tag for tag in tags.tags}
    lines = (out / "transcript.txt").read_text().splitlines()
    assert len(lines) == len(transcript.utterances)
    assert lines[0].startswith("0:0")

    for path in out.iterdir():
        assert b"Wellington" not in path.read_bytes()
    for redaction in transcript.redactions:
        if redaction.start is not None and redaction.end is not None:
            samples = media.decode(out / "master.flac", sample_rate=8000)[redaction.channel]
            assert not samples[int(redaction.start * 8000) : int(redaction.end * 8000)].any()


def test_a_mistake_is_one_sentence_and_status_2(
    transcript: Path, recording: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    text, missing, empty = tmp_path / "text.wav", tmp_path / "missing", tmp_path / "empty.wav"
    text.write_text("This is not audio.")
    empty.touch()
    long = tmp_path / "long.json"
    long.write_bytes(encode(Transcript(language="en", duration=500.0)))
    cases = {
        ("transcribe", missing): "There is no file",
        ("transcribe", text): "no audio format",
        ("transcribe", empty): "no content",
        ("transcribe", recording, "--language", "tlh"): "language",
        ("tag-entities", missing): "There is no file",
        ("tag-entities", recording): "is no transcript",
        ("qualify", transcript, "--taxonomy", text): "is no taxonomy",
        ("redact", recording, long, "--out", tmp_path): "length",
        ("redact", text, transcript, "--out", tmp_path): "no audio format",
        ("run", missing, "--out", tmp_path): "There is no file",
    }
    for arguments, complaint in cases.items():
        assert main([*map(str, arguments), *(FAST if arguments[0] == "run" else ())]) == 2
        output, errors = capsysbinary.readouterr()
        assert output == b""
        assert complaint in errors.decode()
        assert errors.count(b"\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_each_command_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"python -m pipeline {command}" in capsys.readouterr().out.split("example:")[1]
