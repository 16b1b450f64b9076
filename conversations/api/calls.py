"""Calls: send, list, look at, retry, erase."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.idempotency import answer_once
from conversations.api.permissions import MayErase, MaySend
from conversations.api.problems import Problem, ProblemSerializer
from conversations.api.scope import OfOrganization
from conversations.api.serializers import (
    CallSerializer,
    CallWithStagesSerializer,
    ReprocessSerializer,
    RunSerializer,
    SwapSerializer,
    UploadedSerializer,
    UploadSerializer,
)
from conversations.filters import CallFilter
from conversations.models import Conversation
from conversations.runs import runs_of
from conversations.services import calls
from conversations.services.speakers import swap_speakers
from conversations.services.uploads import Spool, taking_files
from pipeline.config import config

MOST_FORM_BYTES = 1024 * 1024  # what a form has beside its file
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER,
    description="The same request under the same key has one effect and the same answer, for a day.",
)  # fmt: skip


class Calls(OfOrganization, ListAPIView):
    """All calls of the organization."""

    permission_classes = (*ListAPIView.permission_classes, MaySend)
    parser_classes = (MultiPartParser,)
    serializer_class = CallSerializer
    filterset_class = CallFilter

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        """Take a file, and leave nothing of it behind but what was stored."""
        with taking_files(request, Spool(request)):
            return super().dispatch(request, *args, **options)

    def get_queryset(self) -> QuerySet[Conversation]:
        """The calls with their tags."""
        return super().get_queryset().prefetch_related("tags")

    @extend_schema(
        operation_id="conversations_send",
        request=UploadSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            201: OpenApiResponse(UploadedSerializer, "The call and its bytes are synced to disk."),
            200: OpenApiResponse(UploadedSerializer, "The same bytes were here before: this is the call they are."),
            (400, "application/problem+json"): ProblemSerializer,
            (409, "application/problem+json"): OpenApiResponse(
                ProblemSerializer, "The same request is being answered."
            ),
            (413, "application/problem+json"): OpenApiResponse(ProblemSerializer, "The file is too large."),
            (422, "application/problem+json"): OpenApiResponse(ProblemSerializer, "The key was used for another."),
            (503, "application/problem+json"): OpenApiResponse(ProblemSerializer, "Try again shortly."),
            (507, "application/problem+json"): OpenApiResponse(ProblemSerializer, "There is no room for the file."),
        },
    )
    def post(self, request: Request) -> Response:
        """Send a call.

        It is transcribed, anonymized and tagged in the background: follow it at its own address. An upload that broke
        off left nothing behind: send all of it again. The same bytes twice are one call.
        """
        refuse_too_large(request)
        upload = UploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        audio = upload.validated_data["audio"]
        fields = {name: request.data.getlist(name) for name in sorted(request.data) if name != "audio"}
        return answer_once(request, fields, audio.keyed_digest, lambda: receive(request, upload))


class Call(OfOrganization, RetrieveAPIView):
    """One call."""

    permission_classes = (*RetrieveAPIView.permission_classes, MayErase)
    serializer_class = CallWithStagesSerializer
    lookup_field = "id"

    @extend_schema(operation_id="conversations_erase", responses={204: None})
    def delete(self, request: Request, id: UUID) -> Response:
        """Erase a call for good, in every backup too. Admins only."""
        calls.erase(self.listed())
        return Response(status=204)


class Retry(OfOrganization, GenericAPIView):
    """Another try."""

    permission_classes = (*GenericAPIView.permission_classes, MaySend)
    serializer_class = CallSerializer

    @extend_schema(
        operation_id="conversations_retry",
        request=None,
        responses={202: CallSerializer, (409, "application/problem+json"): ProblemSerializer},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Let the steps of a failed call that went wrong run again."""
        conversation = self.listed()
        if not calls.retry(request.user.organization, [conversation.id]):
            raise Problem(409, "not_failed", _("Only a call that failed can be tried again."))
        conversation.refresh_from_db()
        return Response(self.get_serializer(conversation).data, 202)


class Reprocess(OfOrganization, GenericAPIView):
    """Another run."""

    permission_classes = (*GenericAPIView.permission_classes, MaySend)
    serializer_class = CallSerializer

    @extend_schema(
        operation_id="conversations_reprocess",
        request=ReprocessSerializer,
        responses={
            202: CallSerializer,
            (400, "application/problem+json"): ProblemSerializer,
            (410, "application/problem+json"): OpenApiResponse(ProblemSerializer, "Its recording was deleted."),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Process a call again, with another language, model or vocabulary.

        It is a new run. What the earlier one gave stays until it is replaced, and its transcript for good. What people
        hid stays hidden, by when it was said; what they showed is hidden again where it is found.
        """
        asked = ReprocessSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        conversation = self.listed()
        calls.reprocess(conversation, asked.choices())
        conversation.refresh_from_db()
        return Response(self.get_serializer(conversation).data, 202)


class SwapSpeakers(OfOrganization, GenericAPIView):
    """Who is who."""

    permission_classes = (*GenericAPIView.permission_classes, MaySend)
    serializer_class = CallSerializer

    @extend_schema(
        operation_id="conversations_swap_speakers",
        request=SwapSerializer,
        responses={200: CallSerializer, (409, "application/problem+json"): ProblemSerializer},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Exchange the two speakers of a call, for good: its transcript, its exports, and how it is processed again.

        Of a call on one channel, whose two voices were told apart, this says which of them is the agent. Rule tags are
        given anew in the background. Twice is as before.
        """
        asked = SwapSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        conversation = self.conversation()
        swap_speakers(conversation, asked.validated_data.get("speakers", ()))
        conversation.refresh_from_db()
        return Response(self.get_serializer(conversation).data)


class Runs(OfOrganization, GenericAPIView):
    """The runs of a call."""

    serializer_class = RunSerializer
    pagination_class = None

    @extend_schema(operation_id="conversations_runs", responses=RunSerializer(many=True))
    def get(self, request: Request, id: UUID) -> Response:
        """Each pass over a call, the first one first: what it was done with and what it heard."""
        return Response(RunSerializer(runs_of(self.conversation()), many=True).data)


def refuse_too_large(request: Request) -> None:
    """Refuse by its announced length what would be refused at its end. Raises UploadRefused."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > config().max_upload_bytes + MOST_FORM_BYTES:
        raise calls.too_large()


def receive(request: Request, upload: UploadSerializer) -> Response:
    """Take in a call and say which it is."""
    received = calls.receive_call(request.user.organization, upload.validated_data["audio"], upload.details())
    conversation = received.conversation
    if received.created:
        conversation.refresh_from_db(fields=["received_at"])
    answer: dict[str, Any] = UploadedSerializer(conversation, context={"duplicate": not received.created}).data
    location = request.build_absolute_uri(reverse("api:conversation", args=[conversation.id]))
    return Response(answer, 201 if received.created else 200, headers={"Location": location})
