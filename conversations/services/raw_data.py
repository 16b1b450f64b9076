"""Opening raw data: the recording and the transcript of a call in which nothing is hidden.

Who asks needs the permission and a reason. That they ask, and each time that something is given to them, is a row of
the audit log before a byte of it is.
"""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from typing import NamedTuple

import msgspec
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext as _
from msgspec import structs

from conversations.ledger.models import Event
from conversations.models import Conversation, RawAccess, User
from pipeline import documents
from pipeline.config import config
from pipeline.events import Blob, ConversationTranscribed
from pipeline.sealing import KeyMissing, SealedFile, open_sealed, seal
from pipeline.storage import UNKNOWN_TYPE, BlobCorrupt, blob_store

LINK_MINUTES = 30
LONGEST_REASON = 1000  # characters
Act, What = RawAccess.Act, RawAccess.What

# By their first bytes, what browsers play.
PLAYABLE: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("audio/wav", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WAVE"),
    ("audio/flac", lambda head: head[:4] == b"fLaC"),
    ("audio/ogg", lambda head: head[:4] == b"OggS"),
    ("audio/mp4", lambda head: head[4:8] == b"ftyp"),
    ("audio/webm", lambda head: head[:4] == b"\x1a\x45\xdf\xa3"),
    ("audio/mpeg", lambda head: head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")),
)


class RawRefused(Exception):
    """Raised when raw data is not given; the message says why."""


class RawPurged(RawRefused):
    """Raised when the raw data of a call was deleted, as its organization wants it."""


class Door(NamedTuple):
    """Through what, and from which address, somebody comes."""

    via: str
    address: str | None


class Recording(NamedTuple):
    """A raw recording, to be read by ranges: ``size`` in bytes; ``tag`` changes when the bytes do."""

    file: SealedFile
    size: int
    tag: str
    media_type: str


def door_of(request: HttpRequest, via: str) -> Door:
    """Where a request comes from; behind a proxy (``PARLEY_HTTPS``) by what that adds, which is the last address."""
    behind = request.headers.get("X-Forwarded-For", "") if config().https else ""
    address = behind.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")
    try:
        return Door(via, str(ip_address(address)))
    except ValueError:  # a unix socket has none
        return Door(via, None)


def ask(user: User, conversation: Conversation, what: str, reason: str, door: Door) -> RawAccess:
    """Write down that somebody asks for raw data, and why. Raises PermissionDenied, RawRefused, KeyMissing."""
    refuse_without_permission(user)
    blob_of(conversation, what)
    reason = reason.strip()
    if not reason:
        raise RawRefused(_("Give a reason: it is kept in the audit log."))
    sealed = b"".join(seal([reason.encode()], blob_store().keys.get(*conversation.place)))
    return write_down(user, conversation, Act.ASKED, what, door, sealed_reason=sealed)


def asked_by(user: User, conversation: Conversation, id: object) -> RawAccess:
    """What this person asked for not long ago. Raises PermissionDenied, RawRefused."""
    refuse_without_permission(user)
    mine = RawAccess.objects.filter(id=id, user=user, conversation=conversation.id, act=Act.ASKED)
    asked = mine.filter(at__gt=Now() - timedelta(minutes=LINK_MINUTES)).first()
    if asked is None:
        raise RawRefused(_("This link has expired, or is another person's. Give your reason again."))
    return asked


def give_transcript(asked: RawAccess, conversation: Conversation, door: Door) -> documents.Transcript:
    """The raw transcript, with who speaks as the call now has it. Raises RawRefused, StorageError, KeyMissing."""
    blob = blob_of(conversation, What.TRANSCRIPT)
    write_down(asked.user, conversation, Act.GIVEN, What.TRANSCRIPT, door, asked=asked)
    transcript = documents.decode(blob_store().read(blob, *conversation.place), documents.Transcript)
    speakers = dict(conversation.utterances.values_list("index", "speaker"))
    said = (structs.replace(each, speaker=speakers.get(each.index, each.speaker)) for each in transcript.utterances)
    return structs.replace(transcript, utterances=tuple(said))


def give_audio(asked: RawAccess, conversation: Conversation, door: Door) -> Recording:
    """The raw recording. Raises RawRefused, StorageError, KeyMissing."""
    blob = blob_of(conversation, What.AUDIO)
    write_down(asked.user, conversation, Act.GIVEN, What.AUDIO, door, asked=asked)
    file = blob_store().open_raw(blob, *conversation.place)
    head = file.read(16)
    file.seek(0)
    known = (kind for kind, fits in PLAYABLE if blob.media_type == UNKNOWN_TYPE and fits(head))
    return Recording(file, file.size, blob.sha256, next(known, blob.media_type))


def write_down(
    user: User, conversation: Conversation, act: str, what: str, door: Door, *,
    asked: RawAccess | None = None, sealed_reason: bytes = b"",
) -> RawAccess:  # fmt: skip
    """A row of the audit log."""
    return RawAccess.objects.create(
        organization_id=conversation.organization_id, user=user, conversation=conversation.id, act=act, what=what,
        via=door.via, address=door.address, asked=asked, sealed_reason=sealed_reason,
    )  # fmt: skip


def refuse_without_permission(user: User) -> None:
    """Raises PermissionDenied for who does not hold the permission, whatever their role."""
    if not user.may_open_raw:
        raise PermissionDenied(_("Raw data is opened with a permission of its own only. Ask your admin."))


def blob_of(conversation: Conversation, what: str) -> Blob:
    """The raw recording, or the raw transcript of the latest run that has one. Raises RawRefused."""
    refuse_purged(conversation)
    if what == What.AUDIO:
        return msgspec.convert(conversation.audio, Blob)
    said = Event.objects.filter(subject=conversation.id, type=ConversationTranscribed.__name__)
    latest = said.filter(correlationid=conversation.run).first() or said.order_by("-recorded_at").first()
    if latest is None:
        raise RawRefused(_("There is no transcript yet."))
    return msgspec.convert(latest.data["transcript"], Blob)


def refuse_purged(conversation: Conversation) -> None:
    """Raises RawPurged for a call that has no raw data any more: it cannot be opened, nor processed again."""
    if conversation.raw_purged_at:
        text = _(
            "The recording and raw transcript of this call were deleted, as your organization's settings say. They can "
            "no longer be opened, and the call cannot be processed again."
        )
        raise RawPurged(text)


def reason_of(access: RawAccess) -> str | None:
    """Why raw data was asked for; None once the key of the call is gone."""
    try:
        key = blob_store().keys.get(str(access.organization_id), str(access.conversation))
    except KeyMissing:
        return None
    return b"".join(open_sealed([bytes(access.sealed_reason)], key, BlobCorrupt)).decode()
