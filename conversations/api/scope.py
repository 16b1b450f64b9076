"""What every view of a call starts from: the calls of who asks."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from conversations import words
from conversations.api.problems import Problem
from conversations.models import Conversation
from conversations.models.review import is_open


class OfOrganization:
    """A view over the calls of the user's organization; another's are not found."""

    request: Request
    kwargs: dict[str, Any]
    queryset = Conversation.objects.none()  # for the OpenAPI document, which is made for nobody

    def get_queryset(self) -> QuerySet[Conversation]:
        """The calls, newest first."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return Conversation.objects.of(self.request.user.organization).order_by("-received_at", "-id")

    def listed(self) -> Conversation:
        """The call that the address names, for what gives nothing of what is said in it. Raises Http404."""
        return get_object_or_404(self.get_queryset(), id=self.kwargs["id"])

    def conversation(self) -> Conversation:
        """The same for what does: it must be open to who asks. Raises Http404, Problem."""
        conversation = self.listed()
        if is_open(conversation, self.request.user):
            return conversation
        sentence = words.closed_sentence(conversation.quarantine)
        if conversation.quarantine:
            raise Problem(403, "quarantined", sentence)
        raise Problem(409, "not_ready", sentence, wait=5)
