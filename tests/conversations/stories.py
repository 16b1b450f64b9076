"""A call that the ledger takes through the cascade step by step, with what its services say told by the test."""

from typing import Any

from msgspec import structs

from conversations.ledger import consumer, relay
from conversations.ledger.models import Delivery
from conversations.ledger.recording import record
from conversations.models import Conversation, Organization
from pipeline import bus, documents, events
from pipeline.records import Record, to_wire, uuid7
from pipeline.storage import blob_store
from tests.factories import make_conversation

RAW = events.Blob(key="raw/t/c/s", sha256="s", size=1, media_type="audio/wav")
SPOKEN = "I would like a refund."
SAID = documents.Utterance(
    index=0, speaker="customer", channel=0, start=0.0, end=2.5, text=SPOKEN,
    words=tuple(
        documents.Word(text=text, start=place / 2, end=(place + 1) / 2) for place, text in enumerate(SPOKEN.split())
    ),
)  # fmt: skip

TRANSCRIPT = documents.Transcript(language="en", duration=2.5, utterances=(SAID,))


CUT = documents.Cut(
    channel=0, start=0.4, end=1.1, cause=documents.Cause.WORDS, label="NAME", placeholder="[NAME_1]", said_from=0.5,
    said_to=1.0,
)  # fmt: skip
PASSED = documents.Receipt(
    cuts=(CUT,), pad=0.15, mode="silence", raw_sha256="a" * 64, master_sha256="b" * 64, player_sha256="c" * 64,
    detector="rules", model="base", proof_model="tiny", heard=2.5, verdict="passed",
    proof_sha256="d" * 64, detector_sha256="e" * 64, settings_sha256="f" * 64,
)  # fmt: skip
QUARANTINED = structs.replace(
    PASSED, verdict="quarantined", reason=events.QuarantineReason.STILL_HEARD,
    left=(documents.Doubt(label="NAME", channel=0, start=1.5, end=2.0),),
)  # fmt: skip


class Story:
    """A call that has just come in. It needs a relay whose publishing is patched (the fixture ``relayed``)."""

    def __init__(self, organization: Organization) -> None:
        status = Conversation.Status.RECEIVED
        self.call = make_conversation(organization, (), status=status, transcript=None, duration=None)
        received = events.ConversationReceived(audio=RAW, settings=RAW)
        self.said: dict[str, Record] = {}
        record(self.initial(received, str(self.call.run)))

    def initial(self, event: Any, id: str = "") -> Record:
        """Something that a person did to the call."""
        said = Record.initial(
            event, source="monolith", subject=str(self.call.id), tenant=str(self.call.organization_id),
            id=id or str(uuid7()),
        )  # fmt: skip
        self.said[type(event).__name__] = said
        return said

    def send(self) -> None:
        """Let the relay send what is pending, however long its back-off."""
        Delivery.objects.filter(state=Delivery.State.PENDING).update(due_at="2020-01-01T00:00:00Z")
        relay.Relay().relay_once()

    def hear(self, service: str, cause: type[events.Event], event: events.Event) -> None:
        """A service says something about an event, or in answer to it."""
        said = Record.caused(event, by=self.said[cause.__name__], source=service)
        self.said[type(event).__name__] = said
        consumer.receive_together([bus.json.dumps([to_wire(said)])])

    def fail(self, service: str, cause: type[events.Event], attempt: int, code: str = "crashed", **more: Any) -> None:
        """Send the event, and let the service fail at it."""
        self.send()
        self.hear(service, cause, events.ServiceFailed(attempt=attempt, code=code, **more))

    def until_anonymized(self, transcript: documents.Transcript = TRANSCRIPT) -> None:
        """All that comes before the audio is redacted and the content qualified."""
        known = {"audio": RAW, "settings": RAW, "transcript": RAW, "language": "en", "duration": 2.5}
        self.send()
        self.hear("transcription", events.ConversationReceived, events.ConversationTranscribed(**known))
        self.send()
        self.hear("entity_tagging", events.ConversationTranscribed, events.EntitiesTagged(**known, entities=RAW))
        self.send()
        known["transcript"] = self.stored(transcript)
        anonymized = events.TranscriptAnonymized(**known, entities=self.stored(documents.Entities()))
        self.hear("anonymization", events.EntitiesTagged, anonymized)

    def qualify(self) -> None:
        """The call is given a tag by a rule."""
        self.send()
        tags = self.stored(documents.Tags(tags=(documents.Tag(tag="refund", name="Refund", provenance="rule:refund"),)))
        self.hear("qualification", events.TranscriptAnonymized, events.ConversationQualified(tags=tags))

    def redact_audio(self, receipt: documents.Receipt | None = None, length: float = 2.5) -> None:
        """The redacted audio is there, whether it was asked for again or not."""
        sound = self.stored(documents.Peaks(per_second=20, duration=length, channels=((0.5,),)))
        proof = self.stored(receipt) if receipt else None
        redacted = events.AudioRedacted(master=sound, player=sound, peaks=sound, receipt=proof)
        self.hear("audio_redaction", events.TranscriptAnonymized, redacted)

    def kill_audio_redaction(self) -> None:
        """The redaction of the audio crashes once, then fails for good."""
        crash = {"exception": "ZeroDivisionError", "locations": ("pipeline.tasks:40", "pipeline.services.redaction:12")}
        self.fail("audio_redaction", events.TranscriptAnonymized, 1, "crashed", **crash)
        self.fail("audio_redaction", events.TranscriptAnonymized, 2, "blob_corrupt", permanent=True)

    def stored(self, document: documents.Document) -> events.Blob:
        """A document in the blob store."""
        place = str(self.call.organization_id), str(self.call.id)
        return blob_store().put("safe", *place, [documents.encode(document)], "application/json")

    def now(self) -> Conversation:
        """The call as it is now."""
        self.call.refresh_from_db()
        return self.call
