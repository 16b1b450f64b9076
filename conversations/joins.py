"""What the monolith says itself of a run: that all of it is done, or that its call is kept for a reviewer.

A run may be gone through in part again: a person corrects what is hidden, and the transcript is anonymized anew. Then
only the answers to the newest transcript count; what comes late about one of before changes nothing.
"""

from uuid import UUID, uuid5

import msgspec

from conversations.ledger.models import Event
from conversations.ledger.recording import record as record_event
from conversations.models import Conversation
from pipeline import documents, events
from pipeline.records import Record
from pipeline.storage import blob_store

Status = Conversation.Status
ANONYMIZED, AUDIO, QUALIFIED, SWAPPED, CORRECTED, RELEASED = (
    each.__name__
    for each in (
        events.TranscriptAnonymized, events.AudioRedacted, events.ConversationQualified, events.SpeakersSwapped,
        events.RedactionCorrected, events.ConversationReleased,
    )
)  # fmt: skip


def correction_of(run: str | UUID) -> Event | None:
    """The latest correction of what is hidden in a run."""
    return Event.objects.filter(correlationid=run, type=CORRECTED).order_by("recorded_at", "id").last()


def anonymized_in(run: str | UUID) -> Event | None:
    """The TranscriptAnonymized of a run that counts: that of the latest correction, if there is one."""
    said = Event.objects.filter(correlationid=run, type=ANONYMIZED)
    if corrected := correction_of(run):
        said = said.filter(causationid=corrected.id)
    return said.order_by("recorded_at", "id").last()


def is_superseded(record: Record) -> bool:
    """Whether a TranscriptAnonymized is of before the latest correction, or an AudioRedacted of such a transcript."""
    if record.type == ANONYMIZED:
        corrected = correction_of(record.correlationid)
        return corrected is not None and str(corrected.id) != record.causationid
    anonymized = anonymized_in(record.correlationid)
    return anonymized is None or str(anonymized.id) != record.causationid


def is_outdated(record: Record, conversation: Conversation) -> bool:
    """Whether tags are of another transcript than the call has now. A blob is named by its content."""
    cause = Event.objects.filter(id=record.causationid, type__in=(ANONYMIZED, SWAPPED)).first()
    return cause is not None and cause.data["transcript"]["key"] != (conversation.transcript or {}).get("key")


def join(record: Record) -> bool:
    """Say ConversationCompleted, or ConversationQuarantined, once the audio is redacted and the content qualified.

    Whether they were is told. The conversation row is locked (``recording.lock_conversations``), so of two answers one
    comes second and sees both. The id of what is said comes from the run, or from the audio that is not safe, so that
    it is said once whoever says it. A call of which it was said before, and that went through some steps again (new
    tags, once its speakers were swapped; a correction of what is hidden), is completed, or kept, again.
    """
    anonymized = anonymized_in(record.correlationid)
    if anonymized is None:
        return False
    said = Event.objects.filter(correlationid=record.correlationid)
    swapped = said.filter(type=SWAPPED, recorded_at__gte=anonymized.recorded_at).values_list("id", flat=True)
    audio = said.filter(type=AUDIO, causationid=anonymized.id).first()
    if audio is None or not said.filter(type=QUALIFIED, causationid__in=[anonymized.id, *swapped]).exists():
        return False
    if reason := reason_to_keep(audio):
        say_quarantined(record, audio, reason)
    else:
        say_completed(record)
    return True


def say_completed(record: Record) -> None:
    """Say that all is done; once a run."""
    completed = events.ConversationCompleted()
    id = str(uuid5(UUID(record.correlationid), "monolith" + type(completed).__name__))
    if Event.objects.filter(id=id).exists():
        show_again(record, Status.COMPLETED)
    else:
        record_event(Record.caused(completed, by=record, source="monolith", id=id))


def say_quarantined(record: Record, audio: Event, reason: str) -> None:
    """Say that the call is kept; once for a redaction of its audio."""
    quarantined = events.ConversationQuarantined(reason=reason)
    id = str(uuid5(audio.id, "monolith" + type(quarantined).__name__))
    if Event.objects.filter(id=id).exists():
        show_again(record, Status.QUARANTINED)
    else:
        record_event(Record.caused(quarantined, by=record, source="monolith", id=id))


def show_again(record: Record, status: str) -> None:
    """A call that was being processed again in the same run, or was kept, is what it was before, since when it was."""
    unsettled = (Status.PROCESSING, Status.QUARANTINED)
    again = Conversation.objects.filter(id=record.subject, run=record.correlationid, status__in=unsettled)
    again.update(status=status, failure_service="", failure_code="")


def reason_to_keep(audio: Event) -> str:
    """Why a call is to be kept, by the receipt of its audio; "" when that holds, or a reviewer found that it does."""
    place = str(audio.tenant), str(audio.subject)
    reason = verdict_of(msgspec.convert(audio.data, events.AudioRedacted), *place)
    released = Event.objects.filter(
        correlationid=audio.correlationid, type=RELEASED, recorded_at__gte=audio.recorded_at
    )
    return "" if reason and released.exists() else reason


def verdict_of(redacted: events.AudioRedacted, tenant: str, conversation: str) -> str:
    """The reason of a quarantine that a receipt gives; "" when it gives none, or there is no receipt (old records).

    Raises StorageError.
    """
    if redacted.receipt is None:
        return ""
    receipt = documents.decode(blob_store().read(redacted.receipt, tenant, conversation), documents.Receipt)
    return "" if receipt.verdict == documents.Verdict.PASSED else receipt.reason or events.QuarantineReason.UNPROVEN
