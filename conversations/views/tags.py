"""The tags of a call: as the page lists them, and giving and taking them by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import Truncator, slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations.models import Conversation, Organization, Tag, Utterance
from conversations.services import tagging
from conversations.templatetags.parley import plain
from conversations.views.scope import call_of

KEYS = 9


@dataclass(frozen=True)
class Moment:
    """A moment that speaks for a tag, and what is said then."""

    start: float
    utterance: int
    words: str


@dataclass(frozen=True)
class TagLine:
    """A tag with who or what gave it."""

    tag: Tag
    giver: str
    evidence: Sequence[Moment]


@dataclass(frozen=True)
class Notice:
    """What was just done, and how to undo it: an address to post ``fields`` to."""

    sentence: str
    url: str
    fields: Mapping[str, Any]


def tag_lines(conversation: Conversation) -> list[TagLine]:
    """The tags of a call by name: those on the whole call, then those on its utterances."""
    tags = list(conversation.tags.select_related("created_by").order_by("name", "kind", "utterance"))
    on = {each.utterance for each in tags if each.utterance is not None and not each.evidence}
    said = {each.index: each for each in conversation.utterances.filter(index__in=on).defer("search", "words")}
    return [TagLine(each, giver(each), evidence(each, said)) for each in tags]


def giver(tag: Tag) -> str:
    """Who or what gave a tag."""
    if tag.kind == Tag.Kind.RULE:
        return _("by a rule")
    if tag.created_by is None:
        return _("by hand")
    return _("by %(person)s") % {"person": tag.created_by.get_full_name() or tag.created_by.get_username()}


def evidence(tag: Tag, said: Mapping[int, Utterance]) -> list[Moment]:
    """Where a tag comes from; a hand tag on an utterance points to that."""
    if tag.utterance in said and not tag.evidence:
        utterance = said[tag.utterance]
        return [Moment(utterance.start, utterance.index, Truncator(utterance.text).words(12))]
    return [Moment(each["start"], each["utterance"], each["words"]) for each in tag.evidence]


def known_tags(organization: Organization) -> list[tuple[str, str]]:
    """Slug and name of each tag of the taxonomy, in its order; the first nine have a key."""
    return [(each["tag"], each["name"]) for each in organization.taxonomy.get("tags", [])]


def panel(conversation: Conversation, lines: Sequence[TagLine], **more: Any) -> dict[str, Any]:
    """What the list of tags and its form show. ``target`` is the utterance that a new tag goes on, or None."""
    known = known_tags(conversation.organization)
    return {"lines": lines, "known": known, "keys": known[:KEYS], "target": None, "notice": None, **more}


@login_required
@require_POST
def tag(request: HttpRequest, id: UUID) -> HttpResponse:
    """Tag a call, or the utterance that the form names."""
    conversation = call_of(request, id)
    utterance = index_of(request.POST.get("utterance", ""))
    name = (request.POST.get("quick") or request.POST.get("tag", "")).replace("\0", "")
    try:
        given = tagging.tag(conversation, name, by=request.user, utterance=utterance)
    except tagging.TagRefused as refusal:
        return answer(request, conversation, problem=str(refusal), utterance=utterance)
    return answer(request, conversation, utterance=utterance, given=given.id)


@login_required
@require_POST
def untag(request: HttpRequest, id: UUID, tag_id: UUID) -> HttpResponse:
    """Take a tag away, whoever or whatever gave it."""
    conversation = call_of(request, id)
    given = get_object_or_404(conversation.tags, id=tag_id)
    tagging.untag(given)
    return answer(request, conversation, utterance=given.utterance, removed=given.tag, called=given.name)


def answer(request: HttpRequest, conversation: Conversation, problem: str = "", **done: Any) -> HttpResponse:
    """The part of the page that changed; without script, the page again, with what was done in its address."""
    done = {name: str(value) for name, value in done.items() if value is not None}
    if not request.htmx:
        if problem:
            messages.error(request, problem)
        address = reverse("conversations:detail", args=[conversation.id])
        return redirect(f"{address}?{urlencode(done)}#tags")
    lines = tag_lines(conversation)
    context = {
        "conversation": conversation,
        "panel": panel(conversation, lines, notice=notice_of(conversation, done)),
        "problem": problem,
        "touched": touched(conversation, lines, done),
    }
    return render(request, "parley/call/tagged.html", context, status=422 if problem else 200)


def touched(conversation: Conversation, lines: Sequence[TagLine], done: Mapping[str, str]) -> dict[str, Any] | None:
    """The utterance whose tags changed, with those it has now."""
    index = index_of(done.get("utterance", ""))
    if index is None:
        return None
    return {"index": index, "tags": [each.tag for each in lines if each.tag.utterance == index]}


def notice_of(conversation: Conversation, done: Mapping[str, str]) -> Notice | None:
    """What an address says was done (a tag's id ``given``, or its slug ``removed`` and its name), with its undoing."""
    if given := conversation.tags.filter(id=uuid_or_none(done.get("given"))).first():
        address = reverse("conversations:untag", args=[conversation.id, given.id])
        return Notice(_("Tagged “%(tag)s”.") % {"tag": given.name}, address, {})
    removed, utterance = slugify(done.get("removed", "")), index_of(done.get("utterance", ""))
    if not removed or conversation.tags.filter(tag=removed, utterance=utterance).exists():
        return None
    name = tagging.tag_name(conversation, removed, done.get("called") or removed)
    address = reverse("conversations:tag", args=[conversation.id])
    return Notice(_("Removed “%(tag)s”.") % {"tag": name}, address, {"tag": name, "utterance": plain(utterance)})


def index_of(text: str) -> int | None:
    """The index of an utterance from a form or an address, if it can be one."""
    return int(text) if text.isdecimal() and len(text) < 9 else None


def uuid_or_none(text: str | None) -> UUID | None:
    """An id from an address, if it is one."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
