"""The runs of a call: each pass of the cascade over it, with what it was done with and what it heard.

They are told from the events, which stay, and so do the documents that these point to. No table of their own is
needed: a call that is processed again keeps what it was before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Max

from conversations import transcripts
from conversations.ledger.models import Event
from conversations.models import Conversation, RedactionCorrection, User
from pipeline import documents, events
from pipeline.storage import BlobCorrupt, BlobMissing, BlobRefused, blob_store

RECEIVED = events.ConversationReceived.__name__
TRANSCRIBED = (events.TranscriptAnonymized.__name__, events.SpeakersSwapped.__name__)
"""The events that give a run its transcript; of several the latest counts."""


class RunStatus(StrEnum):
    """How far a run came."""

    RECEIVED = "received"
    PROCESSING = "processing"
    COMPLETED = "completed"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    REPLACED = "replaced"  # by the next, before it ended


ENDS = {
    events.ConversationCompleted.__name__: RunStatus.COMPLETED,
    events.ConversationQuarantined.__name__: RunStatus.QUARANTINED,
    events.ConversationReleased.__name__: RunStatus.COMPLETED,
    events.ConversationFailed.__name__: RunStatus.FAILED,
}
"""How the events leave a run that end it; a later failure takes nothing from what is done."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One pass of the cascade, numbered from 1. ``current`` is the latest: the call is what that one makes of it.

    ``requested_language`` "" is to be detected. Documents are read when they are asked for.
    """

    id: UUID
    number: int
    current: bool
    begun_at: datetime
    status: RunStatus
    requested_language: str
    conversation: Conversation
    settings_blob: Any
    transcript_blob: Any

    @cached_property
    def settings(self) -> documents.Settings:
        """What it was done with; that of a settings blob which is gone is not known, and so the default."""
        return read(self.conversation, self.settings_blob, documents.Settings) or documents.Settings()

    @cached_property
    def transcript(self) -> documents.Transcript | None:
        """What it heard, anonymized; None when it never came that far, or its blob is gone."""
        return read(self.conversation, self.transcript_blob, documents.Transcript)

    @property
    def requested_model(self) -> str:
        """The model that was asked for; "" is the worker's own."""
        return self.settings.model

    @property
    def vocabulary(self) -> Sequence[str]:
        """The words that it was told to know."""
        return self.settings.vocabulary

    @property
    def language(self) -> str:
        """The language that it heard; "" when it has no transcript."""
        return self.transcript.language if self.transcript else ""

    @property
    def language_probability(self) -> float | None:
        """How sure that is; 1.0 of one that was asked for."""
        return self.transcript.language_probability if self.transcript else None

    @property
    def engine(self) -> str:
        """What wrote it down."""
        return self.transcript.engine if self.transcript else ""

    @property
    def model(self) -> str:
        """With which model."""
        return self.transcript.model if self.transcript else ""

    @property
    def flags(self) -> list[str]:
        """What a person should know of it."""
        return transcripts.flags_of(self.transcript) if self.transcript else []

    @property
    def words(self) -> int | None:
        """How many words it heard."""
        if self.transcript is None:
            return None
        return sum(len(each.words) or len(each.text.split()) for each in self.transcript.utterances)

    @property
    def withheld(self) -> int | None:
        """How many words the model wrote although nobody spoke."""
        return sum(each.words for each in self.transcript.withheld) if self.transcript else None


def runs_of(conversation: Conversation) -> list[Run]:
    """The runs of a call, the first one first, in one query."""
    told: dict[UUID, list[Event]] = {}
    types = (RECEIVED, *ENDS, *TRANSCRIBED)
    for event in Event.objects.filter(subject=conversation.id, type__in=types).order_by("time", "recorded_at"):
        told.setdefault(event.correlationid, []).append(event)
    begun = [each for each in told.values() if any(event.type == RECEIVED for event in each)]
    return [run_of(conversation, number, events) for number, events in enumerate(begun, start=1)]


def open_runs_of(conversation: Conversation, user: User) -> list[Run]:
    """The runs of which a person may read what was heard: all, to a reviewer.

    To others, once people hid words, an earlier run that was begun before that is closed: the words are in it.
    """
    runs = runs_of(conversation)
    if user.may_review:
        return runs
    hidden = RedactionCorrection.objects.filter(review__conversation=conversation, kind=RedactionCorrection.Kind.HIDE)
    last = hidden.aggregate(last=Max("made_at"))["last"]
    return [each for each in runs if each.current or last is None or last < each.begun_at]


def run_of(conversation: Conversation, number: int, told: Sequence[Event]) -> Run:
    """The run that events tell of, in order of time."""
    received = next(each for each in told if each.type == RECEIVED)
    transcribed = [each for each in told if each.type in TRANSCRIBED]
    current = received.correlationid == conversation.run
    last = transcribed[-1].data["transcript"] if transcribed else None
    return Run(
        id=received.correlationid,
        number=number,
        current=current,
        begun_at=received.recorded_at,
        status=status_of(conversation, received.correlationid, told),
        requested_language=received.data.get("language", ""),
        conversation=conversation,
        settings_blob=received.data["settings"],
        transcript_blob=conversation.transcript if current and last else last,
    )


def status_of(conversation: Conversation, run: UUID, told: Sequence[Event]) -> RunStatus:
    """How far a run came: the current one as far as its call, an earlier one as its events say."""
    if run == conversation.run:
        return RunStatus(conversation.status)
    ends = [ENDS[each.type] for each in told if each.type in ENDS]
    settled = [each for each in ends if each != RunStatus.FAILED]
    return settled[-1] if settled else RunStatus.FAILED if ends else RunStatus.REPLACED


def read(conversation: Conversation, blob: Any, kind: type[documents.D]) -> documents.D | None:
    """A document of a call; None when it is gone or damaged. Raises StorageError for a store that is away."""
    if blob is None:
        return None
    place = str(conversation.organization_id), str(conversation.id)
    try:
        return documents.decode(blob_store().read(msgspec.convert(blob, events.Blob), *place), kind)
    except (BlobMissing, BlobCorrupt, BlobRefused):
        return None
