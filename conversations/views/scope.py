"""What every page of a call starts from: a call of who asks."""

from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from conversations.models import Conversation


def call_of(request: HttpRequest, id: UUID) -> Conversation:
    """A call of the person's organization, or 404."""
    calls_of_ours = Conversation.objects.of(request.user.organization)
    return get_object_or_404(calls_of_ours.select_related("organization", "batch"), id=id)
