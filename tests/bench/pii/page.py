"""The figures of a run, and ``docs/benchmarks-anonymization.md``, in which each part that was measured has a section."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.bench import say

PAGE = Path(__file__).resolve().parents[3] / "docs" / "benchmarks-anonymization.md"
HEAD = """# Benchmarks of anonymization

Written by `python -m tests.bench.bench_anonymization --write` (`PARTS` chooses parts; only their sections are written
anew); figures only as measured. What each set and measure is, the modules of `tests/bench/pii` say. Leak: share of the
letters and digits of names and identifiers that no detector covers. Over: share of all others that one covers; *reviewed*:
without personal data that has no label, as one of us read and marked it in what ours covers.
"""
said: list[tuple[str, float | None, str]] = []


def figure(bench: str, value: float, unit: str) -> None:
    """Print a figure, and keep it for the page."""
    say(bench, value, unit)
    said.append((bench, round(value, 3), unit))


def left_out(bench: str, why: str) -> None:
    """Print, and keep, that something could not be measured, and what it needs."""
    print(json.dumps({"bench": bench, "value": None, "unit": f"left out: {why}"}), flush=True)
    said.append((bench, None, f"left out: {why}"))


def section(part: str, figures: Iterable[tuple[str, float | None, str]], tables: str) -> str:
    """A section: its tables, or a row a figure when it has none."""
    rows = [
        f"| {bench.removeprefix('anonymization-')} | {'' if value is None else f'{value:g}'} | {unit} |"
        for bench, value, unit in figures
    ]
    body = tables or "\n".join(["| figure | value | unit |", "|---|---:|---|", *rows])
    return f"## {part.capitalize()}\n\n{body}\n"


def write(sections: dict[str, str]) -> None:
    """Put sections in place of those of the same part; the others stay."""
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    kept = {re.match(r"## (\w+)", each)[1].lower(): each for each in re.split(r"^(?=## )", old, flags=re.M)[1:]}  # type: ignore[index]
    parts = {**kept, **sections}
    PAGE.write_text("\n".join([HEAD, *(parts[part].strip() + "\n" for part in parts)]), encoding="utf-8")


def tables_of(scores: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The table of sets and detectors, and of each label in the sets, as Markdown."""
    names = list(dict.fromkeys(name for every in scores.values() for name in every))
    measures = {"leak_core": "leak %", "over": "over %", "over_reviewed": "over reviewed %"}
    head = ["set", *(f"{name} {measure}" for name in names for measure in measures.values())]
    rows = [
        [every, *(percent(found.get(name, {}).get(measure)) for name in names for measure in measures)]
        for every, found in scores.items()
    ]
    labels = [
        [
            every,
            label,
            str(row["n"]),
            *(percent(found.get(name, {}).get("per_type", {}).get(label, {}).get("leak")) for name in names),
        ]
        for every, found in scores.items()
        for label, row in next(iter(found.values()))["per_type"].items()
        if not label.startswith("@")
    ]
    of_labels = table(["set", "label", "stretches", *(f"{name} leak %" for name in names)], labels)
    return f"{table(head, rows)}\n\n### Per label\n\n{of_labels}"


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table; all but the first column to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
