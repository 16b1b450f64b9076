"""Measurements, one JSON object a line: ``{"bench", "value", "unit"}``. Run by ``make bench-NAME``; never timed tests."""

import json
import os
from pathlib import Path

DATA = Path(os.environ.get("PARLEY_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def say(bench: str, value: float, unit: str) -> None:
    """Print a figure."""
    print(json.dumps({"bench": bench, "value": round(value, 3), "unit": unit}), flush=True)


def need(path: Path) -> Path:
    """A file of the public data. Exits with a sentence when it is not there."""
    if not path.exists():
        raise SystemExit(f"{path} is not there. Set PARLEY_DATA to the folder of the public data.")
    return path


def highest_memory() -> float:
    """Megabytes of resident memory at most, of this program alone: ``ru_maxrss`` counts what its parent had as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
