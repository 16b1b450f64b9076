"""The pages that open raw data: a reason is asked for, then the recording or the transcript is given for a while."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conversations.api.ranges import serve
from conversations.forms import RawForm
from conversations.models import RawAccess
from conversations.services import raw_data
from conversations.services.raw_data import RawRefused
from conversations.views.scope import call_of
from pipeline.sealing import KeyMissing
from pipeline.storage import StorageError

View = Callable[..., HttpResponse]


def raw(view: View) -> View:
    """A page of raw data: kept in no cache; what cannot be given is said on the page of the call."""

    @login_required
    @never_cache
    @wraps(view)
    def careful(request: HttpRequest, id: UUID, **more: Any) -> HttpResponse:
        raw_data.refuse_without_permission(request.user)
        try:
            return view(request, id, **more)
        except RawRefused as refusal:
            messages.error(request, str(refusal))
        except (StorageError, KeyMissing):
            messages.error(request, _("A file of this call is missing or damaged in the storage."))
        return redirect("conversations:detail", id)

    return careful


@raw
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, id: UUID) -> HttpResponse:
    """Ask for a reason; with one, go to what is wanted."""
    conversation = call_of(request, id)
    raw_data.refuse_purged(conversation)
    form = RawForm(request.POST or None, initial={"what": RawAccess.What.AUDIO})
    if request.method == "POST" and form.is_valid():
        asked = raw_data.ask(request.user, conversation, **form.cleaned_data, door=door_of(request))
        return redirect("conversations:raw_opened", conversation.id, asked.id)
    context = {"conversation": conversation, "form": form, "minutes": raw_data.LINK_MINUTES}
    return render(request, "parley/raw/ask.html", context)


@raw
@require_safe
def opened(request: HttpRequest, id: UUID, asked: UUID) -> HttpResponse:
    """The raw transcript, or a player of the raw recording."""
    conversation = call_of(request, id)
    wanted = raw_data.asked_by(request.user, conversation, asked)
    context: dict[str, Any] = {"conversation": conversation, "asked": wanted, "minutes": raw_data.LINK_MINUTES}
    if wanted.what == RawAccess.What.TRANSCRIPT:
        context["transcript"] = raw_data.give_transcript(wanted, conversation, door_of(request))
    return render(request, "parley/raw/opened.html", context)


@raw
@require_safe
def audio(request: HttpRequest, id: UUID, asked: UUID) -> HttpResponse:
    """The raw recording, by byte range. Each time is a row of the audit log."""
    conversation = call_of(request, id)
    wanted = raw_data.asked_by(request.user, conversation, asked)
    if wanted.what != RawAccess.What.AUDIO:
        raise RawRefused(_("It was the transcript that was asked for."))
    recording = raw_data.give_audio(wanted, conversation, door_of(request))
    response = serve(
        request, recording.file, size=recording.size, etag=recording.tag, content_type=recording.media_type
    )
    del response["Cache-Control"]  # never_cache says it more strictly
    return response


def door_of(request: HttpRequest) -> raw_data.Door:
    """Where somebody comes from who looks at a page."""
    return raw_data.door_of(request, RawAccess.Via.PAGE)
