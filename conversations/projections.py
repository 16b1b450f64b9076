"""What the monolith makes of events: a receiver a signal, inside the transaction that records the event.

Each changes only what its own event says; a late word of an earlier run changes nothing.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models.functions import Coalesce, Now

from conversations import joins, transcripts
from conversations.models import Conversation, Entity, Redaction, Tag, Utterance
from conversations.services.dead_letters import revive
from conversations.services.superseded import discard_superseded
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
    conversation = current(record)
    if not conversation or joins.is_superseded(record):
        return
    transcript = load(record, record.data.transcript, documents.Transcript)
    entities = load(record, record.data.entities, documents.Entities)
    update(
        record, transcript=msgspec.to_builtins(record.data.transcript), flags=transcripts.flags_of(transcript),
        flags_within=transcripts.flags_within(transcript), language_probability=transcript.language_probability,
        withheld=msgspec.to_builtins(transcript.withheld), channels=transcript.channels,
        engine=f"{transcript.engine} {transcript.model}".strip(), hiding=None,
        anonymized_at=Coalesce("anonymized_at", Now()),
    )  # fmt: skip
    if not documents.is_protected(transcript):
        update(record, quarantine=events.QuarantineReason.LANGUAGE_UNPROTECTED)
    if joins.correction_of(record.correlationid):  # the words of their evidence may be hidden now
        conversation.tags.filter(kind=Tag.Kind.RULE).update(evidence=[])
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
    """The redacted audio can be played; by reviewers alone, where its receipt says that it may not be safe."""
    if not current(record) or joins.is_superseded(record):
        return
    names = ("master", "player", "peaks", "receipt")
    blobs = {name: msgspec.to_builtins(getattr(record.data, name)) for name in names}
    update(record, quarantine=joins.verdict_of(record.data, record.tenant, record.subject), **blobs)


def show_tags(record: Record, **_: Any) -> None:
    """The tags given by rules replace those of an earlier run; those given by hand stay.

    Tags of a transcript whose speakers have been swapped since are left out: those of the swapped one come, or came.
    """
    conversation = current(record)
    if not conversation or joins.is_outdated(record, conversation):
        return
    conversation.tags.filter(kind=Tag.Kind.RULE).delete()
    Tag.objects.bulk_create(tag_row(conversation, each) for each in load(record, record.data.tags, documents.Tags).tags)


def join(record: Record, **_: Any) -> None:
    """Say that the call is done, or kept, once both its audio and its tags are there.

    What a correction replaced is deleted then; should that fail, ``sweep_blobs`` does it.
    """
    if joins.join(record) and joins.correction_of(record.correlationid):
        transaction.on_commit(partial(discard_superseded, record.tenant, record.subject), robust=True)


def show_completed(record: Record, **_: Any) -> None:
    """All is done."""
    update(record, status=Status.COMPLETED, completed_at=Now(), failure_service="", failure_code="")


def show_quarantined(record: Record, **_: Any) -> None:
    """All is done, but the call is kept for a reviewer."""
    status, reason = Status.QUARANTINED, record.data.reason
    update(record, status=status, quarantine=reason, failure_service="", failure_code="")


def show_released(record: Record, **_: Any) -> None:
    """A reviewer has found the call to be safe, so it is done."""
    update(record, quarantine="")
    joins.say_completed(record)


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
    (events.AudioRedacted, join),
    (events.ConversationQualified, show_revival),
    (events.ConversationQualified, show_tags),
    (events.ConversationQualified, join),
    (events.ConversationCompleted, show_completed),
    (events.ConversationQuarantined, show_quarantined),
    (events.ConversationReleased, show_released),
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
    return Redaction(conversation=conversation, **transcripts.with_times(redaction, utterance))


def entity_row(conversation: Conversation, utterance: documents.Utterance, entity: documents.Entity) -> Entity:
    """The row of an entity, with the anonymized words it stands on."""
    text = utterance.text[entity.start_char : entity.end_char]
    return Entity(conversation=conversation, text=text, **msgspec.to_builtins(entity))


def tag_row(conversation: Conversation, tag: documents.Tag) -> Tag:
    """The row of a tag given by a rule."""
    fields = msgspec.to_builtins(tag)
    return Tag(organization_id=conversation.organization_id, conversation=conversation, kind=Tag.Kind.RULE, **fields)
