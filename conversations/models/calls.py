"""Calls, and what is known of them. Anonymized text only: no personal data reaches these tables in the clear."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from conversations.models.people import REVIEW_QUARANTINE, Organization, OrganizationQuerySet, User
from conversations.models.review import ConversationQuerySet


class Batch(models.Model):
    """Calls that were uploaded together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="batches")
    name = models.CharField(_("name"), max_length=200)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(db_default=Now())
    language = models.CharField(max_length=8, default="", blank=True)
    sealed_manifest = models.BinaryField(default=b"")  # until the upload ends; with the batch's key

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class Conversation(models.Model):
    """One call. ``run`` is the current pass of the cascade (the correlation id of its events).

    ``flags`` are those of the whole call, ``flags_within`` those that only a few of its utterances have.

    ``quarantine`` is why it is kept from all but reviewers ("" = it is not), ``hiding`` the correction (the id of its
    event) that is still to take words out of it. Whose content is open to whom is told by ``open_to``.
    ``anonymized_at`` is when its first run was anonymized.
    """

    class Status(models.TextChoices):
        RECEIVED = "received", _("received")
        PROCESSING = "processing", _("processing")
        COMPLETED = "completed", _("completed")
        QUARANTINED = "quarantined", _("quarantined")
        FAILED = "failed", _("failed")

    class Lane(models.IntegerChoices):
        INTERACTIVE = 0, _("interactive")
        BATCH = 1, _("batch")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="conversations")
    batch = models.ForeignKey(Batch, null=True, blank=True, on_delete=models.SET_NULL, related_name="conversations")
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.RECEIVED)
    lane = models.SmallIntegerField(choices=Lane, default=Lane.INTERACTIVE)
    run = models.UUIDField()
    audio = models.JSONField()
    audio_digest = models.CharField(max_length=64)
    external_id_digest = models.CharField(max_length=64, default="", blank=True)
    agent = models.CharField(_("agent"), max_length=100, default="", blank=True)
    requested_language = models.CharField(max_length=8, default="", blank=True)
    speakers = ArrayField(models.CharField(max_length=32), default=list)
    started_at = models.DateTimeField(_("date"), null=True)
    received_at = models.DateTimeField(_("received"), db_default=Now())
    completed_at = models.DateTimeField(_("completed"), null=True)
    anonymized_at = models.DateTimeField(null=True)
    raw_purged_at = models.DateTimeField(_("raw data deleted"), null=True)
    language = models.CharField(_("language"), max_length=8, default="")
    language_probability = models.FloatField(null=True)
    duration = models.FloatField(_("duration"), null=True)
    channels = models.PositiveSmallIntegerField(default=0)
    engine = models.CharField(max_length=100, default="")
    flags = ArrayField(models.CharField(max_length=40), default=list)
    flags_within = ArrayField(models.CharField(max_length=40), default=list)
    withheld = models.JSONField(default=list)
    failure_service = models.CharField(max_length=100, default="")
    failure_code = models.CharField(max_length=40, default="")
    transcript = models.JSONField(null=True)
    master = models.JSONField(null=True)
    player = models.JSONField(null=True)
    peaks = models.JSONField(null=True)
    receipt = models.JSONField(null=True)
    quarantine = models.CharField(max_length=40, default="")
    hiding = models.UUIDField(null=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-received_at", "-id"]
        permissions = [(REVIEW_QUARANTINE, _("Can review and release quarantined calls"))]
        constraints = [
            models.UniqueConstraint(fields=["organization", "audio_digest"], name="same_bytes_same_conversation")
        ]
        indexes = [
            models.Index(fields=["organization", "-received_at", "-id"], name="conversation_newest"),
            models.Index(fields=["organization", "external_id_digest"], name="conversation_external_id"),
            models.Index(
                fields=["organization", "anonymized_at"],
                name="conversation_raw_kept",
                condition=Q(hiding=None, raw_purged_at=None),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def place(self) -> tuple[str, str]:
        """Tenant and conversation, as the blob store wants them."""
        return str(self.organization_id), str(self.id)


class Details(models.Model):
    """What the sender said about a call (external id, file name, customer, metadata): sealed with the call's key."""

    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, primary_key=True)
    sealed = models.BinaryField()

    class Meta:
        verbose_name_plural = "details"

    def __str__(self) -> str:
        return f"details of {self.conversation_id}"


class BatchItem(models.Model):
    """A file of a batch, and what became of it at the door.

    Its name is sealed with the key of its call, so that erasing the call reaches it, or else with the key of the batch.
    ``line`` is that of the manifest, from 1. ``reason`` says why a file was refused, or what there is to know of it.
    """

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        DUPLICATE = "duplicate", _("already here")
        REFUSED = "refused", _("refused")

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    conversation = models.ForeignKey(Conversation, null=True, on_delete=models.SET_NULL)
    reason = models.CharField(max_length=40, default="")
    line = models.PositiveIntegerField(null=True)
    sealed_name = models.BinaryField(default=b"")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["batch", "position"], name="batch_item_position")]

    def __str__(self) -> str:
        return f"{self.position} of {self.batch_id}"


def search_vector(language: str | None) -> SearchVector:
    """The words of an utterance without its placeholders, under the text search configuration of its language.

    The configurations ``parley_*`` (see the first migration) fold accents before they stem.
    """
    spoken = Func(
        F("text"), Value(r"\[[A-Z_]+_\d+\]"), Value(" "), Value("g"), function="regexp_replace",
        output_field=models.TextField(),
    )  # fmt: skip
    return SearchVector(spoken, config=f"parley_{language or 'simple'}")


class Utterance(models.Model):
    """What one speaker says without being interrupted, anonymized. ``words`` as in the transcript document."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="utterances")
    index = models.PositiveIntegerField()
    speaker = models.CharField(max_length=32)
    channel = models.PositiveSmallIntegerField()
    start = models.FloatField()
    end = models.FloatField()
    text = models.TextField()
    confidence = models.FloatField()
    language = models.CharField(max_length=8)
    words = models.JSONField(default=list)
    flags = ArrayField(models.CharField(max_length=40), default=list)
    search = models.GeneratedField(
        expression=Case(
            When(language="en", then=search_vector("en")),
            When(language="fr", then=search_vector("fr")),
            default=search_vector(None),
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["conversation", "index"], name="utterance_index")]
        indexes = [GinIndex(fields=["search"], name="utterance_search")]

    def __str__(self) -> str:
        return f"utterance {self.index} of {self.conversation_id}"


class Entity(models.Model):
    """A named thing that is no personal data, with offsets in the anonymized text of its utterance."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="entities")
    utterance = models.PositiveIntegerField()
    label = models.CharField(max_length=40)
    text = models.TextField()
    start_char = models.PositiveIntegerField()
    end_char = models.PositiveIntegerField()
    score = models.FloatField()

    class Meta:
        ordering = ["utterance", "start_char"]
        verbose_name_plural = "entities"

    def __str__(self) -> str:
        return f"{self.label} in {self.conversation_id}"


class Redaction(models.Model):
    """A stretch that is hidden: what kind, where, when, and which detector found it. Never the value.

    ``words`` is how many raw words it stands for; 0 where that is not known, of before it was told.
    """

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="redactions")
    utterance = models.PositiveIntegerField()
    channel = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=40)
    placeholder = models.CharField(max_length=60)
    start = models.FloatField()
    end = models.FloatField()
    start_char = models.PositiveIntegerField()
    end_char = models.PositiveIntegerField()
    detector = models.CharField(max_length=60)
    score = models.FloatField()
    words = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["utterance", "start_char"]

    def __str__(self) -> str:
        return f"{self.placeholder} in {self.conversation_id}"


class Tag(models.Model):
    """A label on a call, or on one utterance of it, with who or what gave it and the evidence."""

    class Kind(models.TextChoices):
        RULE = "rule", _("rule")
        HAND = "hand", _("by hand")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="tags")
    utterance = models.PositiveIntegerField(null=True)
    tag = models.SlugField(_("tag"), max_length=60)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=4, choices=Kind)
    provenance = models.CharField(max_length=100)
    score = models.FloatField(default=1.0)
    evidence = models.JSONField(default=list)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(db_default=Now())

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "utterance"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "tag", "kind", "utterance"], name="tag_once", nulls_distinct=False
            )
        ]
        indexes = [models.Index(fields=["organization", "tag"], name="tag_by_name")]

    def __str__(self) -> str:
        return f"{self.tag} on {self.conversation_id}"
