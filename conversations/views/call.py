"""The page of one call: what was said, by whom, what is hidden, what it is about, how far it is."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from conversations import joins, timeline, words
from conversations.forms import ReprocessForm
from conversations.models import Conversation, Entity, Role, User
from conversations.services import calls
from conversations.services.calls import CallDetails
from conversations.services.choices import ReprocessingRefused
from conversations.services.raw_data import RawPurged
from conversations.services.speakers import SwapRefused, orders_of, pair_of, swap_speakers
from conversations.stages import stages_of
from conversations.views.compare import comparable_runs
from conversations.views.player import picture_of
from conversations.views.processing import mishaps_of, progress_of
from conversations.views.proof import proof_of, review_of
from conversations.views.review import form_of
from conversations.views.scope import CallIsClosed, call_of, listed_call_of
from conversations.views.tags import TagLine, index_of, notice_of, panel, tag_lines
from conversations.views.transcript import AGENT, passages_of, withheld_of
from pipeline.sealing import KeyMissing
from pipeline.storage import StorageError

MOMENTS_SHOWN = 200
NUMBERS = {"CARDINAL", "ORDINAL", "QUANTITY", "PERCENT", "DATE", "TIME"}


@dataclass(frozen=True)
class Named:
    """Entities of a kind: each text with how often it is said and the moment of the first time."""

    label: str
    underlined: bool
    texts: Sequence[tuple[str, int, float, int]]


@login_required
@require_safe
def detail(request: HttpRequest, id: UUID) -> HttpResponse:
    """The whole page; of a call that is closed to the person only that it is."""
    try:
        conversation = call_of(request, id)
    except CallIsClosed as closed:
        context = {"conversation": listed_call_of(request, id), "sentence": str(closed)}
        return render(request, "parley/call/closed.html", context, status=403)
    context = parts(conversation, request.user, set(fingerprints(conversation)), done=request.GET.dict())
    context |= {"details": details(conversation, request.user), "begin": moment_asked(request)}
    context["may_open_raw"] = request.user.may_open_raw
    if may_operate(request.user):
        moments = timeline.moments_of(*timeline.history_of(conversation.id))
        context["timeline"] = timeline.for_page(moments, MOMENTS_SHOWN)
    return render(request, "parley/call/page.html", context)


@login_required
@require_safe
def live(request: HttpRequest, id: UUID) -> HttpResponse:
    """What has changed on the page since ``seen``, which the page got with its last answer.

    A page whose call is closed or opened meanwhile is loaded again.
    """
    was_closed = request.GET.get("seen") == "closed"
    try:
        conversation = call_of(request, id)
    except CallIsClosed:
        return HttpResponse(status=204, headers={} if was_closed else {"HX-Refresh": "true"})
    if was_closed:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    seen = set(request.GET.get("seen", "").split(","))
    fresh = {name for name, print in fingerprints(conversation).items() if f"{name}:{print}" not in seen}
    return render(request, "parley/call/live.html", parts(conversation, request.user, fresh))


@login_required
@require_POST
def retry(request: HttpRequest, id: UUID) -> HttpResponse:
    """Let what failed run again."""
    if not request.user.may_upload:
        raise PermissionDenied
    conversation = listed_call_of(request, id)
    if calls.retry(request.user.organization, [conversation.id]):
        messages.success(request, _("The call is being processed again."))
    return redirect("conversations:detail", conversation.id)


@login_required
@require_POST
def reprocess(request: HttpRequest, id: UUID) -> HttpResponse:
    """Let the call go through all its steps again, with what the form says in place of the settings of today."""
    if not request.user.may_upload:
        raise PermissionDenied
    conversation = listed_call_of(request, id)
    form = ReprocessForm(conversation.organization, request.POST)
    try:
        if form.is_valid():
            calls.reprocess(conversation, form.choices())
            messages.success(request, _("The call is being processed again. What is here stays until it is replaced."))
    except (RawPurged, ReprocessingRefused) as refusal:
        messages.error(request, str(refusal))
    for problem in (each for several in form.errors.values() for each in several):
        messages.error(request, problem)
    return redirect("conversations:detail", conversation.id)


@login_required
@require_POST
def swap(request: HttpRequest, id: UUID) -> HttpResponse:
    """Say who is agent and who is customer, or exchange them. Not for agents.

    It changes who said what for everyone, and rule tags with it.
    """
    if not request.user.may_upload:
        raise PermissionDenied
    conversation = call_of(request, id)
    try:
        swap_speakers(conversation, request.POST.getlist("speaker"))
    except SwapRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The speakers are as you said. Tags that rules give are being given anew."))
    return redirect("conversations:detail", conversation.id)


def parts(
    conversation: Conversation, user: User, fresh: set[str], done: dict[str, str] | None = None
) -> dict[str, Any]:
    """What the templates of the page need for the parts that are ``fresh``."""
    context: dict[str, Any] = {
        "conversation": conversation,
        "fresh": fresh,
        "seen": ",".join(f"{name}:{print}" for name, print in fingerprints(conversation).items()),
        "progress": progress_of(conversation, stages_of(conversation)),
        "mishaps": mishaps_of(conversation),
        "may_retry": user.may_upload,
        "may_review": user.may_review,
        "corrected": joins.correction_of(conversation.run) is not None,
        "form": form_of(conversation, user),
        "again": ReprocessForm(conversation.organization),
    }
    if user.may_upload and context["progress"].finished and conversation.transcript:
        context["swaps"] = swaps_of(conversation)
    lines = tag_lines(conversation)
    if "transcript" in fresh:
        context["passages"] = passages_of(conversation, [each.tag for each in lines])
        context["withheld"] = withheld_of(conversation)
        context["named"] = named_in(conversation)
        context["runs"] = comparable_runs(conversation, user)
    if "player" in fresh:
        context["picture"] = picture_of(conversation, lines)
    if "proof" in fresh:
        context["proof"] = proof_of(conversation)
    if "tags" in fresh:
        context["panel"] = tag_panel(conversation, lines, done or {})
    return context


def swaps_of(conversation: Conversation) -> list[tuple[Sequence[str], str]]:
    """How its two speakers may be named otherwise, and what a button says that names them so."""
    pair = pair_of(conversation)
    orders = orders_of(pair) if pair else ()
    if pair is None or len(orders) == 1:
        return [(order, _("Swap the speakers")) for order in orders]
    return [
        (order, _("%(speaker)s is the agent") % {"speaker": words.speaker_name(pair[order.index(AGENT)])})
        for order in orders
    ]


def tag_panel(conversation: Conversation, lines: Sequence[TagLine], done: dict[str, str]) -> dict[str, Any]:
    """The tags and their form; without script, the address says what a new tag goes on and what was just done."""
    index = index_of(done.get("on", ""))
    target = None if index is None else conversation.utterances.filter(index=index).first()
    return panel(conversation, lines, target=target, notice=notice_of(conversation, done))


def fingerprints(conversation: Conversation) -> dict[str, str]:
    """What tells whether a part of the page has changed: a short digest for each."""
    tags = ",".join(map(str, conversation.tags.order_by("id").values_list("id", flat=True)))
    review = review_of(conversation)
    sources = {
        "transcript": (conversation.transcript or {}).get("sha256", ""),
        "player": (conversation.player or {}).get("sha256", "") + (conversation.transcript or {}).get("sha256", ""),
        "tags": tags,
        "proof": f"{(conversation.receipt or {}).get('sha256')} {conversation.status} {review and review.reviewed_at}",
    }
    return {name: hashlib.sha256(source.encode()).hexdigest()[:8] for name, source in sources.items()}


def named_in(conversation: Conversation) -> list[Named]:
    """The entities of a call by kind, the kinds with most of them first."""
    starts = dict(conversation.utterances.values_list("index", "start"))
    kinds: dict[str, dict[str, list[Entity]]] = {}
    for entity in conversation.entities.all():
        kinds.setdefault(entity.label, {}).setdefault(entity.text, []).append(entity)
    named = [
        Named(
            label=label,
            underlined=label not in NUMBERS,
            texts=[
                (text, len(all), starts.get(all[0].utterance, 0.0), all[0].utterance) for text, all in texts.items()
            ],
        )
        for label, texts in kinds.items()
    ]
    return sorted(named, key=lambda each: (not each.underlined, -len(each.texts), each.label))


def details(conversation: Conversation, user: User) -> CallDetails | None:
    """What the sender said about the call, for who may see it and while its key is there."""
    if not user.may_see_details:
        return None
    try:
        return calls.details_of(conversation)
    except (StorageError, KeyMissing):
        return None


def may_operate(user: User) -> bool:
    """Who looks after the installation sees what happened under the hood."""
    return user.role == Role.ADMIN


def moment_asked(request: HttpRequest) -> str:
    """The second of the call at which the page is to begin, as ``?t=`` says; "" when it says nothing of use."""
    try:
        seconds = float(request.GET.get("t", ""))
    except ValueError:
        return ""
    return f"{seconds:.2f}" if 0 <= seconds < 10**6 else ""
