"""Every table of the monolith. All business rows belong to an organization."""

from conversations.ledger.models import Attempt, Clock, Delivery, Event, Parked, Subscription
from conversations.models.calls import Batch, BatchItem, Conversation, Details, Entity, Redaction, Tag, Utterance
from conversations.models.people import IdempotencyKey, Organization, Role, Token, User
from conversations.models.raw import RawAccess
from conversations.models.review import RedactionCorrection, RedactionReview

__all__ = [
    "Attempt", "Batch", "BatchItem", "Clock", "Conversation", "Delivery", "Details", "Entity", "Event",
    "IdempotencyKey", "Organization", "Parked", "RawAccess", "Redaction", "RedactionCorrection", "RedactionReview",
    "Role", "Subscription", "Tag", "Token", "User", "Utterance",
]  # fmt: skip
