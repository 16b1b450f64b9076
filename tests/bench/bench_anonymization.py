"""``make bench-anonymization``: how much personal data stays in the clear, and what is hidden for nothing.

``PARTS`` chooses among text, speed, ear, audio, cost and proof. Each is described where it is measured, in
``tests/bench/pii``; ``--write`` puts the figures into ``docs/benchmarks-anonymization.md``.

* text: MultiDoGO, presidio-research, calls built in spoken style, intents; beside scrubadub and Presidio.
* speed: words a second on one core, and memory beyond spaCy's.
* ear: what can be read of personal data after transcription and anonymization.
* audio: what can be heard of it in the redacted recording, and what else was lost.
* cost: redacting an hour, beside one bare ffmpeg.
* proof: leaks planted on purpose that the proof finds, clean calls that it passes.
"""

import os
import sys
from collections.abc import Callable

from tests.bench.pii import page
from tests.bench.pii.audio import audio
from tests.bench.pii.cost import cost
from tests.bench.pii.ear import ear
from tests.bench.pii.proof import proof
from tests.bench.pii.speed import speed
from tests.bench.pii.text import text

MEASURES: dict[str, Callable[[], str | None]] = {
    "text": text, "speed": speed, "ear": ear, "audio": audio, "cost": cost, "proof": proof
}  # fmt: skip


def main() -> None:
    """Measure what was chosen, print, and write the page if that was asked for."""
    sections = {}
    for part in os.environ.get("PARTS", ",".join(MEASURES)).split(","):
        before = len(page.said)
        tables = MEASURES[part]() or ""
        sections[part] = page.section(part, page.said[before:], tables)
    if "--write" in sys.argv[1:]:
        page.write(sections)


if __name__ == "__main__":
    main()
