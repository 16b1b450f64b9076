"""Tags: look, give, take away."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.problems import ProblemSerializer
from conversations.api.scope import OfOrganization
from conversations.api.serializers import TagGivenSerializer, TagSerializer
from conversations.services import tagging


class Tags(OfOrganization, GenericAPIView):
    """The tags of a call."""

    serializer_class = TagSerializer
    pagination_class = None

    @extend_schema(operation_id="conversations_tags", responses=TagSerializer(many=True))
    def get(self, request: Request, id: UUID) -> Response:
        """The tags of a call and of its utterances, by rules and by hand."""
        return Response(TagSerializer(self.conversation().tags.all(), many=True).data)

    @extend_schema(
        operation_id="conversations_tag",
        request=TagGivenSerializer,
        responses={201: TagSerializer, (400, "application/problem+json"): ProblemSerializer},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Tag a call, or one utterance of it; twice is once."""
        given = TagGivenSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        tag = tagging.tag(self.conversation(), wanted["tag"], by=request.user, utterance=wanted["utterance"])
        return Response(TagSerializer(tag).data, 201)


class Tag(OfOrganization, GenericAPIView):
    """One tag of a call."""

    serializer_class = TagSerializer

    @extend_schema(operation_id="conversations_untag", responses={204: None})
    def delete(self, request: Request, id: UUID, tag_id: UUID) -> Response:
        """Take a tag away, whoever or whatever gave it."""
        tagging.untag(get_object_or_404(self.conversation().tags, id=tag_id))
        return Response(status=204)
