"""The language of Parley: everything that can happen, one class an event.

Services react to these and say these, and know nothing else of each other. On the wire an event is a CloudEvents
record (``records.py``); megabytes and words travel beside it as blobs, whose documents are in ``documents.py``.

Rules: an event is named ``SubjectPastParticiple``. Fields are only ever added, with defaults; a break is a new class
``…V2``. No spoken word and no personal data is ever in an event.
"""

from enum import StrEnum

import msgspec


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A claim check for bytes in the blob store.

    ``key`` is ``{raw|safe}/{tenant}/{conversation}/{sha256}``; ``sha256`` (hex) and ``size`` are of the stored bytes.
    """

    key: str
    sha256: str
    size: int
    media_type: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened."""


# ── The cascade: from a call to a searchable, anonymized, tagged transcript ──────────────────────────────────────


ROLES = ("agent", "customer", "supervisor", "interpreter", "ivr", "other")
"""Who may be said to speak on a channel (``ivr``: a recorded menu): never a person's name, for records have it."""


class ConversationReceived(Event):
    """A call has come in, and its audio is safe in the blob store.

    ``language`` is the code that the sender gave ("" = detect), ``channels`` the speaker of each audio channel
    (empty = agent and customer): agent, customer, supervisor, interpreter, ivr, other. ``voices`` is who is heard first
    and who second on a channel that carries two, where a person has said so in an earlier run.
    """

    audio: Blob
    settings: Blob
    language: str = ""
    channels: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()


class ConversationTranscribed(Event):
    """The call has been written down, in timed words (``Transcript``, raw)."""

    audio: Blob
    settings: Blob
    transcript: Blob
    language: str
    duration: float


class EntitiesTagged(Event):
    """The named things in the transcript have been found (``Entities``, raw)."""

    audio: Blob
    settings: Blob
    transcript: Blob
    entities: Blob
    language: str
    duration: float


class TranscriptAnonymized(Event):
    """Personal data has been taken out of the transcript.

    ``transcript`` is the safe ``Transcript`` with its redactions, ``entities`` the ``Entities`` that survive, with
    offsets in the anonymized text. ``audio`` is still the raw recording.
    """

    audio: Blob
    settings: Blob
    transcript: Blob
    entities: Blob
    language: str
    duration: float


class AudioRedacted(Event):
    """The hidden stretches have been taken out of the audio.

    ``master`` is lossless (FLAC), ``player`` an encode of it for listening, ``peaks`` its waveform (``Peaks``).
    ``receipt`` (``Receipt``) says what was cut and whether it holds; None in records of before there was one.
    """

    master: Blob
    player: Blob
    peaks: Blob
    receipt: Blob | None = None


class ConversationQualified(Event):
    """The content has been tagged by the organization's rules (``Tags``)."""

    tags: Blob


class ConversationCompleted(Event):
    """All that was to be done for a call is done: audio redacted and content qualified."""


class ConversationQuarantined(Event):
    """What is left of a call may give personal data away: none but a reviewer reads or hears it.

    ``reason`` is a ``QuarantineReason``.
    """

    reason: str


class ConversationFailed(Event):
    """A step that a call cannot do without has failed for good. ``code`` is a ``FailureCode``."""

    service: str
    code: str


# ── By hand ──────────────────────────────────────────────────────────────────────────────────────────────────────


class ConversationTagged(Event):
    """A person has tagged a call, or one utterance of it."""

    tag: str
    utterance: int | None = None


class ConversationUntagged(Event):
    """A person has taken a tag away."""

    tag: str
    utterance: int | None = None


class ReprocessingRequested(Event):
    """A person wants a call to go through the cascade again, with the settings of today."""


class SpeakersSwapped(Event):
    """A person has said who is agent and who is customer in a call.

    ``transcript`` is the safe ``Transcript`` of the run with its two speakers named so, ``channels`` the speaker of
    each audio channel from now on, or, where one channel carries two voices, of each voice by who is heard first.
    """

    settings: Blob
    transcript: Blob
    channels: tuple[str, ...]


class RedactionCorrected(Event):
    """A person has said that words of a call are personal data, or that hidden ones are none: it is made anew.

    The references are those of EntitiesTagged, or, once the raw data is purged, those of what is left;
    ``corrections`` (``Corrections``) are all that were made of them.
    """

    audio: Blob
    settings: Blob
    transcript: Blob
    entities: Blob
    corrections: Blob
    language: str
    duration: float


class ConversationReleased(Event):
    """A reviewer has found a quarantined call to be safe."""


class RawDataPurged(Event):
    """The recording of a call, its raw transcript and raw entities are deleted, as the retention setting asks."""


class ConversationErased(Event):
    """A call has been erased: its key, and with it every copy of its sealed blobs, is gone."""


# ── About a delivery: one event owed to one service ──────────────────────────────────────────────────────────────


class ProgressReported(Event):
    """A service is at work on an event: heartbeat and progress bar in one. ``done`` of ``total`` (0 = unknown)."""

    attempt: int
    done: float = 0.0
    total: float = 0.0


class ServiceFailed(Event):
    """A service could not handle an event.

    ``code`` is a ``FailureCode``, ``exception`` the class of the error and ``locations`` the code it went through
    (``module:line``); its message is never carried. ``permanent``: another attempt would end alike.
    """

    attempt: int
    code: str
    permanent: bool = False
    exception: str = ""
    locations: tuple[str, ...] = ()


class DeliveryHandled(Event):
    """A service has handled an event and has nothing to say."""

    attempt: int


class ServiceRegistered(Event):
    """A service is there: what it hears (``subscribes``), what it may say (``says``), where and how it works.

    ``lease`` is how many seconds it may be silent while at work, ``window`` how many deliveries it is given at once,
    ``since`` (RFC 3339, "" = now) from when on it wants the events of the past.
    """

    subscribes: tuple[str, ...]
    says: tuple[str, ...]
    queue: str
    lease: float = 30.0
    window: int = 4
    since: str = ""


class FailureCode(StrEnum):
    """Why a service failed, in one word. The monolith has a sentence for each."""

    AUDIO_EMPTY = "audio_empty"
    AUDIO_UNREADABLE = "audio_unreadable"
    AUDIO_UNSUPPORTED = "audio_unsupported"
    AUDIO_IS_PLAYLIST = "audio_is_playlist"
    AUDIO_TOO_LONG = "audio_too_long"
    AUDIO_TOO_MANY_CHANNELS = "audio_too_many_channels"
    AUDIO_RATE_TOO_HIGH = "audio_rate_too_high"
    AUDIO_TOO_LARGE = "audio_too_large"
    LANGUAGE_UNSUPPORTED = "language_unsupported"
    MODEL_UNSUPPORTED = "model_unsupported"
    MODEL_LACKS_LANGUAGE = "model_lacks_language"
    BLOB_MISSING = "blob_missing"
    BLOB_CORRUPT = "blob_corrupt"
    KEY_UNUSABLE = "key_unusable"
    LENGTHS_DIFFER = "lengths_differ"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    CRASHED = "crashed"
    WORKER_LOST = "worker_lost"
    LEASE_EXPIRED = "lease_expired"
    LOST_IN_TRANSIT = "lost_in_transit"


class QuarantineReason(StrEnum):
    """Why a call is kept from all but reviewers, in one word. The monolith has a sentence for each."""

    STILL_HEARD = "still_heard"
    UNPROVEN = "unproven"
    LANGUAGE_UNPROTECTED = "language_unprotected"


EVENTS: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}
ABOUT_A_DELIVERY: tuple[type[Event], ...] = (ProgressReported, ServiceFailed, DeliveryHandled)
