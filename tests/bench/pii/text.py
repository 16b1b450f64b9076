"""The text part: leak and over-redaction of every detector on every set.

The labels of the public sets leave out many a name ("thanks charlie"), which a detector should hide all the same. So over
is also given without what ``reviewed`` marks.
"""

import os
from typing import Any

from tests.bench.pii.detectors import HOW_TO_PRESIDIO, detectors, has_presidio
from tests.bench.pii.gold import Find, Set, score
from tests.bench.pii.page import figure, left_out, tables_of
from tests.bench.pii.public_sets import intents, public_sets
from tests.bench.pii.reviewed import only_reviewed
from tests.bench.pii.spoken import spoken_sets

CHOSEN = os.environ.get("DETECTORS", "ours,scrubadub,presidio").split(",")
Scores = dict[str, dict[str, dict[str, Any]]]  # of a set, of a detector


def text() -> str:
    """Say leak_core, over and over_ex of each detector on each set; of the intents, over. Gives the page's tables."""
    if "presidio" in CHOSEN and not has_presidio():
        left_out("anonymization-presidio", HOW_TO_PRESIDIO)
    scores: Scores = {}
    for every in [*public_sets(), *spoken_sets(), *intents()]:
        scores[every.name] = {
            name: _measured(every, name, find) for name, find in detectors().items() if name in CHOSEN
        }
    return tables_of(scores)


def _measured(every: Set, name: str, find: Find) -> dict[str, Any]:
    found = [find([(turn.speaker, turn.text) for turn in call], every.language) for call in every.calls]
    scores = score(every.calls, found)
    scores["over_reviewed"] = score([only_reviewed(call) for call in every.calls], found)["over_ex"]
    bench = f"anonymization-{every.name}-{name}"
    if scores["leak_core"] is not None:
        chars = scores["per_type"]["@core"]["chars"]
        figure(f"{bench}-leak", 100 * scores["leak_core"], f"% of {chars} letters and digits of names and identifiers")
    figure(f"{bench}-over", 100 * scores["over"], "% of the letters and digits that are not personal")
    figure(f"{bench}-over-reviewed", 100 * scores["over_reviewed"], "%, without personal data that has no label")
    figure(f"{bench}-over-ex", 100 * scores["over_ex"], "%, without what only may be personal")
    return scores
