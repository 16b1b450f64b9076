"""The list of calls: search, filters, pages, and what is done to many at once. All its state is in the address."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import F, OrderBy, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from conversations.filters import CallFilter
from conversations.models import Conversation, Tag, User
from conversations.models.review import is_open
from conversations.search import Hit, best_passages, search_conversations
from conversations.services import calls, tagging
from conversations.stages import stages_of_many
from conversations.views.facets import asked_for, chosen_filters, facets_of
from conversations.views.processing import FINISHED, Progress, progress_of
from conversations.views.strips import strips_of
from conversations.views.tags import known_tags, uuid_or_none

ROWS = 25
WHEN = Coalesce("started_at", "received_at")
ORDERS: dict[str, tuple[Promise, OrderBy]] = {
    "newest": (gettext_lazy("Newest first"), WHEN.desc()),
    "oldest": (gettext_lazy("Oldest first"), WHEN.asc()),
    "longest": (gettext_lazy("Longest first"), F("duration").desc(nulls_last=True)),
    "shortest": (gettext_lazy("Shortest first"), F("duration").asc(nulls_last=True)),
}
BEST, NEWEST = "best", "newest"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A call in the list. Of one that is closed to who looks, nothing that tells of what is said in it."""

    conversation: Conversation
    strip: Sequence[str]
    tags: Sequence[str]
    flags: Sequence[str]
    progress: Progress
    passages: Sequence[Hit] = field(default_factory=list)
    more_hits: int = 0


@login_required
@require_safe
def call_list(request: HttpRequest) -> HttpResponse:
    """The calls that search and filters leave."""
    q = asked_for(request.GET)
    ours = Conversation.objects.of(request.user.organization)
    asked = CallFilter(request.GET, queryset=ours, request=request)
    order = request.GET.get("sort", "")
    order = order if order in ORDERS else BEST if q else NEWEST
    page = Paginator(in_order(asked.qs, q, order, request.user), ROWS).get_page(request.GET.get("page"))
    rows = rows_of(page, request.user, q)
    context = {
        "q": q, "page": page, "rows": rows, "unfinished": [each for each in rows if not each.progress.finished],
        "facets": facets_of(request), "chosen": chosen_filters(request), "problems": asked.form.errors,
        "orders": orders_of(request, q), "order": order, "state": state_of(request),
        "pages": pages_of(request, page), "known": known_tags(request.user.organization),
        "any": page.paginator.count or ours.exists(),
    }  # fmt: skip
    return render(request, "parley/list/page.html", context)


def in_order(asked: QuerySet[Conversation], q: str, order: str, user: User) -> QuerySet[Conversation]:
    """The calls in an order; those that a search finds when there is one, each with its ``hits``."""
    found = search_conversations(asked.open_to(user), q) if q else asked
    return found if order == BEST else found.order_by(ORDERS[order][1], "-id")


def orders_of(request: HttpRequest, q: str) -> list[tuple[str, Promise, str]]:
    """Each order with its name and the address of the list in it, from the first page."""
    names = {BEST: gettext_lazy("Best first")} if q else {}
    names |= {order: name for order, (name, _expression) in ORDERS.items()}
    orders = []
    for order, name in names.items():
        state = request.GET.copy()
        state.pop("page", None)
        state["sort"] = order
        orders.append((order, name, f"?{state.urlencode()}"))
    return orders


def rows_of(page: Page | Sequence[Conversation], user: User, q: str = "") -> list[Row]:
    """What the list shows of each call of a page."""
    shown = list(page)
    opened = [each for each in shown if is_open(each, user)]
    flags = {each.id: each.flags for each in opened}
    strips, stages = strips_of(opened), stages_of_many(shown)
    passages = best_passages(opened, q) if q else {}
    tags: dict[UUID, dict[str, str]] = {each.id: {} for each in shown}
    for id, slug, name in (
        Tag.objects.filter(conversation__in=opened).order_by("name").values_list("conversation_id", "tag", "name")
    ):
        tags[id][slug] = name
    return [
        Row(
            conversation=each,
            strip=strips.get(each.id, ()),
            tags=list(tags[each.id].values()),
            flags=flags.get(each.id, ()),
            progress=progress_of(each, stages[each.id]),
            passages=passages.get(each.id, ()),
            more_hits=getattr(each, "hits", 0) - len(passages.get(each.id, ())),
        )
        for each in shown
    ]


def state_of(request: HttpRequest) -> list[tuple[str, str]]:
    """The state of the list but for its page, as the fields of a form."""
    return [(name, value) for name, values in request.GET.lists() if name != "page" for value in values if value]


def pages_of(request: HttpRequest, page: Page) -> list[tuple[str, str]]:
    """Number and address of the pages around this one; the address of this one and of gaps is ""."""
    links = []
    for number in page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1):
        state = request.GET.copy()
        state["page"] = str(number)
        gap = number == Paginator.ELLIPSIS or number == page.number
        links.append((str(number), "" if gap else f"?{state.urlencode()}"))
    return links


@login_required
@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """How far the calls of the list are that were not finished when it was last shown."""
    ids = [id for id in map(uuid_or_none, request.GET.getlist("id")[:ROWS]) if id]
    rows = rows_of(list(Conversation.objects.of(request.user.organization).filter(id__in=ids)), request.user)
    unfinished = [each for each in rows if each.conversation.status not in FINISHED]
    return render(request, "parley/list/progress.html", {"rows": rows, "unfinished": unfinished})


@login_required
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Do to the chosen calls what the button says: retry or tag."""
    ids = [id for id in map(uuid_or_none, request.POST.getlist("call")) if id]
    chosen = Conversation.objects.of(request.user.organization).filter(id__in=ids)
    if not ids:
        messages.error(request, _("Choose calls first, by the boxes before them."))
    elif request.POST.get("action") == "retry":
        retry(request, ids)
    elif request.POST.get("action") == "tag":
        tag(request, list(chosen.open_to(request.user)))
    return redirect(back_to(request))


def retry(request: HttpRequest, ids: Sequence[UUID]) -> None:
    """Let what failed run again. Raises PermissionDenied."""
    if not request.user.may_upload:
        raise PermissionDenied
    number = calls.retry(request.user.organization, ids)
    if number:
        text = ngettext("%(n)d call is being processed again.", "%(n)d calls are being processed again.", number)
        messages.success(request, text % {"n": number})
    else:
        messages.info(request, _("None of these calls has failed, so there was nothing to try again."))


def tag(request: HttpRequest, chosen: Sequence[Conversation]) -> None:
    """Tag the calls with what was typed."""
    name = request.POST.get("tag", "").replace("\0", "")
    try:
        for each in chosen:
            tagging.tag(each, name, by=request.user)
    except tagging.TagRefused as refusal:
        messages.error(request, str(refusal))
    else:
        text = ngettext("Tagged %(n)d call “%(tag)s”.", "Tagged %(n)d calls “%(tag)s”.", len(chosen))
        messages.success(request, text % {"n": len(chosen), "tag": name.strip()})


def back_to(request: HttpRequest) -> str:
    """The list as it was, if the form says it in a way to be trusted."""
    address = request.POST.get("next", "")
    trusted = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()})
    return address if trusted else reverse("conversations:list")
