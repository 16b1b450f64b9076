"""What was made of a call: transcript, audio, waveform, entities, events."""

import json
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations import timeline, transcripts, words
from conversations.api.documents import HistorySerializer, PeaksSerializer, TranscriptSerializer
from conversations.api.problems import Problem, ProblemSerializer
from conversations.api.ranges import serve
from conversations.api.scope import OfOrganization
from conversations.api.serializers import EntitySerializer
from conversations.ledger.models import Event
from conversations.models import Conversation, User
from conversations.runs import open_runs_of, runs_of
from pipeline.events import EVENTS, Blob
from pipeline.records import Record, to_wire
from pipeline.storage import blob_store

EXTENSIONS = {"audio/mpeg": "mp3", "audio/flac": "flac", "audio/ogg": "ogg"}
NOT_READY = {(409, "application/problem+json"): OpenApiResponse(ProblemSerializer, "Not there yet.")}


class TextRenderer(BaseRenderer):
    """A transcript as text; an error as JSON."""

    media_type, format, charset = "text/plain", "txt", "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The bytes of a document or a problem."""
        if renderer_context["response"].exception:
            return json.dumps(data).encode()
        return self.written(data).encode()

    def written(self, document: dict[str, Any]) -> str:
        """The document as text."""
        return transcripts.as_text(document)


class SrtRenderer(TextRenderer):
    """SubRip."""

    media_type, format = "application/x-subrip", "srt"

    def written(self, document: dict[str, Any]) -> str:
        """The document as subtitles."""
        return transcripts.as_subtitles(document, "srt")


class VttRenderer(TextRenderer):
    """WebVTT."""

    media_type, format = "text/vtt", "vtt"

    def written(self, document: dict[str, Any]) -> str:
        """The document as subtitles."""
        return transcripts.as_subtitles(document, "vtt")


class TranscriptView(OfOrganization, APIView):
    """The anonymized transcript."""

    renderer_classes = (JSONRenderer, TextRenderer, SrtRenderer, VttRenderer)

    @extend_schema(
        operation_id="conversations_transcript",
        parameters=[OpenApiParameter("run", UUID, description="A run of the call; without one, what the call shows.")],
        responses={
            200: TranscriptSerializer, **NOT_READY,
            (403, "application/problem+json"): OpenApiResponse(
                ProblemSerializer, "Words were hidden after this run: it is for reviewers."
            ),
        },
    )  # fmt: skip
    def get(self, request: Request, id: UUID) -> Response:
        """The anonymized transcript, as JSON, text or subtitles (``Accept`` or ``?format=``)."""
        conversation = self.conversation()
        if asked := request.query_params.get("run"):
            document = of_run(conversation, asked, request.user)
        elif conversation.transcript is None:
            raise not_ready(conversation)
        else:
            document = transcripts.document_of(conversation)
        named = f'inline; filename="{conversation.id}.{request.accepted_renderer.format}"'
        headers = {"Content-Disposition": named}
        if not asked and conversation.transcript:
            headers["ETag"] = f'"{conversation.transcript["sha256"]}"'
        return Response(document, headers=headers)


class Whatever(BaseContentNegotiation):
    """A recording is what it is, whatever the player says that it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Nothing is sent."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """For errors."""
        return renderers[0], renderers[0].media_type


class AudioView(OfOrganization, APIView):
    """The redacted audio."""

    content_negotiation_class = Whatever

    @extend_schema(
        operation_id="conversations_audio",
        parameters=[OpenApiParameter("format", str, enum=["flac"], description="The lossless master.")],
        responses={
            (200, "audio/mpeg"): OpenApiTypes.BINARY, (200, "audio/flac"): OpenApiTypes.BINARY,
            (206, "audio/mpeg"): OpenApiTypes.BINARY, 416: OpenApiResponse(description="No such range."), **NOT_READY,
        },
    )  # fmt: skip
    def get(self, request: Request, id: UUID) -> HttpResponse:
        """The redacted audio, whole or by byte range."""
        conversation = self.conversation()
        wanted = request.query_params.get("format", "")
        if wanted not in ("", "flac"):
            raise Problem(404, "no_such_format", _("There is audio for players, and with ?format=flac the master."))
        stored = conversation.master if wanted else conversation.player
        if stored is None:
            raise not_ready(conversation)
        blob = msgspec.convert(stored, Blob)
        file = blob_store().open(blob, str(conversation.organization_id), str(conversation.id))
        response = serve(request, file, size=blob.size, etag=blob.sha256, content_type=blob.media_type)
        extension = EXTENSIONS.get(blob.media_type, "bin")
        response["Content-Disposition"] = f'inline; filename="{conversation.id}.{extension}"'
        return response


class PeaksView(OfOrganization, APIView):
    """The waveform."""

    @extend_schema(operation_id="conversations_peaks", responses={200: PeaksSerializer, **NOT_READY})
    def get(self, request: Request, id: UUID) -> HttpResponse:
        """The waveform of the redacted audio."""
        conversation = self.conversation()
        if conversation.peaks is None:
            raise not_ready(conversation)
        blob = msgspec.convert(conversation.peaks, Blob)
        content = blob_store().read(blob, str(conversation.organization_id), str(conversation.id))
        return HttpResponse(content, content_type="application/json")


class EntitiesView(OfOrganization, APIView):
    """Named things."""

    @extend_schema(operation_id="conversations_entities", responses=EntitySerializer(many=True))
    def get(self, request: Request, id: UUID) -> Response:
        """The named things in the transcript that are no personal data."""
        return Response(EntitySerializer(self.conversation().entities.all(), many=True).data)


class EventsView(OfOrganization, APIView):
    """The history."""

    @extend_schema(operation_id="conversations_events", responses=HistorySerializer)
    def get(self, request: Request, id: UUID) -> Response:
        """All that happened to a call: CloudEvents, which service was given what, and the whole in order of time."""
        events, deliveries = timeline.history_of(self.conversation().id)
        history = {
            "events": [to_wire(record_of(event)) for event in events],
            "deliveries": deliveries,
            "timeline": timeline.moments_of(events, deliveries),
        }
        return Response(HistorySerializer(history).data)


def of_run(conversation: Conversation, asked: str, user: User) -> dict[str, Any]:
    """The transcript of one run. Raises Problem."""
    runs = {str(each.id): each for each in open_runs_of(conversation, user)}
    run = runs.get(asked.lower())
    if run is None and asked.lower() in {str(each.id) for each in runs_of(conversation)}:
        raise Problem(
            403, "for_reviewers", _("Words of this call were hidden after this run. Ask a supervisor for it.")
        )
    if run is None:
        raise Problem(404, "no_such_run", _("The call has no such run."))
    if run.transcript is None and run.current:
        raise not_ready(conversation)
    if run.transcript is None:
        raise Problem(409, "no_transcript", _("This run has no transcript."))
    return transcripts.document_of_run(conversation, run.transcript)


def not_ready(conversation: Conversation) -> Problem:
    """What a call answers when it is asked for what it has not."""
    if conversation.failure_code:
        return Problem(
            409, "not_ready", words.failure_sentence(conversation.failure_code, conversation.failure_service)
        )
    return Problem(409, "not_ready", _("The call is still being processed. Ask again in a moment."), wait=5)


def record_of(event: Event) -> Record:
    """The record of a stored event."""
    ids = {
        name: str(getattr(event, name) or "") for name in ("id", "subject", "tenant", "correlationid", "causationid")
    }
    return Record(
        **ids,
        source=event.source,
        type=event.type,
        time=event.time.isoformat().replace("+00:00", "Z"),
        traceparent=event.traceparent,
        data=msgspec.convert(event.data, EVENTS[event.type]),
    )
