"""The OpenAPI shapes of documents that are not made by serializers: transcripts, waveforms, event records."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from conversations.timeline import Kind


class WordSerializer(serializers.Serializer[Any]):
    """A timed token; a redacted stretch is one word whose text is its placeholder."""

    text = serializers.CharField()
    start = serializers.FloatField(allow_null=True)
    end = serializers.FloatField(allow_null=True)
    probability = serializers.FloatField()


class UtteranceSerializer(serializers.Serializer[Any]):
    """What one speaker says without being interrupted."""

    index = serializers.IntegerField()
    speaker = serializers.CharField()
    channel = serializers.IntegerField()
    start = serializers.FloatField()
    end = serializers.FloatField()
    text = serializers.CharField()
    confidence = serializers.FloatField()
    flags = serializers.ListField(child=serializers.CharField(), help_text=_("Why it should be trusted less."))
    words = WordSerializer(many=True)


class RedactionSerializer(serializers.Serializer[Any]):
    """A stretch that is hidden, in text and audio."""

    label = serializers.CharField()
    placeholder = serializers.CharField()
    utterance = serializers.IntegerField()
    start = serializers.FloatField()
    end = serializers.FloatField()


class WithheldSerializer(serializers.Serializer[Any]):
    """A stretch for which the model wrote words although nobody speaks in it; they are not published."""

    channel = serializers.IntegerField()
    start = serializers.FloatField()
    end = serializers.FloatField()
    words = serializers.IntegerField(help_text=_("How many."))
    reason = serializers.CharField(help_text=_("A flag, such as hallucination."))


class TranscriptSerializer(serializers.Serializer[Any]):
    """The anonymized transcript; times are seconds from the start of the call."""

    conversation = serializers.UUIDField()
    language = serializers.CharField()
    language_probability = serializers.FloatField(
        allow_null=True, help_text=_("How sure the language is, from 0 to 1; 1 if it was given.")
    )
    duration = serializers.FloatField()
    utterances = UtteranceSerializer(many=True)
    redactions = RedactionSerializer(many=True)
    withheld = WithheldSerializer(many=True)


class CutSerializer(serializers.Serializer[Any]):
    """A stretch of one channel that is hidden in the audio. `said_from` and `said_to` are where its words are."""

    channel = serializers.IntegerField()
    start = serializers.FloatField()
    end = serializers.FloatField()
    cause = serializers.CharField(help_text=_("Why: words, utterance, echo or proof."))
    label = serializers.CharField()
    placeholder = serializers.CharField()
    said_from = serializers.FloatField(allow_null=True)
    said_to = serializers.FloatField(allow_null=True)


class DoubtSerializer(serializers.Serializer[Any]):
    """Personal data that could still be told when the redacted audio was heard again: what kind, and where."""

    label = serializers.CharField()
    channel = serializers.IntegerField()
    start = serializers.FloatField()
    end = serializers.FloatField()


class ReceiptSerializer(serializers.Serializer[Any]):
    """The proof of a redaction: what was cut, what was heard again, and the verdict. Never what was said."""

    conversation = serializers.UUIDField()
    verdict = serializers.CharField(help_text=_("passed or quarantined"))
    reason = serializers.CharField(help_text=_("Of the quarantine: still_heard, unproven or language_unprotected."))
    cuts = CutSerializer(many=True)
    pad = serializers.FloatField(help_text=_("Seconds that are hidden on either side of words."))
    mode = serializers.CharField(help_text=_("silence or beep"))
    detector = serializers.CharField()
    model = serializers.CharField(help_text=_("What wrote the call down."))
    proof_model = serializers.CharField(help_text=_("What heard the redacted audio again."))
    heard = serializers.FloatField(help_text=_("How many seconds of it."))
    widened = DoubtSerializer(many=True, help_text=_("What the cuts were made wider for."))
    left = DoubtSerializer(many=True, help_text=_("What could not be silenced."))
    raw_sha256 = serializers.CharField()
    master_sha256 = serializers.CharField()
    player_sha256 = serializers.CharField()
    proof_sha256 = serializers.CharField(help_text=_("Of the weights of what heard it again; empty: not known."))
    detector_sha256 = serializers.CharField(help_text=_("Of the weights of the detector that judged what was heard."))
    settings_sha256 = serializers.CharField(help_text=_("Of the settings of the run, with the redaction policy."))


class PeaksSerializer(serializers.Serializer[Any]):
    """The waveform: per channel, ``per_second`` values a second between 0 and 1."""

    per_second = serializers.IntegerField()
    duration = serializers.FloatField()
    channels = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class AttemptSerializer(serializers.Serializer[Any]):
    """One sending of an event to a service, and what came of it."""

    number = serializers.IntegerField()
    sent_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.CharField()
    exception = serializers.CharField()
    locations = serializers.ListField(child=serializers.CharField())


class DeliverySerializer(serializers.Serializer[Any]):
    """An event owed to a service."""

    event = serializers.UUIDField(source="event_id")
    service = serializers.CharField()
    state = serializers.CharField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(allow_null=True)
    attempts = AttemptSerializer(many=True, source="history")


class MomentSerializer(serializers.Serializer[Any]):
    """Something that happened to a call.

    `event` was recorded, or is owed to `service`; `type` is its class. Of an event, `service` is who said it, of
    ConversationFailed the one that failed. `attempt` counts the sendings of an event to a service from 1. `error` is a
    failure code, `exception` the class of the error, `locations` the code it went through.
    """

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField([each.value for each in Kind])
    run = serializers.UUIDField()
    event = serializers.UUIDField()
    type = serializers.CharField()
    service = serializers.CharField()
    attempt = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    exception = serializers.CharField(allow_blank=True)
    locations = serializers.ListField(child=serializers.CharField())


class HistorySerializer(serializers.Serializer[Any]):
    """All that happened to a call: CloudEvents records, their deliveries, and the moments of both in order of time."""

    events = serializers.ListField(child=serializers.DictField())
    deliveries = DeliverySerializer(many=True)
    timeline = MomentSerializer(many=True)
