"""What people do about how a call was redacted: correct it, check it, release it from quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from conversations import words
from conversations.models import Conversation, User, Utterance
from conversations.services import corrections, review
from conversations.services.corrections import CorrectionRefused, Mark
from conversations.services.review import ReviewRefused
from conversations.templatetags.parley import plain
from conversations.views.scope import call_of
from conversations.views.tags import index_of
from pipeline.documents import offsets

SHOW = "show"  # in a form, for no label


@dataclass(frozen=True)
class Choice:
    """A word of an utterance in the form. ``kind`` is what it is hidden as, in words."""

    place: int
    text: str
    kind: str


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest, id: UUID) -> HttpResponse:
    """The form in which words of an utterance are said to be personal data, or none; and what it sends."""
    conversation = call_of(request, id)
    index = index_of((request.POST or request.GET).get("utterance", ""))
    utterance = None if index is None else conversation.utterances.filter(index=index).first()
    if utterance is None:
        raise Http404
    if request.method == "POST":
        mark(request, conversation, utterance)
        return redirect(address_of(conversation, utterance))
    form = {"utterance": utterance, "words": choices_of(conversation, utterance), **form_of(conversation, request.user)}
    part = "form" if request.htmx else "page"
    return render(request, f"parley/correct/{part}.html", {"conversation": conversation, "form": form})


def mark(request: HttpRequest, conversation: Conversation, utterance: Utterance) -> None:
    """Do what the form says, and tell what came of it. Raises PermissionDenied."""
    label = request.POST.get("label", "")
    places = sorted({place for each in request.POST.getlist("word") if (place := index_of(each)) is not None})
    if not places or not label:
        messages.error(request, _("Choose words, and say what they are."))
        return
    marks = [Mark(utterance.index, first, stop, "" if label == SHOW else label) for first, stop in stretches(places)]
    try:
        corrections.correct(conversation, marks, by=request.user, seen=request.POST.get("seen", ""))
    except CorrectionRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Corrected. Transcript, audio and tags are being made again."))


def stretches(places: Sequence[int]) -> list[tuple[int, int]]:
    """Places one after the other, as first and the one after the last."""
    runs = [list(run) for _, run in groupby(enumerate(places), key=lambda each: each[1] - each[0])]
    return [(run[0][1], run[-1][1] + 1) for run in runs]


def choices_of(conversation: Conversation, utterance: Utterance) -> list[Choice]:
    """The words of an utterance."""
    hidden = {each.start_char: each for each in conversation.redactions.filter(utterance=utterance.index)}
    shown = corrections.shown_words(utterance)
    choices = []
    for place, (text, (start_char, _end)) in enumerate(zip(shown, offsets(shown), strict=True)):
        redaction = hidden.get(start_char)
        choices.append(Choice(place, text, words.label_name(redaction.label) if redaction else ""))
    return choices


def form_of(conversation: Conversation, user: User) -> dict[str, Any]:
    """What every form needs that corrects a call, also the bar under words that are chosen with the mouse."""
    labels = [(label, capfirst(words.label_name(label))) for label in words.REDACTED]
    return {
        "labels": labels,
        "seen": (conversation.transcript or {}).get("sha256", ""),
        "may_reveal": user.may_reveal,
    }


def address_of(conversation: Conversation, utterance: Utterance) -> str:
    """The page of the call, at an utterance."""
    address = reverse("conversations:detail", args=[conversation.id])
    return f"{address}?t={plain(utterance.start)}#u{utterance.index}"


@login_required
@require_POST
def release(request: HttpRequest, id: UUID) -> HttpResponse:
    """Let a quarantined call be open to all."""
    conversation = call_of(request, id)
    if not request.user.may_review:
        raise PermissionDenied
    try:
        review.release(conversation, by=request.user, seen=request.POST.get("seen", ""))
    except ReviewRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The call is released: it is open to all who may see calls."))
    return redirect("conversations:detail", conversation.id)


@login_required
@require_POST
def check(request: HttpRequest, id: UUID) -> HttpResponse:
    """Say that all of a call was looked at."""
    conversation = call_of(request, id)
    if not request.user.may_review:
        raise PermissionDenied
    try:
        review.check(conversation, by=request.user)
    except ReviewRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Noted: all of this call was checked."))
    return redirect("conversations:detail", conversation.id)
