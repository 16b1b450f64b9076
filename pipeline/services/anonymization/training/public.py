"""Public text with known personal data, read from the folder of public data: what may be learned from, never the rest.

MultiDoGO (train splits), the sentences of presidio-research by their templates, WNUT 17 (train) for hard names, NLU++
for names in lower case, and questions without personal data (BANKING77, CLINC150). What is kept for measuring is not
read here, except by ``held_out``.
"""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from random import Random

from pipeline.services.anonymization.training.conversations import Conversation, Turn
from pipeline.services.anonymization.training.people import People
from pipeline.services.anonymization.training.phrases import Phrasebook, phrasebook
from pipeline.services.anonymization.vocabulary import fold, vocabulary_of

SLOTS = {
    "name": "NAME", "email_address": "EMAIL", "booking_confirmation_number": "BOOKING", "phone_number": "PHONE",
    "phonenumber": "PHONE", "address": "ADDRESS", "current_zipcode": "ADDRESS", "new_zipcode": "ADDRESS", "ssn": "SSN",
    "username": "USERNAME", "account_id": "ACCOUNT", "account_number": "ACCOUNT", "password": "PASSWORD",
}  # fmt: skip
ENTITIES = {
    "PERSON": "NAME", "STREET_ADDRESS": "ADDRESS", "ADDRESS": "ADDRESS", "ZIP_CODE": "ADDRESS", "CREDIT_CARD": "CARD",
    "PHONE_NUMBER": "PHONE", "EMAIL_ADDRESS": "EMAIL", "DOMAIN_NAME": "URL", "IBAN_CODE": "IBAN", "US_SSN": "SSN",
    "IP_ADDRESS": "ACCOUNT", "US_DRIVER_LICENSE": "ACCOUNT",
}  # fmt: skip
DOMAINS = ("airline", "fastfood", "media", "software")
MULTIDOGO = Path("pii/multidogo/multidogo/data/paper_splits/splits_annotated_at_turn_level")
PRESIDIO = ("pii/presidio_research/data/synth_dataset_v2.json", "pii/presidio_research/tests/data/generated_large.json")
WNUT = Path("pii/wnut17/wnut17train.conll")
NLUPP = Path("topics/polyai/nlupp/data")
NLUPP_FOLDS = range(10, 20)  # the others are for measuring
NLUPP_HELD_OUT = (10, 11)  # … and of these, the limits are chosen on some
OTHER_NAMES = 6  # in place of each of the few that NLU++ has
TEMPLATES = 3  # of so many templates of presidio-research one is kept for measuring …
CALLS = 12  # … and one of so many conversations of MultiDoGO's train splits
MESSAGES = 2  # of so many messages of WNUT 17 one is learned from
QUESTIONS = 4  # parts of the questions without personal data; of BANKING77 others are for measuring:
LEARNED, HELD_OUT = 1, 2  # its part that is learned from; that of both on which the limits are chosen


def part_of(text: str, parts: int) -> int:
    """Which of some parts a template, a conversation or a question belongs to: the same on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % parts


def learned_from(data: Path, seed: int) -> list[Conversation]:
    """All that may be learned from, under the folder of public data."""
    chance = Random(seed)  # noqa: S311 - chance that repeats, for no secret
    book = phrasebook("en")
    found: list[Conversation] = []
    for domain in DOMAINS:
        calls = multidogo(data, domain, "train", lambda key: part_of(key, CALLS) > 0)
        found.extend(each for call in calls for each in (call, with_questions(call, book, chance)))
    found.extend(presidio(data, held_out=False))
    found.extend(wnut(data))
    found.extend(nlupp(data, (each for each in NLUPP_FOLDS if each not in NLUPP_HELD_OUT), chance))
    found.extend(harmless(data, held_out=False))
    return found


def held_out(data: Path) -> dict[str, list[Conversation]]:
    """What the limits are chosen on, by the name of its set."""
    sets = {
        f"MultiDoGO {domain}": multidogo(data, domain, "train", lambda key: part_of(key, CALLS) == 0)
        for domain in DOMAINS
    }
    return sets | {
        "presidio-research": list(presidio(data, held_out=True))[::3],
        "NLU++": list(nlupp(data, NLUPP_HELD_OUT)),
        "questions": list(harmless(data, held_out=True))[::4],
    }


def multidogo(data: Path, domain: str, split: str, wanted: Callable[[str], bool]) -> list[Conversation]:
    """The conversations of a domain: the customer's turns, as far as they are labelled word for word."""
    conversations: dict[str, list[Turn]] = {}
    with (data / MULTIDOGO / domain / f"{split}.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            words, labels = (row[3].split(), row[4].split()) if len(row) == 6 else ([], ["?"])
            if len(words) == len(labels) and row[0] != "conversationId" and wanted(row[0]):
                if names_unlabelled(word for word, label in zip(words, labels, strict=True) if label == "O"):
                    continue
                said = list(zip(words, (SLOTS.get(label, "") for label in labels), strict=True))
                conversations.setdefault(row[0], []).append(turn_of("customer", said))
    return [Conversation("en", tuple(turns)) for turns in conversations.values()]


def names_unlabelled(words: Iterable[str]) -> bool:
    """Whether a first name that is nothing else is among words that others labelled as no personal data.

    It mostly is one that they forgot ("hi sam"): such a text teaches the wrong thing, and measures it.
    """
    return any(vocabulary_of("en").is_name(fold(word)) for word in words)


def turn_of(speaker: str, said: Iterable[tuple[str, str]]) -> Turn:
    """A turn of words and their labels ("" has none)."""
    text = ""
    spans: list[tuple[int, int, str]] = []
    for word, label in said:
        if label and spans and spans[-1][1] == len(text) - 1 and spans[-1][2] == label:
            spans[-1] = (spans[-1][0], len(text) + len(word), label)
        elif label:
            spans.append((len(text), len(text) + len(word), label))
        text += word + " "
    return Turn(speaker, text.rstrip(), tuple(spans))


def with_questions(call: Conversation, book: Phrasebook, chance: Random) -> Conversation:
    """A call of a customer alone with turns of an agent put before them."""
    turns: list[Turn] = []
    for turn in call.turns:
        if turn.spans and chance.random() < 0.85:
            asked = book.ask.get(turn.spans[0][2], book.ask["ANY"])
        elif chance.random() < 0.7:
            asked = [phrase for phrase in book.talk if "{" not in phrase]
        else:
            asked = ()
        if asked:
            turns.append(Turn("agent", chance.choice(list(asked)), ()))
        turns.append(turn)
    return Conversation(call.language, tuple(turns))


def presidio(data: Path, *, held_out: bool) -> Iterator[Conversation]:
    """Its sentences, each alone, those of the templates to learn from or of those kept for measuring."""
    for path in PRESIDIO:
        for row in json.loads((data / path).read_text(encoding="utf-8")):
            if (part_of(row["masked"], TEMPLATES) == 0) == held_out:
                spans = [
                    (each["start_position"], each["end_position"], ENTITIES[each["entity_type"]])
                    for each in sorted(row["spans"], key=lambda span: int(span["start_position"]))
                    if each["entity_type"] in ENTITIES
                ]
                yield Conversation("en", (Turn("", row["full_text"], tuple(spans)),))


def wnut(data: Path) -> Iterator[Conversation]:
    """Its messages; people are names, all else is left."""
    said: list[tuple[str, str]] = []
    for line in [*(data / WNUT).read_text(encoding="utf-8").splitlines(), ""]:
        word, _, label = line.strip().partition("\t")
        if word:
            said.append((word, "NAME" if label.endswith("-person") and not word.startswith("@") else ""))
        elif said:
            if part_of(" ".join(each for each, _ in said), MESSAGES) == 0:
                yield Conversation("en", (turn_of("", said),))
            said = []


def nlupp(data: Path, folds: Iterable[int], chance: Random | None = None) -> Iterator[Conversation]:
    """Sentences to a bank and a hotel; with ``chance`` those with a person also with others in their place."""
    people = People("en", chance) if chance else None
    for fold_number in folds:
        for domain in ("banking", "hotels"):
            path = data / NLUPP / domain / f"fold{fold_number}.json"
            for row in json.loads(path.read_text(encoding="utf-8")):
                text, person = row["text"], row.get("slots", {}).get("person_name")
                if person is None:
                    yield Conversation("en", (Turn("", text, ()),))
                    continue
                start, end = person["span"]
                others = [_someone(people, chance) for _ in range(OTHER_NAMES)] if people and chance else []
                for name in (text[start:end], *others):
                    spans = ((start, start + len(name), "NAME"),)
                    yield Conversation("en", (Turn("", text[:start] + name + text[end:], spans),))


def _someone(people: People, chance: Random) -> str:
    """A first name, a last name or both."""
    first, last = people.first_name, people.last_name
    return " ".join(name for drawn in chance.choice([(first,), (last,), (first, last)]) for name in drawn())


def harmless(data: Path, *, held_out: bool) -> Iterator[Conversation]:
    """Questions to a bank and an assistant, those to learn from or those kept for choosing the limits."""
    topics = data / "topics"
    with (topics / "polyai/banking_data/train.csv").open(encoding="utf-8", newline="") as file:
        banking = [row["text"] for row in csv.DictReader(file)]
    clinc: Mapping[str, list[tuple[str, str]]] = json.loads((topics / "clinc/data/data_full.json").read_text("utf-8"))
    texts = [text for text in banking if part_of(text, QUESTIONS) == (HELD_OUT if held_out else LEARNED)]
    texts += [text for text, _ in clinc["train"] if (part_of(text, QUESTIONS) == HELD_OUT) == held_out]
    for text in texts:
        if not names_unlabelled(re.findall(r"\w+", text)):
            yield Conversation("en", (Turn("", text, ()),))
