"""The envelope: CloudEvents 1.0, strict to build, tolerant to read, harmless when repeated."""

import json
from uuid import UUID

import pytest
from cloudevents.v1.http import from_json

from pipeline.events import ConversationFailed, ConversationTagged, DeliveryHandled, ProgressReported
from pipeline.records import InvalidRecord, Record, from_wire, to_wire, uuid7


def initial() -> Record:
    return Record.initial(
        ConversationTagged(tag="refund"), source="monolith", subject=str(uuid7()), tenant=str(uuid7())
    )


def test_a_record_survives_the_wire() -> None:
    record = initial()
    assert from_wire(json.loads(json.dumps(to_wire(record)))) == record


def test_the_cloudevents_library_reads_what_we_write() -> None:
    wire = to_wire(Record.caused(ConversationTagged(tag="refund"), by=initial(), source="monolith"))
    read = from_json(json.dumps(wire))
    assert read.data == {"tag": "refund", "utterance": None}
    assert {name: read[name] for name in wire if name != "data"} == {k: v for k, v in wire.items() if k != "data"}


def test_an_answer_belongs_to_the_conversation_and_run_of_its_cause() -> None:
    cause = initial()
    answer = Record.caused(DeliveryHandled(attempt=1), by=cause, source="archive")
    assert (answer.subject, answer.tenant, answer.correlationid) == (cause.subject, cause.tenant, cause.correlationid)
    assert answer.causationid == cause.id
    assert answer.traceparent.split("-")[1] == cause.traceparent.split("-")[1]


def test_the_same_answer_twice_has_the_same_id() -> None:
    cause = initial()
    event = ConversationFailed(service="transcription", code="crashed")
    first, second = (Record.caused(event, by=cause, source="ledger") for _ in range(2))
    assert first.id == second.id
    assert Record.caused(event, by=cause, source="another").id != first.id


def test_words_about_a_delivery_are_told_apart_by_their_attempt() -> None:
    cause = initial()
    ids = {Record.caused(ProgressReported(attempt=n), by=cause, source="transcription").id for n in (1, 2, 2)}
    assert len(ids) == 2


def test_an_unknown_field_or_attribute_is_ignored() -> None:
    wire = to_wire(initial())
    wire["data"]["mood"] = "good"
    wire["knownlater"] = "yes"
    assert from_wire(wire).data == ConversationTagged(tag="refund")


BROKEN = [
    ({"specversion": "0.3"}, "another version of CloudEvents"),
    ({"type": "WeatherChanged"}, "an unknown type"),
    ({"id": None}, "no id"),
    ({"id": "not a uuid"}, "an id of another form"),
    ({"data": {"tag": 7}}, "data of another type"),
    ({"data": None}, "no data"),
]


@pytest.mark.parametrize(("change", "why"), BROKEN, ids=[why for _, why in BROKEN])
def test_a_record_that_is_not_ours_is_refused_without_its_content(change: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidRecord) as refused:
        from_wire(to_wire(initial()) | change)
    assert "refund" not in str(refused.value)


@pytest.mark.parametrize("wire", [None, [], "text", 7])
def test_what_is_no_object_is_refused(wire: object) -> None:
    with pytest.raises(InvalidRecord):
        from_wire(wire)


def test_a_record_over_64_kib_is_refused_by_who_says_it_and_who_hears_it() -> None:
    large = ConversationTagged(tag="x" * 65536)
    with pytest.raises(InvalidRecord):
        to_wire(Record.initial(large, source="monolith"))
    wire = to_wire(initial())
    wire["data"]["tag"] = large.tag
    with pytest.raises(InvalidRecord):
        from_wire(wire)


def test_ids_of_initial_events_are_version_7_and_in_order_of_time() -> None:
    ids = [uuid7() for _ in range(3)]
    assert {each.version for each in ids} == {7}
    assert {each.variant for each in ids} == {UUID(int=0x8 << 60).variant}
    assert ids[0].int >> 80 <= ids[2].int >> 80
