"""The shapes of the API: what is taken in, and what is given."""

from typing import Any

import msgspec
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from conversations import words
from conversations.models import Conversation, Entity, RawAccess, RedactionCorrection, Tag
from conversations.models.review import is_open
from conversations.runs import RunStatus
from conversations.services.calls import CallDetails, details_of
from conversations.services.choices import Choices
from conversations.services.corrections import Mark
from conversations.services.raw_data import LONGEST_REASON
from conversations.services.roles import RolesRefused, roles_of
from conversations.stages import StageState, stages_of
from pipeline.sealing import KeyMissing

MOST_METADATA_BYTES = 16 * 1024


class UploadSerializer(serializers.Serializer[Any]):
    """A call as it is sent; only ``audio`` is needed."""

    audio = serializers.FileField(allow_empty_file=True, max_length=255)
    external_id = serializers.CharField(required=False, max_length=200)
    language = serializers.CharField(
        required=False,
        allow_blank=True,
        validators=[RegexValidator(r"^[a-z]{2,3}\Z", _("Give a language as its code, such as en."))],
        help_text=_("Its code, such as en. Without one it is detected."),
    )
    started_at = serializers.DateTimeField(required=False)
    agent = serializers.CharField(required=False, max_length=100, help_text=_("Stored in the clear, and searchable."))
    channels = serializers.CharField(
        required=False,
        help_text=_(
            "Who speaks on each channel, such as agent,customer; each once, of: agent, customer, supervisor, "
            "interpreter, ivr, other."
        ),
    )
    metadata = serializers.CharField(required=False, help_text=_("A JSON object of at most 16 KiB."))

    def validate_channels(self, channels: str) -> tuple[str, ...]:
        """The roles."""
        try:
            return roles_of(channels)
        except RolesRefused as refusal:
            raise serializers.ValidationError(str(refusal)) from None

    def validate_metadata(self, metadata: str) -> dict[str, Any]:
        """The object."""
        if len(metadata.encode()) > MOST_METADATA_BYTES:
            raise serializers.ValidationError(_("The metadata is larger than 16 KiB."))
        try:
            return msgspec.json.decode(metadata, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            raise serializers.ValidationError(_("The metadata is not a JSON object.")) from None

    def details(self) -> CallDetails:
        """What the sender says about the call."""
        said = {name: value for name, value in self.validated_data.items() if name != "audio"}
        return CallDetails(file_name=self.validated_data["audio"].name or "", **said)


class UploadedSerializer(serializers.ModelSerializer[Conversation]):
    """The answer to an upload. ``duplicate``: the same bytes were here before; this is the call that they are."""

    duplicate = serializers.SerializerMethodField()

    class Meta:
        model = Conversation
        fields = ("id", "status", "duplicate", "received_at")

    def get_duplicate(self, conversation: Conversation) -> bool:
        """Whether the bytes were here before."""
        return bool(self.context["duplicate"])


class EvidenceSerializer(serializers.Serializer[Any]):
    """The moment that a tag was given for."""

    utterance = serializers.IntegerField()
    start = serializers.FloatField()
    end = serializers.FloatField()
    start_char = serializers.IntegerField()
    end_char = serializers.IntegerField()
    words = serializers.CharField()


class TagSerializer(serializers.ModelSerializer[Tag]):
    """A tag on a call or on one utterance of it."""

    evidence = EvidenceSerializer(many=True, read_only=True)

    class Meta:
        model = Tag
        fields = ("id", "tag", "name", "kind", "provenance", "score", "utterance", "evidence", "created_at")
        read_only_fields = fields


class TagGivenSerializer(serializers.Serializer[Any]):
    """A tag that a person gives."""

    tag = serializers.CharField(max_length=100, help_text=_("A tag of the taxonomy, or a new one."))
    utterance = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=2**31 - 1,
        help_text=_("Its index, to tag it alone."),
    )  # fmt: skip


class ReprocessSerializer(serializers.Serializer[Any]):
    """With what a call is to be processed again; what is left out is as the settings of today say."""

    language = serializers.CharField(
        required=False, allow_blank=True, max_length=8,
        help_text=_("Its code; empty to detect it. Left out: as the sender said."),
    )  # fmt: skip
    model = serializers.CharField(
        required=False, allow_blank=True, max_length=100,
        help_text=_("One of those that the installation offers. Left out: the usual one."),
    )  # fmt: skip
    vocabulary = serializers.ListField(
        child=serializers.CharField(allow_blank=True, max_length=200), required=False, max_length=1000,
        help_text=_("Words and short phrases to know, beside those of the organization."),
    )  # fmt: skip

    def choices(self) -> Choices:
        """What was chosen."""
        chosen = self.validated_data
        return Choices(
            language=chosen.get("language"),
            model=chosen.get("model", ""),
            vocabulary=tuple(chosen.get("vocabulary", ())),
        )


class SwapSerializer(serializers.Serializer[Any]):
    """How the speakers are to be; a call that has them so stays as it is."""

    speakers = serializers.ListField(
        child=serializers.CharField(max_length=32), required=False, max_length=2,
        help_text=_(
            "Who speaks on each channel from now on; on one channel that carries two voices, by who is heard first. "
            "Left out: the other way round, or, while nobody has said who the voices are, agent and customer."
        ),
    )  # fmt: skip


class RawSerializer(serializers.Serializer[Any]):
    """Which raw data is to be opened, and why."""

    what = serializers.ChoiceField(choices=RawAccess.What.choices)
    reason = serializers.CharField(
        max_length=LONGEST_REASON, help_text=_("It is kept in the audit log, sealed like the call itself.")
    )


class CorrectionSerializer(serializers.Serializer[Any]):
    """Words of an utterance as its transcript has them (a placeholder is one), and what they are."""

    utterance = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    first = serializers.IntegerField(min_value=0, max_value=2**31 - 1, help_text=_("The first word, from 0."))
    stop = serializers.IntegerField(min_value=1, max_value=2**31 - 1, help_text=_("The word after the last."))
    label = serializers.CharField(
        allow_blank=True, max_length=40,
        help_text=_("The kind of personal data, such as NAME; empty for none, which shows hidden words."),
    )  # fmt: skip


class CorrectionsSerializer(serializers.Serializer[Any]):
    """Corrections of what is hidden in a call."""

    corrections = CorrectionSerializer(many=True, allow_empty=False)
    transcript = serializers.CharField(
        required=False, allow_blank=True, max_length=80,
        help_text=_("The ETag of the transcript that the words are counted in: if it has changed, nothing is done."),
    )  # fmt: skip

    def marks(self) -> list[Mark]:
        """The words that are meant."""
        return [Mark(**each) for each in self.validated_data["corrections"]]


class ReleaseSerializer(serializers.Serializer[Any]):
    """What was listened to."""

    audio = serializers.CharField(
        max_length=80,
        help_text=_("The ETag of the audio that was listened to: if there is another by now, nothing is released."),
    )


class CorrectionMadeSerializer(serializers.ModelSerializer[RedactionCorrection]):
    """A correction that was made. `first` and `stop` count the raw words of the utterance, as `hidden_as` tells."""

    made_by = serializers.CharField(source="made_by.username", default="")

    class Meta:
        model = RedactionCorrection
        fields = (
            "id", "utterance", "first", "stop", "kind", "label", "hidden_as", "detector", "score", "made_by", "made_at",
        )  # fmt: skip
        read_only_fields = fields


class RunSerializer(serializers.Serializer[Any]):
    """One pass of the cascade over a call. `words` and `withheld` are counts, null of a run without a transcript."""

    id = serializers.UUIDField()
    number = serializers.IntegerField(help_text=_("From 1, in order of time."))
    current = serializers.BooleanField()
    begun_at = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=[(each.value, each.value) for each in RunStatus])
    requested_language = serializers.CharField(help_text=_("Empty: it was to be detected."))
    requested_model = serializers.CharField(help_text=_("Empty: the usual one."))
    vocabulary = serializers.ListField(child=serializers.CharField())
    language = serializers.CharField()
    language_probability = serializers.FloatField(allow_null=True)
    engine = serializers.CharField()
    model = serializers.CharField()
    flags = serializers.ListField(child=serializers.CharField())
    words = serializers.IntegerField(allow_null=True)
    withheld = serializers.IntegerField(allow_null=True)


class FailureSerializer(serializers.Serializer[Any]):
    """Why a call failed."""

    code = serializers.CharField()
    sentence = serializers.CharField()
    stage = serializers.CharField()


class StageSerializer(serializers.Serializer[Any]):
    """A step of the processing. ``error`` is the code of the last attempt that failed."""

    service = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=[(each.value, each.value) for each in StageState])
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField()
    progress = serializers.FloatField(help_text=_("From 0 to 1."))
    seconds_left = serializers.FloatField(allow_null=True, help_text=_("An estimate, while it runs."))
    error = serializers.CharField()
    sentence = serializers.CharField()


class CallSerializer(serializers.ModelSerializer[Conversation]):
    """A call in a list."""

    tags = TagSerializer(many=True, read_only=True)
    language_probability = serializers.FloatField(
        read_only=True, allow_null=True, help_text=_("How sure the language is, from 0 to 1; 1 if it was given.")
    )
    flags = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text=_("What holds for the call, or a tenth of its speech.")
    )
    flags_within = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text=_("What holds for fewer of its utterances.")
    )
    failure = serializers.SerializerMethodField()

    class Meta:
        model = Conversation
        fields: tuple[str, ...] = (
            "id", "status", "language", "language_probability", "duration", "agent", "speakers", "batch", "started_at",
            "received_at", "completed_at", "raw_purged_at", "tags", "flags", "flags_within", "failure",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, conversation: Conversation) -> dict[str, Any]:
        """The call; of one that is closed to who asks, no tags and no flags: they tell of what is said in it."""
        shown: dict[str, Any] = super().to_representation(conversation)
        opened = is_open(conversation, self.context["request"].user)
        return shown if opened else shown | {"tags": [], "flags": [], "flags_within": []}

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, conversation: Conversation) -> dict[str, str] | None:
        """What went wrong, in words."""
        code, service = conversation.failure_code, conversation.failure_service
        if not code:
            return None
        return {"code": code, "sentence": words.failure_sentence(code, service), "stage": service}


class CallWithStagesSerializer(CallSerializer):
    """One call. ``external_id`` and ``metadata`` are left out for those who may not see them."""

    stages = serializers.SerializerMethodField()
    external_id = serializers.CharField(required=False, read_only=True)
    metadata = serializers.DictField(required=False, read_only=True)

    class Meta(CallSerializer.Meta):
        fields = (*CallSerializer.Meta.fields, "stages", "external_id", "metadata")
        read_only_fields = fields

    @extend_schema_field(StageSerializer(many=True))
    def get_stages(self, conversation: Conversation) -> Any:
        """The steps, in order."""
        return StageSerializer(stages_of(conversation), many=True).data

    def to_representation(self, conversation: Conversation) -> dict[str, Any]:
        """The call, with what its sender said of it for eyes with the permission."""
        if self.context["request"].user.may_see_details:
            try:
                said = details_of(conversation)
            except KeyMissing:
                said = CallDetails()
            conversation.external_id, conversation.metadata = said.external_id, said.metadata
        return super().to_representation(conversation)


class EntitySerializer(serializers.ModelSerializer[Entity]):
    """A named thing that is no personal data; offsets are in the text of its utterance."""

    class Meta:
        model = Entity
        fields = ("utterance", "label", "text", "start_char", "end_char", "score")


class HitSerializer(serializers.Serializer[Any]):
    """A moment in a call at which a query is found. ``highlight`` is HTML in which only ``<mark>`` occurs."""

    conversation = serializers.UUIDField()
    utterance = serializers.IntegerField()
    speaker = serializers.CharField()
    start = serializers.FloatField()
    end = serializers.FloatField()
    highlight = serializers.CharField()
    rank = serializers.FloatField()
