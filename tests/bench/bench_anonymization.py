"""How much personal data stays in the clear, and what is hidden for nothing, beside plain scrubadub on the same text.

Leak: the share of the letters and digits of personal data that no span covers. Over: the share of all others that one
covers. On the customers' turns of MultiDoGO (dev) and the sentences of presidio-research.
"""

import csv
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pipeline.documents import Transcript, Utterance
from pipeline.services import anonymization, entity_tagging
from tests.bench import DATA, need, say

DOMAINS = ("airline", "fastfood", "media", "software")
PERSONAL = {
    "name", "email_address", "booking_confirmation_number", "phone_number", "phonenumber", "address", "current_zipcode",
    "new_zipcode", "ssn", "username", "account_id", "account_number", "password",
}  # fmt: skip
NOT_PERSONAL = {"DATE_TIME", "GPE", "ORGANIZATION", "TITLE", "AGE", "NRP"}  # as hidden or not, as one likes
Span = tuple[int, int]
Find = Callable[[list[str]], list[list[Span]]]


class Turn(NamedTuple):
    """What is said, and the offsets of the personal data in it."""

    text: str
    gold: list[Span]


def main() -> None:
    """Print leak and over for each set, ours and scrubadub's, and the speed of ours."""
    entity_tagging.warm(["en"])
    anonymization.warm(["en"])
    sets = {f"multidogo-{domain}": list(multidogo(domain)) for domain in DOMAINS} | {"presidio": list(presidio())}
    spent = words = 0.0
    for name, calls in sets.items():
        start = time.perf_counter()
        measure(f"anonymization-{name}", calls, ours)
        spent += time.perf_counter() - start
        words += sum(len(turn.text.split()) for call in calls for turn in call)
        measure(f"anonymization-{name}-scrubadub", calls, plain_scrubadub())
    say("anonymization-speed-with-entities", words / spent, "words/s")


def multidogo(domain: str) -> Iterator[list[Turn]]:
    """The conversations of a domain."""
    path = DATA / "pii/multidogo/multidogo/data/paper_splits/splits_annotated_at_turn_level" / domain / "dev.tsv"
    conversations: dict[str, list[Turn]] = {}
    with need(path).open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            words, labels = (row[3].split(), row[4].split()) if len(row) == 6 else ([], ["?"])
            if len(words) != len(labels):
                continue
            gold, start = [], 0
            for word, label in zip(words, labels, strict=True):
                if label in PERSONAL:
                    gold.append((start, start + len(word)))
                start += len(word) + 1
            conversations.setdefault(row[0], []).append(Turn(" ".join(words), gold))
    yield from conversations.values()


def presidio() -> Iterator[list[Turn]]:
    """The sentences, each a call of its own."""
    path = need(DATA / "pii/presidio_research/data/synth_dataset_v2.json")
    for row in json.loads(path.read_text(encoding="utf-8")):
        spans = [span for span in row["spans"] if span["entity_type"] not in NOT_PERSONAL]
        yield [Turn(row["full_text"], [(span["start_position"], span["end_position"]) for span in spans])]


def ours(texts: list[str]) -> list[list[Span]]:
    """What we find in the turns of one speaker."""
    utterances = tuple(
        Utterance(index=index, speaker="customer", channel=0, start=0.0, end=0.0, text=text)
        for index, text in enumerate(texts)
    )
    entities = entity_tagging.tag_entities(Transcript(language="en", duration=0.0, utterances=utterances))
    found: list[list[Span]] = [[] for _ in texts]
    for span in anonymization.find_pii([("customer", text) for text in texts], "en", entities):
        found[span.utterance].append((span.start_char, span.end_char))
    return found


def plain_scrubadub() -> Find:
    """scrubadub as it comes, with the detectors it loads by itself."""
    import scrubadub

    scrubber: Any = scrubadub.Scrubber(locale="en_US")
    return lambda texts: [[(filth.beg, filth.end) for filth in scrubber.iter_filth(text)] for text in texts]


def measure(bench: str, calls: list[list[Turn]], find: Find) -> None:
    """Say the leak and the over-redaction of a detector."""
    personal = leaked = other = hidden = 0
    for call in calls:
        for turn, spans in zip(call, find([turn.text for turn in call]), strict=True):
            gold = {place for start, end in turn.gold for place in range(start, end)}
            found = {place for start, end in spans for place in range(start, end)}
            for place, character in enumerate(turn.text):
                if character.isalnum():
                    personal += place in gold
                    leaked += place in gold and place not in found
                    other += place not in gold
                    hidden += place not in gold and place in found
    say(f"{bench}-leak", leaked / personal, "share")
    say(f"{bench}-over", hidden / other, "share")


if __name__ == "__main__":
    main()
