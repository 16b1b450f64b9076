"""Receiving, retrying, reprocessing and erasing calls."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from msgspec import structs

from conversations.ledger.models import Delivery, Event
from conversations.ledger.recording import record
from conversations.models import Batch, Conversation, Details, Organization
from conversations.services.choices import TODAY, Choices, checked
from conversations.services.dead_letters import replay
from conversations.services.hiding import hidden_before
from conversations.services.raw_data import refuse_purged
from conversations.services.spool import SpooledFile
from pipeline import documents
from pipeline.config import config
from pipeline.events import (
    Blob,
    ConversationErased,
    ConversationReceived,
    FailureCode,
    ReprocessingRequested,
    SpeakersSwapped,
)
from pipeline.failpoints import failpoint
from pipeline.records import Record, uuid7
from pipeline.sealing import open_sealed, seal
from pipeline.storage import CHUNK, BlobCorrupt, StorageError, blob_store, media_type_of

MONOLITH = "monolith"
ASKS_FOR_OTHER_SETTINGS = (
    FailureCode.LANGUAGE_UNSUPPORTED,
    FailureCode.MODEL_UNSUPPORTED,
    FailureCode.MODEL_LACKS_LANGUAGE,
    FailureCode.AUDIO_TOO_LONG,
)
UNFINISHED = (Delivery.State.PENDING, Delivery.State.SENT, Delivery.State.RUNNING, Delivery.State.DEAD)


class UploadRefused(Exception):
    """Raised when a file is not taken in. ``code`` is for programs, the message for people; neither names it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CallDetails(msgspec.Struct, kw_only=True, frozen=True):
    """What a sender says about a call; none of it is needed. All but ``agent`` is sealed or technical."""

    external_id: str = ""
    file_name: str = ""
    language: str = ""
    started_at: datetime | None = None
    agent: str = ""
    channels: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}


class Received(NamedTuple):
    """A call that is safe with us; ``created`` is False when the same bytes were here before."""

    conversation: Conversation
    created: bool


def receive_call(
    organization: Organization,
    audio: IO[bytes],
    details: CallDetails,
    *,
    batch: Batch | None = None,
    lane: Conversation.Lane = Conversation.Lane.INTERACTIVE,
) -> Received:
    """Take in a call: when this returns, it and its bytes are synced to disk. Raises UploadRefused, StorageError.

    1. The same bytes twice in an organization are one conversation. A ``SpooledFile`` was hashed as it came in.
    2. The audio goes to the blob store, sealed. When that fails nothing of it stays, for the disk may be full; what is
       stored for a call that then is not recorded is swept later.
    3. The row, the sealed details and ConversationReceived are written in one transaction.
    """
    digest = audio.keyed_digest if isinstance(audio, SpooledFile) else keyed_digest(organization, chunks_of(audio))
    if existing := Conversation.objects.of(organization).filter(audio_digest=digest).first():
        return Received(existing, False)
    conversation = new_conversation(organization, details, digest)
    conversation.batch, conversation.lane = batch, lane
    try:
        event = store(conversation, audio, details)
    except StorageError:
        blob_store().discard(str(organization.id), str(conversation.id))
        raise
    try:
        with transaction.atomic():
            conversation.save(force_insert=True)
            Details.objects.create(conversation=conversation, sealed=sealed_details(conversation, details))
            record(initial(conversation, event, id=str(conversation.run)))
            failpoint("upload.before_commit")
    except IntegrityError:
        existing = Conversation.objects.of(organization).filter(audio_digest=digest).first()
        if existing is None:
            raise
        blob_store().discard(str(organization.id), str(conversation.id))
        return Received(existing, False)
    failpoint("upload.after_commit")
    return Received(conversation, True)


def new_conversation(organization: Organization, details: CallDetails, digest: str) -> Conversation:
    """An unsaved conversation."""
    return Conversation(
        id=uuid7(),
        organization=organization,
        run=uuid7(),
        audio_digest=digest,
        external_id_digest=external_id_digest(organization, details.external_id),
        agent=details.agent,
        requested_language=details.language,
        speakers=list(details.channels),
        started_at=details.started_at,
        received_at=Now(),
    )


def store(conversation: Conversation, audio: IO[bytes], details: CallDetails) -> ConversationReceived:
    """Put the audio in the blob store, and the settings of today beside it.

    Of the file's name only the kind of audio that it suggests is in the event: a headerless file has no other.
    """
    place = str(conversation.organization_id), str(conversation.id)
    raw = blob_store().put("raw", *place, chunks_of(audio), media_type_of(details.file_name))
    conversation.audio = msgspec.to_builtins(raw)
    return ConversationReceived(
        audio=raw, settings=freeze_settings(conversation), language=details.language, channels=details.channels
    )


def freeze_settings(conversation: Conversation, choices: Choices = TODAY) -> Blob:
    """Store the processing settings of a run that starts now, with what people hid in those of before."""
    today = conversation.organization.settings(config().max_call_seconds)
    vocabulary = tuple(dict.fromkeys([*choices.vocabulary, *today.vocabulary]))  # a model takes in the first ones
    hidden = hidden_before(conversation)
    settings = structs.replace(today, model=choices.model, vocabulary=vocabulary, hidden_before=hidden)
    place = str(conversation.organization_id), str(conversation.id)
    return blob_store().put("safe", *place, [documents.encode(settings)], "application/json")


def initial(conversation: Conversation, event: Any, id: str = "") -> Record:
    """The record of something that a person or a program did to a conversation."""
    return Record.initial(
        event, source=MONOLITH, subject=str(conversation.id), tenant=str(conversation.organization_id), id=id
    )


def chunks_of(audio: IO[bytes]) -> Iterator[bytes]:
    """The bytes of an upload from its start. Raises UploadRefused when there are too many."""
    audio.seek(0)
    most, size = config().max_upload_bytes, 0
    while chunk := audio.read(CHUNK):
        size += len(chunk)
        if size > most:
            raise too_large()
        yield chunk


def too_large() -> UploadRefused:
    """The refusal of a file that is larger than the limit."""
    text = _("The file is larger than %(most)d MB, the most that is taken in. Split it, or raise the limit.")
    return UploadRefused("file_too_large", text % {"most": config().max_upload_bytes // 1024**2})


def running_digest(organization: Organization) -> hmac.HMAC:
    """A digest to be fed with bytes: what ``keyed_digest`` gives of all of them."""
    return hmac.new(config().master_key.value + organization.id.bytes, digestmod=hashlib.sha256)


def keyed_digest(organization: Organization, chunks: Iterable[bytes]) -> str:
    """What tells the same bytes within an organization, and tells nothing to who has not the master key."""
    digest = running_digest(organization)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def external_id_digest(organization: Organization, external_id: str) -> str:
    """What an external id is looked up by; the id itself is sealed."""
    return keyed_digest(organization, [b"external_id", external_id.encode()]) if external_id else ""


def sealed_details(conversation: Conversation, details: CallDetails) -> bytes:
    """The caller metadata under the key of the call."""
    key = blob_store().keys.get_or_create(str(conversation.organization_id), str(conversation.id))
    return b"".join(seal([msgspec.json.encode(details)], key))


def details_of(conversation: Conversation) -> CallDetails:
    """The caller metadata; for eyes with the permission. Raises KeyMissing, BlobCorrupt."""
    key = blob_store().keys.get(str(conversation.organization_id), str(conversation.id))
    sealed = bytes(conversation.details.sealed)
    return msgspec.json.decode(b"".join(open_sealed([sealed], key, BlobCorrupt)), type=CallDetails)


def retry(organization: Organization, conversations: Sequence[UUID]) -> int:
    """Let the steps that failed for good run again, with fresh attempts; of how many calls.

    A call that failed for what it was to be processed with (``ASKS_FOR_OTHER_SETTINGS``) is reprocessed instead:
    the settings of its run are frozen.
    """
    with transaction.atomic():
        ours = Conversation.objects.of(organization).filter(id__in=conversations).order_by("id").select_for_update()
        other, same = [], []
        for each in ours:
            failed = each.status == Conversation.Status.FAILED
            (other if failed and each.failure_code in ASKS_FOR_OTHER_SETTINGS else same).append(each)
        for each in other:
            reprocess(each)
        dead = Delivery.objects.filter(subject__in=[each.id for each in same], state=Delivery.State.DEAD)
        calls = dead.values("subject").distinct().count()
        replay(dead)
        return len(other) + calls


def cancel_deliveries(conversation: Conversation) -> None:
    """What is still owed of a call is not done any more; ``done_at`` is when that was decided."""
    owed = Delivery.objects.filter(subject=conversation.id, state__in=UNFINISHED)
    owed.update(state=Delivery.State.CANCELLED, done_at=Now())


def erase(conversation: Conversation) -> None:
    """Erase a call for good: its key first, then every row and blob. The events keep that it was."""
    place = str(conversation.organization_id), str(conversation.id)
    with transaction.atomic():
        cancel_deliveries(conversation)
        record(initial(conversation, ConversationErased()))
        Batch.objects.filter(conversations=conversation).update(sealed_manifest=b"")  # it has this call's metadata
        conversation.delete()
        blob_store().keys.erase(*place)
        failpoint("erase.before_commit")
    failpoint("erase.after_commit")
    blob_store().erase(*place)


def reprocess(conversation: Conversation, choices: Choices = TODAY) -> None:
    """Let a call go through the whole cascade again, as a new run with the settings of today, but for ``choices``.

    What the last run gave stays until the new one replaces it, step by step; its documents stay for good, to be
    compared with (``conversations/runs.py``). What people hid stays hidden. Raises ReprocessingRefused, RawPurged.
    """
    choices = checked(choices, conversation)
    with transaction.atomic():
        now = Conversation.objects.select_for_update().get(id=conversation.id)  # its speakers may just be swapped
        refuse_purged(now)
        received = ConversationReceived(
            audio=msgspec.convert(conversation.audio, Blob),
            settings=freeze_settings(now, choices),
            language=now.requested_language if choices.language is None else choices.language,
            channels=tuple(now.speakers),
            voices=voices_told(now),
        )
        requested = initial(now, ReprocessingRequested())
        cancel_deliveries(now)
        Conversation.objects.filter(id=now.id).update(
            run=requested.id, status=Conversation.Status.RECEIVED, failure_service="", failure_code=""
        )
        record(requested, Record.caused(received, by=requested, source=MONOLITH))


def voices_told(conversation: Conversation) -> tuple[str, ...]:
    """Who the two voices on the one channel of a call are, if a person has said so."""
    told = Event.objects.filter(subject=conversation.id, type=SpeakersSwapped.__name__)
    return tuple(conversation.speakers) if conversation.channels == 1 and told.exists() else ()
