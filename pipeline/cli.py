"""The command line: each service on a file, or the whole cascade.

Standard output holds the result and nothing else, in JSON; standard error says how far the work is, to a terminal, and
what went wrong, in one sentence. The exit status is 0, or 2 when the input or the configuration is at fault.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO, TypeVar

import msgspec

from pipeline import documents
from pipeline.config import CHECKOUT, Config, ConfigurationError, config
from pipeline.documents import RedactionPolicy, Settings, Taxonomy, Transcript
from pipeline.services import anonymization, audio_redaction, entity_tagging, qualification, transcription
from pipeline.services.errors import ExpectedFailure
from pipeline.services.transcription.weights import WeightsError

STARTER_TAXONOMY = CHECKOUT / "conversations" / "taxonomies" / "support.json"
LANGUAGES = ("en", "fr")
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    try:
        chosen = parser(config()).parse_args(arguments)
        chosen.command(chosen)
    except (ExpectedFailure, UnusableInput, ConfigurationError, WeightsError) as error:
        print(error, file=sys.stderr)
        return 2
    except FileNotFoundError as error:
        print(f"There is no file {error.filename}.", file=sys.stderr)
        return 2
    return 0


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────


def transcribe(chosen: argparse.Namespace) -> None:
    """Write down a recording: its transcript."""
    print_json(named(transcript_of(chosen), chosen.file))


def tag_entities(chosen: argparse.Namespace) -> None:
    """Find the named entities of a transcript."""
    transcript = read(chosen.transcript, Transcript)
    print_json(entity_tagging.tag_entities(transcript))


def anonymize(chosen: argparse.Namespace) -> None:
    """Find personal data in JSON lines: a line out for each line in, as soon as it is read."""
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if line.strip():
            print_json(spans_of(line_of(line, number), chosen.language))


def redact(chosen: argparse.Namespace) -> None:
    """Hide the redactions of a transcript in its recording."""
    transcript = read(chosen.transcript, Transcript)
    audio = redact_into(chosen, transcript)
    files = {"master": audio.master, "player": audio.player, "peaks": chosen.out.resolve() / "peaks.json"}
    print_json({name: str(path) for name, path in files.items()})


def qualify(chosen: argparse.Namespace) -> None:
    """Tag the content of a transcript by a taxonomy."""
    transcript = read(chosen.transcript, Transcript)
    print_json(qualification.qualify(transcript, read(chosen.taxonomy, Taxonomy)))


def run(chosen: argparse.Namespace) -> None:
    """Take a recording through the whole cascade."""
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
    print_json({"conversation": chosen.file.name, "files": sorted(path.name for path in chosen.out.iterdir())})
