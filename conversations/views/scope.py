"""What every page of a call starts from: a call of who asks."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from conversations import words
from conversations.models import Conversation
from conversations.models.review import is_open


class CallIsClosed(PermissionDenied):
    """Raised when the content of a call is not for who asks; the message says why and what to do."""


def call_of(request: HttpRequest, id: UUID) -> Conversation:
    """A call of the person's organization, or 404. Raises CallIsClosed: nothing of its content is shown then."""
    conversation = listed_call_of(request, id)
    if not is_open(conversation, request.user):
        raise CallIsClosed(words.closed_sentence(conversation.quarantine))
    return conversation


def listed_call_of(request: HttpRequest, id: UUID) -> Conversation:
    """The same for what shows nothing of what is said in it."""
    calls_of_ours = Conversation.objects.of(request.user.organization)
    return get_object_or_404(calls_of_ours.select_related("organization", "batch"), id=id)
