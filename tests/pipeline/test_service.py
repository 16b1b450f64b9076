"""A service on the bus: it says what it does, once, and what went wrong, without a word of it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from kombu.exceptions import ChannelError, OperationalError
from msgspec import structs

from pipeline import bus, service
from pipeline.config import Secret
from pipeline.documents import Tag, Tags
from pipeline.events import (
    ConversationQualified,
    ConversationTagged,
    DeliveryHandled,
    FailureCode,
    ProgressReported,
    ServiceFailed,
    ServiceRegistered,
    SpeakersSwapped,
)
from pipeline.records import Record, to_wire, uuid7
from pipeline.sealing import KeyStore
from pipeline.service import Service, handle, registrations, say_worker_lost
from pipeline.services.errors import ExpectedFailure
from pipeline.storage import BlobStore

Said = list[Record]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Said]:
    """What is said, instead of a broker; blobs in a folder."""
    heard: Said = []
    store = BlobStore(f"file://{tmp_path}/blobs", KeyStore(f"file://{tmp_path}/keys", Secret(b"k" * 32)))
    monkeypatch.setattr(bus, "say", heard.extend)
    monkeypatch.setattr(service, "blob_store", lambda: store)
    return heard


def a_service(function: Callable[[Any], Any]) -> Service:
    return Service(
        name="qualification", function=function, hears=(ConversationTagged,), says=(ConversationQualified,), queue="cpu",
        lease=30.0, window=1,
    )  # fmt: skip


def a_call() -> Record:
    place = {"subject": str(uuid7()), "tenant": str(uuid7())}
    return Record.initial(ConversationTagged(tag="refund"), source="monolith", **place)


def qualify(event: ConversationTagged) -> ConversationQualified:
    service.report(3, 4)
    return ConversationQualified(tags=service.save("safe", Tags(tags=(Tag(tag="t", name="T", provenance="test"),))))


def test_a_service_hears_what_its_parameter_is_typed_as_or_either_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SERVICES", {})

    @service.service("one", queue="cpu")
    def one(event: ConversationTagged) -> ConversationQualified:
        raise NotImplementedError

    @service.service("either", queue="cpu")
    def either(event: ConversationTagged | SpeakersSwapped) -> ConversationQualified:
        raise NotImplementedError

    heard = {name: [event.__name__ for event in each.hears] for name, each in service.SERVICES.items()}
    assert heard == {"one": ["ConversationTagged"], "either": ["ConversationTagged", "SpeakersSwapped"]}


def test_quick_work_says_only_its_answer(said: Said) -> None:
    call = a_call()
    handle(a_service(qualify), to_wire(call), attempt=2)
    assert [type(each.data) for each in said] == [ConversationQualified]
    assert {(each.causationid, each.subject, each.source) for each in said} == {
        (call.id, call.subject, "qualification")
    }


def test_longer_work_says_how_far_it_is(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FIRST_BEAT_SECONDS", 0.01)
    monkeypatch.setattr(service, "BEAT_SECONDS", 0.01)
    heard = threading.Event()
    monkeypatch.setattr(bus, "say", lambda records: (said.extend(records), len(said) > 2 and heard.set()))

    def slow(event: ConversationTagged) -> ConversationQualified:
        service.report(3, 4)
        assert heard.wait(10)
        return qualify(event)

    handle(a_service(slow), to_wire(a_call()), attempt=2)
    assert ProgressReported(attempt=2, done=3, total=4) in [each.data for each in said]
    assert isinstance(said[-1].data, ConversationQualified)


def test_a_redelivered_event_is_answered_from_memory(said: Said) -> None:
    call, calls = a_call(), []

    def counted(event: ConversationTagged) -> ConversationQualified:
        calls.append(event)
        return qualify(event)

    for attempt in (1, 2):
        handle(a_service(counted), to_wire(call), attempt)
    answers = [each for each in said if isinstance(each.data, ConversationQualified)]
    assert len(calls) == 1
    assert answers[0] == answers[1]


def test_a_memory_whose_blobs_are_damaged_is_no_memory(said: Said, tmp_path: Path) -> None:
    call = a_call()
    handle(a_service(qualify), to_wire(call), attempt=1)
    for path in (tmp_path / "blobs" / "safe").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    handle(a_service(qualify), to_wire(call), attempt=2)
    assert service.blob_store().read(said[-1].data.tags, call.tenant, call.subject).startswith(b'{"tags"')


def test_a_service_without_an_answer_says_that_it_has_handled_the_event(said: Said) -> None:
    handle(a_service(lambda event: None), to_wire(a_call()), attempt=3)
    assert said[-1].data == DeliveryHandled(attempt=3)


def test_an_expected_failure_is_said_with_its_code(said: Said) -> None:
    def fail(event: ConversationTagged) -> ConversationQualified:
        raise ExpectedFailure(FailureCode.AUDIO_EMPTY, "The file is empty.")

    handle(a_service(fail), to_wire(a_call()), attempt=1)
    assert said[-1].data == ServiceFailed(attempt=1, code="audio_empty", permanent=True)


def test_a_crash_is_said_with_its_class_and_place_but_never_its_text(said: Said, caplog: Any) -> None:
    def crash(event: ConversationTagged) -> ConversationQualified:
        raise ValueError("card 4111 1111 1111 1111")

    handle(a_service(crash), to_wire(a_call()), attempt=1)
    failure = said[-1].data
    assert isinstance(failure, ServiceFailed)
    assert (failure.code, failure.permanent, failure.exception) == ("crashed", False, "ValueError")
    assert failure.locations[-1].startswith("test_service:")
    assert "4111" not in repr(said) + caplog.text


@pytest.mark.parametrize("error", [OperationalError, TimeoutError, ChannelError])
def test_an_answer_that_cannot_be_said_is_kept_and_is_no_failure_of_the_service(
    said: Said, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(records: Said) -> None:
        raise error

    call, say = a_call(), bus.say
    monkeypatch.setattr(bus, "say", refuse)
    handle(a_service(qualify), to_wire(call), attempt=1)
    monkeypatch.setattr(bus, "say", say)
    handle(a_service(lambda event: pytest.fail("it worked again")), to_wire(call), attempt=2)
    assert [type(each.data) for each in said] == [ConversationQualified]


def test_the_death_of_a_pool_child_is_said_by_its_parent(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(service.SERVICES, "qualification", a_service(qualify))
    task = type("Task", (), {"name": "qualification"})
    kwargs = {"record": to_wire(a_call()), "attempt": 4}
    say_worker_lost(sender=task, exception=WorkerLostError(), kwargs=kwargs)
    say_worker_lost(sender=task, exception=ValueError(), kwargs=kwargs)
    assert [each.data for each in said] == [ServiceFailed(attempt=4, code="worker_lost")]


def test_a_worker_registers_the_services_of_its_queues() -> None:
    from pipeline import tasks

    assert tasks
    gpu, cpu = registrations({"gpu"}), registrations({"cpu"})
    assert [each.source for each in gpu] == ["transcription"]
    assert {each.source for each in cpu} >= {"entity_tagging", "anonymization", "audio_redaction", "qualification"}
    assert isinstance(gpu[0].data, ServiceRegistered)
    assert gpu[0].data.subscribes == ("ConversationReceived",)
    assert gpu[0].data.says == ("ConversationTranscribed",)


def test_a_service_says_from_when_on_it_wants_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = structs.replace(a_service(qualify), since="2025-01-01T00:00:00Z")
    monkeypatch.setattr(service, "SERVICES", {asking.name: asking})
    (registration,) = registrations({"cpu"})
    assert isinstance(registration.data, ServiceRegistered)
    assert registration.data.since == "2025-01-01T00:00:00Z"


@pytest.mark.parametrize("since", ["2025-01-01T00:00:00", "last week"])
def test_a_past_that_is_no_moment_is_refused_before_it_is_said(since: str) -> None:
    with pytest.raises(ValueError, match=since):
        service.service("archive", queue="cpu", since=since)
