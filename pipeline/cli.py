"""What ``python -m pipeline`` does: each service on a file, or the whole cascade. Arguments are in ``__main__.py``."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from pipeline import documents
from pipeline.config import config
from pipeline.documents import RedactionPolicy, Settings, Taxonomy, Transcript, Utterance
from pipeline.services import anonymization, entity_tagging, qualification, redaction_proof, transcription
from pipeline.services.transcription.weights import digest_of
from pipeline.storage import media_type_of

RESULTS = (  # of ``run``
    "transcript.json", "transcript.txt", "entities.json", "tags.json", "master.flac", "player.mp3", "peaks.json",
    "receipt.json",
)  # fmt: skip
D = TypeVar("D", bound=documents.Document)


class UnusableInput(Exception):
    """Raised when a file or a line is not what the command reads; the message says which, and why."""


class Spoken(msgspec.Struct, frozen=True):
    """What somebody says in a line of input."""

    text: str
    speaker: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line that ``anonymize`` reads: a text, or the utterances of a call."""

    id: str | int
    text: str | None = None
    utterances: tuple[Spoken, ...] | None = None


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────


def transcribe(chosen: argparse.Namespace) -> None:
    """Write down a recording: its transcript, with every word as it was said."""
    print_json(named(transcript_of(chosen), chosen.file))


def tag_entities(chosen: argparse.Namespace) -> None:
    """Find the named entities of a transcript."""
    transcript = read(chosen.transcript, Transcript)
    print_json(entity_tagging.tag_entities(transcript))


def anonymize(chosen: argparse.Namespace) -> None:
    """Find personal data in JSON lines on standard input: a line out for each line in, as soon as it is read.

    {"id": …, "text": …} becomes {"id": …, "spans": [[start_char, end_char, label], …]};
    {"id": …, "utterances": [{"speaker": …, "text": …}, …]} becomes
    {"id": …, "spans": [[utterance, start_char, end_char, label], …]}.
    """
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if line.strip():
            print_json(spans_of(line_of(line, number), chosen.language))


def redact(chosen: argparse.Namespace) -> None:
    """Hide the redactions of a transcript in its recording.

    The transcript is an anonymized one, as "run" writes it. Into the folder go master.flac, player.mp3, peaks.json
    and receipt.json, which says what was cut and whether it can still be heard.
    """
    transcript = read(chosen.transcript, Transcript)
    redact_into(chosen, transcript)
    names = {"master": "master.flac", "player": "player.mp3", "peaks": "peaks.json", "receipt": "receipt.json"}
    files = {name: chosen.out.resolve() / file for name, file in names.items()}
    print_json({name: str(path) for name, path in files.items()})


def qualify(chosen: argparse.Namespace) -> None:
    """Tag the content of a transcript by a taxonomy."""
    transcript = read(chosen.transcript, Transcript)
    print_json(qualification.qualify(transcript, read(chosen.taxonomy, Taxonomy)))


def run(chosen: argparse.Namespace) -> None:
    """Take a recording through the whole cascade.

    Into the folder go transcript.json and transcript.txt (anonymized), entities.json, tags.json, master.flac,
    player.mp3, peaks.json and receipt.json. The words as they were said are not kept.
    """
    taxonomy = read(chosen.taxonomy, Taxonomy)
    raw = transcript_of(chosen)
    entities = entity_tagging.tag_entities(raw)
    anonymized = anonymization.anonymize(raw, entities, RedactionPolicy())
    chosen.out.mkdir(parents=True, exist_ok=True)
    tags = qualification.qualify(anonymized.transcript, taxonomy)
    redact_into(chosen, anonymized.transcript)
    write(chosen.out / "transcript.json", named(anonymized.transcript, chosen.file))
    write(chosen.out / "entities.json", anonymized.entities)
    write(chosen.out / "tags.json", tags)
    (chosen.out / "transcript.txt").write_text(plain(anonymized.transcript), encoding="utf-8")
    print_json({"conversation": chosen.file.name, "files": RESULTS})


# ── What they share ──────────────────────────────────────────────────────────────────────────────────────────────


def transcript_of(chosen: argparse.Namespace) -> Transcript:
    """The raw transcript of a recording."""
    return transcription.transcribe(
        existing(chosen.file),
        settings=Settings(max_duration=config().max_call_seconds),
        cache=config().models,
        hint=media_type_of(chosen.file.name),
        language=chosen.language,
        channels=tuple(name.strip() for name in chosen.channels.split(",") if name.strip()),
        engine=chosen.engine,
        model=chosen.model,
        machine=transcription.Machine(**{**config().asr_machine, "device": chosen.device}),
        on_progress=progress("Transcribing"),
    )


def redact_into(chosen: argparse.Namespace, transcript: Transcript) -> None:
    """Write the redacted audio, its peaks and its receipt to the chosen folder."""
    chosen.out.mkdir(parents=True, exist_ok=True)
    settings = Settings(redaction=RedactionPolicy(mode="beep" if chosen.beep else "silence"))
    engine, model = config().asr_engine, config().proof_model
    machine = transcription.Machine(threads=config().proof_threads)
    proven = redaction_proof.redact(
        existing(chosen.file),
        transcript,
        settings,
        out=chosen.out,
        hint=media_type_of(chosen.file.name),
        engine=lambda: transcription.load(engine, model, machine, config().models),
        proof_model=f"{engine}/{model}",
        proof_weights=lambda: digest_of(model, config().models),
        on_progress=progress("Redacting"),
    )
    write(chosen.out / "peaks.json", proven.audio.peaks)
    write(chosen.out / "receipt.json", proven.receipt)


def line_of(line: bytes, number: int) -> Line:
    """A line of input. Raises UnusableInput with its number."""
    try:
        decoded = msgspec.json.decode(line, type=Line)
    except msgspec.DecodeError as error:
        raise UnusableInput(f"Line {number} cannot be read: {error}.") from error
    if (decoded.text is None) == (decoded.utterances is None):
        raise UnusableInput(f"Line {number} must have either text or utterances.")
    return decoded


def spans_of(line: Line, language: str) -> dict[str, object]:
    """The personal data in a line: ``[start_char, end_char, label]``, in a call after the utterance's number."""
    said = line.utterances if line.utterances is not None else (Spoken(text=line.text or ""),)
    utterances = tuple(
        Utterance(index=index, speaker=spoken.speaker, channel=0, start=0.0, end=0.0, text=spoken.text)
        for index, spoken in enumerate(said)
    )
    entities = entity_tagging.tag_entities(Transcript(language=language, duration=0.0, utterances=utterances))
    found = anonymization.find_pii([(spoken.speaker, spoken.text) for spoken in said], language, entities)
    spans = [(span.utterance, span.start_char, span.end_char, span.label) for span in found]
    return {"id": line.id, "spans": spans if line.text is None else [span[1:] for span in spans]}


def named(transcript: Transcript, file: Path) -> dict[str, object]:
    """A transcript as it looks on the outside, under the name of its file."""
    return {"conversation": file.name, **msgspec.to_builtins(transcript)}


def plain(transcript: Transcript) -> str:
    """A transcript to read: the minute, the speaker and the words, an utterance a line."""
    return "".join(
        f"{int(it.start) // 60}:{int(it.start) % 60:02d} {it.speaker}: {it.text}\n" for it in transcript.utterances
    )


# ── Reading and writing ──────────────────────────────────────────────────────────────────────────────────────────


def existing(path: Path) -> Path:
    if not path.is_file():
        raise UnusableInput(f"There is no file {path}.")
    return path


def read(path: Path, kind: type[D]) -> D:
    """A document in a file, or on standard input for "-". Raises UnusableInput."""
    data = sys.stdin.buffer.read() if path == Path("-") else existing(path).read_bytes()
    try:
        return documents.decode(data, kind)
    except msgspec.DecodeError as error:
        raise UnusableInput(f"{path} is no {kind.__name__.lower()}: {error}.") from error


def write(path: Path, result: object) -> None:
    path.write_bytes(msgspec.json.encode(result))


def print_json(result: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    sys.stdout.buffer.flush()


def progress(work: str) -> Callable[[float, float], None]:
    """Says how far the work is, on standard error and only if a person is watching it."""

    def show(done: float, total: float) -> None:
        if sys.stderr.isatty() and total:
            print(f"\r{work}: {done / total:4.0%}", end="\n" if done >= total else "", file=sys.stderr, flush=True)

    return show
