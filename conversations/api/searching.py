"""Search over what is said."""

from django.core.validators import ProhibitNullCharactersValidator
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.scope import OfOrganization
from conversations.api.serializers import HitSerializer
from conversations.filters import CallFilter
from conversations.search import hits_of, search_utterances

QUERY = OpenApiParameter(
    "q", str, required=True, description='Words that must all be said, "an exact phrase", or, -not.'
)  # fmt: skip


class Search(OfOrganization, GenericAPIView):
    """Moments in calls."""

    serializer_class = HitSerializer
    filterset_class = CallFilter

    @extend_schema(operation_id="search", parameters=[QUERY], responses=HitSerializer(many=True), filters=True)
    def get(self, request: Request) -> Response:
        """The moments at which something is said, best first, in the calls that the filters leave."""
        q = asked(request)
        asked_of = self.filter_queryset(self.get_queryset().open_to(request.user))
        page = self.paginate_queryset(search_utterances(asked_of, q))
        return self.get_paginated_response(self.get_serializer(hits_of(page or [], q), many=True).data)


def asked(request: Request) -> str:
    """The query. Raises ValidationError."""
    query = serializers.CharField(max_length=500, validators=[ProhibitNullCharactersValidator()])
    try:
        return str(query.run_validation(request.query_params.get("q", serializers.empty)))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"q": error.detail}) from None
