"""Tagging by hand."""

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from conversations.ledger.recording import record
from conversations.models import Conversation, Tag, User
from conversations.services.calls import initial
from pipeline.events import ConversationTagged, ConversationUntagged


class TagRefused(Exception):
    """Raised when a tag cannot be given; the message says why."""


def tag(conversation: Conversation, name: str, *, by: User, utterance: int | None = None) -> Tag:
    """Tag a call, or one utterance of it. Tagging twice is tagging once. Raises TagRefused."""
    slug = slugify(name)[:60]
    if not slug:
        raise TagRefused(_("A tag needs a name with letters or digits."))
    if utterance is not None and not conversation.utterances.filter(index=utterance).exists():
        raise TagRefused(_("The call has no such utterance."))
    with transaction.atomic():
        given, created = Tag.objects.get_or_create(
            organization=conversation.organization, conversation=conversation, tag=slug, kind=Tag.Kind.HAND,
            utterance=utterance, defaults={"name": tag_name(conversation, slug, name), "provenance": f"user:{by.pk}",
                                           "created_by": by},
        )  # fmt: skip
        if created:
            record(initial(conversation, ConversationTagged(tag=slug, utterance=utterance)))
    return given


def untag(given: Tag) -> None:
    """Take a tag away, whoever or whatever gave it."""
    with transaction.atomic():
        event = ConversationUntagged(tag=given.tag, utterance=given.utterance)
        record(initial(given.conversation, event))
        given.delete()


def tag_name(conversation: Conversation, slug: str, typed: str) -> str:
    """The name that the organization's taxonomy has for a tag, or what was typed."""
    known = {each["tag"]: each["name"] for each in conversation.organization.taxonomy.get("tags", [])}
    return known.get(slug, typed.strip()[:100])
