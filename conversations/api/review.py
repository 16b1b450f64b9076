"""How a call was redacted: the receipt, corrections of what is hidden, release from quarantine."""

from uuid import UUID

import msgspec
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api.documents import ReceiptSerializer
from conversations.api.permissions import MayReview
from conversations.api.problems import Problem, ProblemSerializer
from conversations.api.scope import OfOrganization
from conversations.api.serializers import (
    CallSerializer,
    CorrectionMadeSerializer,
    CorrectionsSerializer,
    ReleaseSerializer,
)
from conversations.models import RedactionCorrection
from conversations.runs import read
from conversations.services import corrections, review
from pipeline.documents import Receipt

PROBLEM = "application/problem+json"


class RedactionView(OfOrganization, APIView):
    """The receipt."""

    @extend_schema(
        operation_id="conversations_redaction",
        responses={200: ReceiptSerializer, (404, PROBLEM): OpenApiResponse(ProblemSerializer, "There is none (yet).")},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """The proof of the redaction: what was cut from the audio, what was heard again, and the verdict."""
        conversation = self.conversation()
        receipt = read(conversation, conversation.receipt, Receipt)
        if receipt is None:
            raise Problem(404, "no_receipt", _("There is no receipt: the audio is not redacted yet, or was before."))
        shown = {"conversation": conversation.id, **msgspec.to_builtins(receipt)}
        return Response(ReceiptSerializer(shown).data)


class Corrections(OfOrganization, GenericAPIView):
    """What people said of what is hidden."""

    serializer_class = CorrectionMadeSerializer
    pagination_class = None

    @extend_schema(operation_id="conversations_corrections", responses=CorrectionMadeSerializer(many=True))
    def get(self, request: Request, id: UUID) -> Response:
        """The corrections of the current run of a call, the first one first."""
        made = RedactionCorrection.objects.filter(review__conversation=self.conversation()).select_related("made_by")
        of_run = made.filter(review__run=self.conversation().run)
        return Response(CorrectionMadeSerializer(of_run, many=True).data)

    @extend_schema(
        operation_id="conversations_correct",
        request=CorrectionsSerializer,
        responses={
            202: CallSerializer,
            (400, PROBLEM): ProblemSerializer,
            (403, PROBLEM): OpenApiResponse(ProblemSerializer, "To show hidden words is for admins and supervisors."),
            (409, PROBLEM): OpenApiResponse(ProblemSerializer, "It cannot be corrected so, or not now."),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Say that words are personal data, or that hidden ones are none.

        Text, audio, tags and index are made anew in the background; what is to be hidden is given to nobody meanwhile.
        """
        asked = CorrectionsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        conversation = self.conversation()
        seen = unquoted(asked.validated_data.get("transcript", ""))
        corrections.correct(conversation, asked.marks(), by=request.user, seen=seen)
        conversation.refresh_from_db()
        return Response(CallSerializer(conversation, context=self.get_serializer_context()).data, 202)


class Release(OfOrganization, GenericAPIView):
    """The end of a quarantine."""

    permission_classes = (*GenericAPIView.permission_classes, MayReview)
    serializer_class = CallSerializer

    @extend_schema(
        operation_id="conversations_release",
        request=ReleaseSerializer,
        responses={
            200: CallSerializer,
            (400, PROBLEM): ProblemSerializer,
            (403, PROBLEM): ProblemSerializer,
            (409, PROBLEM): OpenApiResponse(ProblemSerializer, "It is not quarantined, or has other audio by now."),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Find a quarantined call to be safe: from now on it is open to all. For reviewers, who say what they heard."""
        conversation = self.conversation()
        asked = ReleaseSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        review.release(conversation, by=request.user, seen=unquoted(asked.validated_data["audio"]))
        conversation.refresh_from_db()
        return Response(self.get_serializer(conversation).data)


def unquoted(etag: str) -> str:
    """The digest that an ETag is, or that stands for one."""
    return etag.removeprefix("W/").strip('"')
