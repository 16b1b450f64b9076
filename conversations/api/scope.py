"""What every view of a call starts from: the calls of who asks."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from conversations.models import Conversation


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

    def conversation(self) -> Conversation:
        """The call that the address names. Raises Http404."""
        return get_object_or_404(self.get_queryset(), id=self.kwargs["id"])
