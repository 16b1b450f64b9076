"""The public sets: support chats of MultiDoGO, sentences of presidio-research, intents without personal data."""

import csv
import json
import os
import random
from collections.abc import Iterator

from pipeline.services.anonymization.training.public import (
    HELD_OUT,
    LEARNED,
    NLUPP_FOLDS,
    QUESTIONS,
    TEMPLATES,
    part_of,
)
from tests.bench import DATA, need
from tests.bench.pii.gold import Mark, Set, Turn

DOMAINS = ("airline", "fastfood", "media", "software")
MULTIDOGO = DATA / "pii/multidogo/multidogo/data/paper_splits/splits_annotated_at_turn_level"
PERSONAL = {  # slots, and what the scorer calls them
    "name": "PERSON_NAME", "approver_name": "approver_name", "email_address": "EMAIL",
    "booking_confirmation_number": "BOOKING", "phone_number": "PHONE", "phonenumber": "PHONE", "address": "ADDRESS",
    "current_zipcode": "POSTCODE", "new_zipcode": "POSTCODE", "ssn": "SSN", "username": "USERNAME",
    "account_id": "ACCOUNT", "account_number": "ACCOUNT", "password": "PASSWORD",
    "current_city": "CITY", "new_city": "CITY", "departure_city": "CITY", "arrival_city": "CITY",
    "start_date": "DATE", "end_date": "DATE", "date": "DATE",
}  # fmt: skip
PRESIDIO = ("data/synth_dataset_v2.json", "tests/data/generated_large.json")
A_SOURCE = int(os.environ.get("SENTENCES", "2000"))  # sentences drawn of each source of intents


def public_sets() -> list[Set]:
    """All of them; the intents apart (``intents``)."""
    chats = [Set(f"multidogo-{domain}", "en", list(multidogo(domain))) for domain in DOMAINS]
    sentences = zip(("presidio", "presidio-large"), PRESIDIO, strict=True)
    return [*chats, *(Set(name, "en", list(presidio(path))) for name, path in sentences)]


def multidogo(domain: str) -> Iterator[list[Turn]]:
    """The conversations of the dev split of a domain: only the customers' turns are labelled, and given."""
    conversations: dict[str, list[Turn]] = {}
    with need(MULTIDOGO / domain / "dev.tsv").open(encoding="utf-8", newline="") as file:
        for row in list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]:
            words, labels = (row[3].split(), row[4].split()) if len(row) == 6 else ([], ["?"])
            if len(words) == len(labels):
                conversations.setdefault(row[0], []).append(_labelled(words, labels))
    yield from conversations.values()


def _labelled(words: list[str], labels: list[str]) -> Turn:
    """A turn of tokens with a slot each; neighbours of one slot are one datum."""
    gold: list[Mark] = []
    ignore: list[Mark] = []
    start, before = 0, "O"
    for word, label in zip(words, labels, strict=True):
        mark = Mark(start, start + len(word), PERSONAL.get(label, label))
        where = gold if label in PERSONAL else ignore
        if label == before and label != "O":
            where[-1] = Mark(where[-1].start, mark.end, mark.label)
        elif label != "O":
            where.append(mark)
        start, before = mark.end + 1, label
    return Turn("customer", " ".join(words), tuple(gold), tuple(ignore))


def presidio(path: str) -> Iterator[list[Turn]]:
    """The sentences of templates that were not learned from, each a call of its own, under the labels they have.

    The scorer knows which labels are no core.
    """
    for row in json.loads(need(DATA / "pii/presidio_research" / path).read_text(encoding="utf-8")):
        if part_of(row["masked"], TEMPLATES) != 0:
            continue
        spans = (
            Mark(it["start_position"], it["end_position"], it["entity_type"].replace("PREFIX", "TITLE"))
            for it in row["spans"]
        )
        yield [Turn("customer", row["full_text"], tuple(spans))]


def intents() -> list[Set]:
    """Sentences of ``topics/`` that were not learned from, each a call of its own.

    DSTC11 is left out: callers give names and numbers in it.

    NLU++ marks the people in its sentences, so these are gold; in the others there is nothing to hide.
    """
    sets = [Set("banking77", "en", list(banking77())), Set("clinc150", "en", list(clinc150()))]
    sets += [Set("nlupp", "en", list(nlupp()))]
    chance = random.Random(5)
    return [every._replace(calls=chance.sample(every.calls, min(A_SOURCE, len(every.calls)))) for every in sets]


def banking77() -> Iterator[list[Turn]]:
    """BANKING77, what was not learned from."""
    with need(DATA / "topics/polyai/banking_data/train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if part_of(row["text"], QUESTIONS) not in (LEARNED, HELD_OUT):
                yield [Turn("customer", row["text"])]


def clinc150() -> Iterator[list[Turn]]:
    """CLINC150 but for its training part."""
    data = json.loads(need(DATA / "topics/clinc/data/data_full.json").read_text(encoding="utf-8"))
    for name, rows in data.items():
        if name != "train":
            yield from ([Turn("customer", text)] for text, _ in rows)


def nlupp() -> Iterator[list[Turn]]:
    """NLU++, banking and hotels, the folds that were not learned from."""
    learned = {f"fold{number}" for number in NLUPP_FOLDS}
    for path in sorted(need(DATA / "topics/polyai/nlupp/data").glob("*/*.json")):
        if path.stem in learned:
            continue
        for row in json.loads(path.read_text(encoding="utf-8")):
            slots = row.get("slots", {})
            marks = {
                name: Mark(*slot["span"], "PERSON" if name == "person_name" else name)
                for name, slot in slots.items() if isinstance(slot, dict) and "span" in slot
            }  # fmt: skip
            people = tuple(mark for mark in marks.values() if mark.label == "PERSON")
            yield [Turn("customer", row["text"], people, tuple(set(marks.values()) - set(people)))]
