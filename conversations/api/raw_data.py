"""Raw data of a call: for who holds the permission, with a reason, into the audit log."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.cache import add_never_cache_headers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from conversations import transcripts
from conversations.api.documents import TranscriptSerializer
from conversations.api.permissions import MayOpenRaw
from conversations.api.problems import ProblemSerializer
from conversations.api.ranges import serve
from conversations.api.scope import OfOrganization
from conversations.api.serializers import RawSerializer
from conversations.models import RawAccess
from conversations.services import raw_data


class Raw(OfOrganization, GenericAPIView):
    """What is not anonymized."""

    permission_classes = (*GenericAPIView.permission_classes, MayOpenRaw)
    serializer_class = RawSerializer

    @extend_schema(
        operation_id="conversations_raw",
        request=RawSerializer,
        responses={
            (200, "application/json"): TranscriptSerializer, (200, "audio/*"): OpenApiTypes.BINARY,
            (400, "application/problem+json"): ProblemSerializer,
            (403, "application/problem+json"): OpenApiResponse(ProblemSerializer, "Without the permission."),
            (409, "application/problem+json"): OpenApiResponse(ProblemSerializer, "Not there yet."),
            (410, "application/problem+json"): OpenApiResponse(ProblemSerializer, "Deleted, as the settings say."),
        },
    )  # fmt: skip
    def post(self, request: Request, id: UUID) -> HttpResponse:
        """Open the raw recording or the raw transcript of a call, in which nothing is hidden.

        It needs a permission that no role has, and a reason. Each opening is a row of the audit log.
        """
        wanted = RawSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        conversation, door = self.conversation(), raw_data.door_of(request, RawAccess.Via.API)
        asked = raw_data.ask(request.user, conversation, **wanted.validated_data, door=door)
        if asked.what == RawAccess.What.TRANSCRIPT:
            transcript = raw_data.give_transcript(asked, conversation, door)
            response: HttpResponse = Response(transcripts.document_of_run(conversation, transcript))
        else:
            recording = raw_data.give_audio(asked, conversation, door)
            response = serve(
                request, recording.file, size=recording.size, etag=recording.tag, content_type=recording.media_type
            )
            response["Content-Disposition"] = f'attachment; filename="{conversation.id}-raw"'
        add_never_cache_headers(response)
        return response
