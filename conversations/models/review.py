"""What keeps a call from people, and what people say of how it was redacted. Never a word of what was said."""

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from conversations.models.people import Organization, OrganizationQuerySet, User

if TYPE_CHECKING:
    from conversations.models.calls import Conversation

OPEN = Q(quarantine="", hiding=None)


class ConversationQuerySet(OrganizationQuerySet):
    """Calls. Whatever shows what is said in calls, or tells of it, starts from those that are ``open_to`` who asks."""

    def open_to(self, user: User) -> "ConversationQuerySet":
        """The calls of which a person may read, hear and search the content: all, to a reviewer.

        To others a call is closed while it is quarantined, whatever its status is meanwhile, and while words that a
        person marked as personal data are still to be taken out of it.
        """
        return self.all() if user.may_review else self.filter(OPEN)


def is_open(conversation: "Conversation", user: User) -> bool:
    """The same of one call."""
    return user.may_review or not (conversation.quarantine or conversation.hiding)


class RedactionReview(models.Model):
    """A run of a call whose redaction somebody has looked at. ``hidden`` counts the stretches of each label that the
    detectors had hidden in it. ``checked``: all of it was looked at; otherwise it was but corrected.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    conversation = models.ForeignKey("Conversation", on_delete=models.CASCADE, related_name="reviews")
    run = models.UUIDField()
    hidden = models.JSONField(default=dict)
    checked = models.BooleanField(default=False)
    reviewed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    reviewed_at = models.DateTimeField(db_default=Now())

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "run"], name="review_of_run")]
        indexes = [models.Index(fields=["organization", "reviewed_at"], name="review_newest")]

    def __str__(self) -> str:
        return f"review of {self.conversation_id}"


class RedactionCorrection(models.Model):
    """A person's word on raw words ``first`` up to ``stop`` of an utterance, of which all together are the gold set.

    ``label`` is what the person says they are ("" when they are no personal data), ``hidden_as`` what they had been
    hidden as ("" when they were in the clear), by ``detector`` with ``score``. ``start`` and ``end`` are when they are
    said, or their utterance where they have no times, in a ``channel``; None is every channel.
    """

    class Kind(models.TextChoices):
        HIDE = "hide", _("hide")
        REVEAL = "reveal", _("show")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    review = models.ForeignKey(RedactionReview, on_delete=models.CASCADE, related_name="corrections")
    utterance = models.PositiveIntegerField()
    first = models.PositiveIntegerField()
    stop = models.PositiveIntegerField()
    channel = models.PositiveSmallIntegerField(null=True)
    start = models.FloatField()
    end = models.FloatField()
    kind = models.CharField(max_length=6, choices=Kind)
    label = models.CharField(max_length=40, default="")
    hidden_as = models.CharField(max_length=40, default="")
    detector = models.CharField(max_length=60, default="")
    score = models.FloatField(null=True)
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    made_at = models.DateTimeField(db_default=Now())

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["made_at", "utterance", "first"]

    def __str__(self) -> str:
        return f"{self.kind} in review {self.review_id}"
