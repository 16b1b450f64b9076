"""A story whose transcripts the real anonymization makes, and that people correct."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.test import Client

from conversations.api.content import record_of
from conversations.ledger.models import Event
from conversations.models import Conversation, Organization, User
from conversations.services import calls
from conversations.services.corrections import Mark, correct
from pipeline import documents, events
from pipeline.services import anonymization
from pipeline.storage import blob_store
from tests.conversations.stories import PASSED, Story

TEXTS = ("my name is john smith of blue horse farm", "thank you john smith how many bottles of riesling")
HIDE_ALL = documents.RedactionPolicy()


def raw(*texts: str) -> documents.Transcript:
    """What was said, in timed words, by two speakers in turn."""
    utterances = tuple(
        documents.Utterance(
            index=index, speaker=("customer", "agent")[index % 2], channel=index % 2, start=index * 10.0,
            end=index * 10.0 + len(text.split()), text=text,
            words=tuple(
                documents.Word(text=word, start=index * 10.0 + place, end=index * 10.0 + place + 0.9)
                for place, word in enumerate(text.split())
            ),
        )
        for index, text in enumerate(texts)
    )  # fmt: skip
    return documents.Transcript(language="en", duration=2.5, utterances=utterances, channels=2)


class Corrected(Story):
    """A story whose transcripts are made by the real anonymization."""

    def anonymize(
        self,
        base: documents.Transcript,
        corrections: documents.Corrections,
        cause: type[Any],
        before: Sequence[documents.HiddenBefore] = (),
    ) -> None:
        """The anonymized transcript is there, and so is what follows from it in the text."""
        safe = anonymization.anonymize(base, documents.Entities(), HIDE_ALL, corrections, before)
        anonymized = events.TranscriptAnonymized(
            audio=self.said[cause.__name__].data.audio, settings=self.said[cause.__name__].data.settings,
            transcript=self.stored(safe.transcript), entities=self.stored(safe.entities), language="en", duration=2.5,
        )  # fmt: skip
        self.send()
        self.hear("anonymization", cause, anonymized)

    def correct(self, *marks: Mark, by: User, seen: str = "") -> None:
        """A person corrects; the event as the services hear it."""
        correct(self.now(), marks, by=by, seen=seen)
        self.listen()

    def listen(self) -> None:
        """The services hear of the latest correction."""
        self.said["RedactionCorrected"] = record_of(Event.objects.filter(type="RedactionCorrected").latest("time"))

    def made_anew(self) -> None:
        """Anonymization answers the last correction."""
        asked = self.said["RedactionCorrected"].data
        read = blob_store().read
        place = str(self.call.organization_id), str(self.call.id)
        corrections = documents.decode(read(asked.corrections, *place), documents.Corrections)
        base = raw(*TEXTS)
        if corrections.anonymized:
            base = documents.decode(read(asked.transcript, *place), documents.Transcript)
        self.anonymize(base, corrections, events.RedactionCorrected)

    def run_again(self, said: documents.Transcript) -> documents.Settings:
        """Another run of the call, in which this is heard, up to its transcript; with which settings it is done."""
        place = str(self.call.organization_id), str(self.call.id)
        audio = blob_store().put("raw", *place, [b"RIFF"], "audio/wav")
        Conversation.objects.filter(id=self.call.id).update(audio=msgspec.to_builtins(audio))
        calls.reprocess(self.now())
        received = record_of(Event.objects.filter(type="ConversationReceived").latest("time"))
        self.said["ConversationReceived"] = received
        settings = documents.decode(blob_store().read(received.data.settings, *place), documents.Settings)
        self.hear_names(received.data.settings)
        self.anonymize(said, documents.Corrections(), events.EntitiesTagged, settings.hidden_before)
        return settings

    def hear_names(self, settings: events.Blob) -> None:
        """The call is written down and its names are found."""
        known = {"audio": self.stored(documents.Tags()), "transcript": self.stored(documents.Corrections())}
        known |= {"settings": settings, "language": "en", "duration": 2.5}
        self.send()
        self.hear("transcription", events.ConversationReceived, events.ConversationTranscribed(**known))
        self.send()
        tagged = events.EntitiesTagged(**known, entities=known["audio"])
        self.hear("entity_tagging", events.ConversationTranscribed, tagged)

    def texts(self) -> list[str]:
        """What is shown."""
        return list(self.now().utterances.order_by("index").values_list("text", flat=True))


def completed(organization: Organization) -> Corrected:
    """A completed call."""
    story = Corrected(organization)
    story.hear_names(story.said["ConversationReceived"].data.settings)
    story.anonymize(raw(*TEXTS), documents.Corrections(), events.EntitiesTagged)
    story.qualify()
    story.redact_audio(PASSED)
    assert story.texts() == [
        "my name is [NAME_1] of blue horse farm", "thank you [NAME_1] how many bottles of riesling",
    ]  # fmt: skip
    return story


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client
