"""The contract keeps its own rules, and what is generated from it is fresh."""

import json
import re

import jsonschema
import msgspec
import pytest

from pipeline import contract
from pipeline.config import CHECKOUT
from pipeline.events import EVENTS, Event

SCHEMAS = CHECKOUT / "tests" / "contract" / "schemas"


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_named_for_what_happened_and_says_so(name: str) -> None:
    assert re.fullmatch(r"([A-Z][a-z]+)+(ed|Received|V\d+)", name)
    assert not name.endswith("Event")
    assert EVENTS[name].__doc__
    assert EVENTS[name].__doc__.strip().split("\n")[0].endswith(".")


def test_every_generated_file_is_fresh() -> None:
    stale = [path.name for path, content in contract.files().items() if path.read_text(encoding="utf-8") != content]
    assert stale == [], "run: python -m pipeline.contract"


def test_no_schema_is_left_of_an_event_that_is_gone() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.json")} == set(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_no_event_has_changed_incompatibly(name: str) -> None:
    kept = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    assert contract.incompatible(kept, contract.schema(EVENTS[name])) == []


class Before(msgspec.Struct):
    kept: int
    typed: int
    dropped: str = ""


class After(msgspec.Struct):
    kept: int
    typed: str
    demanded: int


def test_an_incompatible_change_is_noticed() -> None:
    old, new = (msgspec.json.schema(kind)["$defs"][kind.__name__] for kind in (Before, After))
    assert contract.incompatible(old, new) == [
        "dropped is gone",
        "demanded is newly required",
        "typed. is of another type",
    ]


@pytest.mark.parametrize("event", EVENTS.values())
def test_the_example_of_an_event_fits_its_schema(event: type[Event]) -> None:
    wire = json.loads(json.dumps(contract.example(event)))
    jsonschema.validate(wire["data"], contract.schema(event))


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError):
        EVENTS["ConversationQualified"](tags=None, mood="good")


def test_the_asyncapi_document_refers_only_to_what_it_holds() -> None:
    document = contract.asyncapi()
    references = re.findall(r'"\$ref": "(#/[^"]+)"', json.dumps(document))
    assert references
    for reference in references:
        place = document
        for step in reference[2:].split("/"):
            place = place[step]


def test_every_event_is_said_by_someone() -> None:
    assert [name for name in EVENTS if not contract.says(name)] == []


def test_the_largest_example_is_far_from_the_limit() -> None:
    assert max(len(json.dumps(contract.example(event))) for event in EVENTS.values()) < 8192


def test_what_the_monolith_is_said_to_hear_is_what_it_makes_something_of() -> None:
    from conversations.projections import PROJECTIONS

    assert set(contract.MONOLITH_HEARS) == {event.__name__ for event, _ in PROJECTIONS}
