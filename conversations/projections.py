"""What the monolith makes of events: a receiver a signal, inside the transaction that records the event.

Each changes only what its own event says; a late word of an earlier run changes nothing.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import msgspec
from django.db.models.functions import Now

from conversations import transcripts
from conversations.ledger.models import Event
from conversations.ledger.recording import record as record_event
from conversations.models import Conversation, Entity, Redaction, Tag, Utterance
from conversations.services.dead_letters import revive
from conversations.signals import RECORDED, work_started
from pipeline import documents, events
from pipeline.records import Record
from pipeline.storage import blob_store

Status = Conversation.Status


def connect() -> None:
    """Connect every projection to the signal of its event. Called once, when Django starts."""
    for event, projection in PROJECTIONS:
        RECORDED[event].connect(projection, dispatch_uid=f"{projection.__name__} {event.__name__}")
    work_started.connect(show_work_started, dispatch_uid="work started")


def show_work_started(subjects: list[UUID], **_: Any) -> None:
    """A received call is now being processed."""
    Conversation.objects.filter(id__in=subjects, status=Status.RECEIVED).update(status=Status.PROCESSING)


def show_language(record: Record, **_: Any) -> None:
    """The call has a language and a length."""
    update(record, language=record.data.language, duration=record.data.duration)


def show_revival(record: Record, **_: Any) -> None:
    """A service that had failed for good has succeeded after all."""
    failed = Conversation.objects.filter(id=record.subject, run=record.correlationid, failure_service=record.source)
    revive(failed)


def show_transcript(record: Record, **_: Any) -> None:
    """The anonymized transcript, its redactions and surviving entities replace those of an earlier run."""
    if not (conversation := current(record)):
        return
    transcript = load(record, record.data.transcript, documents.Transcript)
    entities = load(record, record.data.entities, documents.Entities)
    update(
        record, transcript=msgspec.to_builtins(record.data.transcript), flags=transcripts.flags_of(transcript),
        withheld=msgspec.to_builtins(transcript.withheld), channels=transcript.channels,
        engine=f"{transcript.engine} {transcript.model}".strip(),
    )  # fmt: skip
    for rows in (conversation.utterances, conversation.redactions, conversation.entities):
        rows.all().delete()
    Utterance.objects.bulk_create(utterance_row(conversation, transcript, each) for each in transcript.utterances)
    texts = {each.index: each for each in transcript.utterances}
    Redaction.objects.bulk_create(
        redaction_row(conversation, texts[each.utterance], each) for each in transcript.redactions
    )
    Entity.objects.bulk_create(entity_row(conversation, texts[each.utterance], each) for each in entities.entities)


def show_swap(record: Record, **_: Any) -> None:
    """The utterances are each the other speaker's, as in the transcript that the event carries."""
    if not (conversation := current(record)):
        return
    transcript = load(record, record.data.transcript, documents.Transcript)
    update(record, transcript=msgspec.to_builtins(record.data.transcript), speakers=list(record.data.channels))
    speakers = {each.index: each.speaker for each in transcript.utterances}
    rows = list(conversation.utterances.only("id", "index", "speaker"))
    for row in rows:
        row.speaker = speakers[row.index]
    Utterance.objects.bulk_update(rows, ["speaker"], batch_size=500)


def show_audio(record: Record, **_: Any) -> None:
    """The redacted audio can be played."""
    blobs = {name: msgspec.to_builtins(getattr(record.data, name)) for name in ("master", "player", "peaks")}
    update(record, **blobs)


def show_tags(record: Record, **_: Any) -> None:
    """The tags given by rules replace those of an earlier run; those given by hand stay.

    Tags of a transcript whose speakers have been swapped since are left out: those of the swapped one come, or came.
    """
    conversation = current(record)
    if not conversation or is_outdated(record, conversation):
        return
    conversation.tags.filter(kind=Tag.Kind.RULE).delete()
    Tag.objects.bulk_create(tag_row(conversation, each) for each in load(record, record.data.tags, documents.Tags).tags)


def is_outdated(record: Record, conversation: Conversation) -> bool:
    """Whether an answer is about another transcript than the call has now. A blob is named by its content."""
    kinds = (events.TranscriptAnonymized.__name__, events.SpeakersSwapped.__name__)
    cause = Event.objects.filter(id=record.causationid, type__in=kinds).first()
    return cause is not None and cause.data["transcript"]["key"] != (conversation.transcript or {}).get("key")


def join_completed(record: Record, **_: Any) -> None:
    """Say ConversationCompleted once the audio is redacted and the content qualified.

    The conversation row is locked (``recording.lock_conversations``), so of two answers one comes second and sees
    both; the id comes from the run, so that the event is said once whoever says it. A call that had been completed,
    and failed at what came later (new tags, once its speakers were swapped), is completed again.
    """
    needed = {events.AudioRedacted.__name__, events.ConversationQualified.__name__}
    said = Event.objects.filter(correlationid=record.correlationid, type__in=needed)
    if needed <= set(said.values_list("type", flat=True)):
        completed = events.ConversationCompleted()
        id = str(uuid5(UUID(record.correlationid), "monolith" + type(completed).__name__))
        if Event.objects.filter(id=id).exists():
            show_completed_again(record)
        else:
            record_event(Record.caused(completed, by=record, source="monolith", id=id))


def show_completed(record: Record, **_: Any) -> None:
    """All is done."""
    update(record, status=Status.COMPLETED, completed_at=Now(), failure_service="", failure_code="")


def show_completed_again(record: Record) -> None:
    """A completed call that was being processed again in the same run is done, since when it was."""
    revived = Conversation.objects.filter(id=record.subject, run=record.correlationid, status=Status.PROCESSING)
    revived.update(status=Status.COMPLETED, failure_service="", failure_code="")


def show_failed(record: Record, **_: Any) -> None:
    """A step has failed for good; what earlier steps gave stays."""
    update(record, status=Status.FAILED, failure_service=record.data.service, failure_code=record.data.code)


def show_purged(record: Record, **_: Any) -> None:
    """The raw data is gone, since now."""
    Conversation.objects.filter(id=record.subject).update(raw_purged_at=Now())


PROJECTIONS: tuple[tuple[type[events.Event], Callable[..., None]], ...] = (
    (events.ConversationTranscribed, show_revival),
    (events.ConversationTranscribed, show_language),
    (events.EntitiesTagged, show_revival),
    (events.TranscriptAnonymized, show_revival),
    (events.TranscriptAnonymized, show_transcript),
    (events.AudioRedacted, show_revival),
    (events.AudioRedacted, show_audio),
    (events.AudioRedacted, join_completed),
    (events.ConversationQualified, show_revival),
    (events.ConversationQualified, show_tags),
    (events.ConversationQualified, join_completed),
    (events.ConversationCompleted, show_completed),
    (events.ConversationFailed, show_failed),
    (events.SpeakersSwapped, show_swap),
    (events.RawDataPurged, show_purged),
)


def current(record: Record) -> Conversation | None:
    """The conversation of a record, if the record belongs to its current run."""
    return Conversation.objects.filter(id=record.subject, run=record.correlationid).first()


def update(record: Record, **fields: Any) -> None:
    """Change the conversation of a record, if the record belongs to its current run."""
    Conversation.objects.filter(id=record.subject, run=record.correlationid).update(**fields)


def load(record: Record, blob: events.Blob, kind: type[documents.D]) -> documents.D:
    """A document that an event points to. Raises StorageError."""
    return documents.decode(blob_store().read(blob, record.tenant, record.subject), kind)


def utterance_row(
    conversation: Conversation, transcript: documents.Transcript, utterance: documents.Utterance
) -> Utterance:
    """The row of an utterance."""
    fields = msgspec.to_builtins(utterance)
    return Utterance(
        organization_id=conversation.organization_id, conversation=conversation, language=transcript.language, **fields
    )


def redaction_row(
    conversation: Conversation, utterance: documents.Utterance, redaction: documents.Redaction
) -> Redaction:
    """The row of a redaction."""
    fields = transcripts.with_times(redaction, utterance)
    del fields["words"]  # a count that nothing needs yet
    return Redaction(conversation=conversation, **fields)


def entity_row(conversation: Conversation, utterance: documents.Utterance, entity: documents.Entity) -> Entity:
    """The row of an entity, with the anonymized words it stands on."""
    text = utterance.text[entity.start_char : entity.end_char]
    return Entity(conversation=conversation, text=text, **msgspec.to_builtins(entity))


def tag_row(conversation: Conversation, tag: documents.Tag) -> Tag:
    """The row of a tag given by a rule."""
    fields = msgspec.to_builtins(tag)
    return Tag(organization_id=conversation.organization_id, conversation=conversation, kind=Tag.Kind.RULE, **fields)
