"""The command line: each service on a file, or the whole cascade, without broker or database.

Standard output holds the result and nothing else, in JSON. Standard error shows how far the work is, if it is a
terminal, and says in one sentence what went wrong. The exit status is 0, or 2 when the input or the configuration is
at fault.
"""

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline import cli
from pipeline.config import CHECKOUT, Config, ConfigurationError, config
from pipeline.services.errors import ExpectedFailure
from pipeline.services.transcription import ENGINES
from pipeline.services.transcription.weights import WeightsError

STARTER_TAXONOMY = CHECKOUT / "conversations" / "taxonomies" / "support.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    try:
        chosen = parser(config()).parse_args(arguments)
        chosen.command(chosen)
    except (ExpectedFailure, cli.UnusableInput, ConfigurationError, WeightsError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def parser(config: Config) -> argparse.ArgumentParser:
    """The commands and their arguments; defaults come from the configuration."""
    top = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__, formatter_class=AsWritten)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    it = add(commands, "transcribe", cli.transcribe, "transcribe call.wav --channels agent,customer > raw.json")
    add_recording(it, config)

    it = add(commands, "tag-entities", cli.tag_entities, "tag-entities raw.json")
    add_transcript(it)

    it = add(commands, "anonymize", cli.anonymize, "anonymize --language en < lines.jsonl")
    it.add_argument("--language", choices=("en", "fr"), default="en", help="language of the lines (default: en)")

    it = add(commands, "redact", cli.redact, "redact call.wav out/transcript.json --out out --beep")
    it.add_argument("file", metavar="AUDIO", type=Path, help="the recording")
    add_transcript(it)
    add_output(it)

    it = add(commands, "qualify", cli.qualify, "qualify out/transcript.json --taxonomy ours.json")
    add_transcript(it)
    add_taxonomy(it)

    it = add(commands, "run", cli.run, "run call.wav --out out")
    add_recording(it, config)
    add_taxonomy(it)
    add_output(it)
    return top


class AsWritten(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a description."""


def add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], None],
    example: str,
) -> argparse.ArgumentParser:
    """A command, explained by its docstring and an example."""
    text = inspect.cleandoc(command.__doc__ or "")
    it = commands.add_parser(
        name,
        help=text.splitlines()[0],
        description=text,
        epilog=f"example:\n  python -m pipeline {example}",
        formatter_class=AsWritten,
    )
    it.set_defaults(command=command)
    return it


def add_recording(it: argparse.ArgumentParser, config: Config) -> None:
    it.add_argument("file", metavar="FILE", type=Path, help="the recording")
    it.add_argument("--language", default="", help="code of its language (default: detected)")
    it.add_argument("--channels", default="", help="speaker of each channel (default: agent,customer)")
    it.add_argument("--engine", choices=tuple(ENGINES), default=config.asr_engine, help="default: %(default)s")
    it.add_argument("--model", default=config.asr_model, help="name or path of a model (default: %(default)s)")
    it.add_argument("--device", choices=("cpu", "cuda"), default=config.asr_device, help="default: %(default)s")


def add_transcript(it: argparse.ArgumentParser) -> None:
    it.add_argument("transcript", metavar="TRANSCRIPT", type=Path, help='transcript JSON; "-" reads standard input')


def add_taxonomy(it: argparse.ArgumentParser) -> None:
    default = STARTER_TAXONOMY.relative_to(CHECKOUT)
    it.add_argument("--taxonomy", type=Path, default=STARTER_TAXONOMY, help=f"tags and rules (default: {default})")


def add_output(it: argparse.ArgumentParser) -> None:
    it.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the results, made if need be")
    it.add_argument("--beep", action="store_true", help="put a tone in place of what is hidden, not silence")


if __name__ == "__main__":
    sys.exit(main())
