"""The filters beside the list: each value with how many calls it would leave, and the address that sets it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Func, Max, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from conversations import words
from conversations.filters import CallFilter
from conversations.models import Batch, Conversation, Tag
from conversations.search import search_conversations

MOST = 10
Calls = QuerySet[Conversation]
Counts = Iterable[tuple[str, str, int]]  # value, its name, how many calls


@dataclass(frozen=True)
class Choice:
    """A value of a filter. ``url`` chooses it, or gives it up when it is ``chosen``."""

    value: str
    name: str
    count: int
    chosen: bool
    url: str


@dataclass(frozen=True)
class Facet:
    """A filter with its values."""

    name: str
    title: str
    choices: Sequence[Choice]


def matching_calls(request: HttpRequest, state: QueryDict) -> Calls:
    """The calls of the person's organization that filters and search leave, unordered. Raises PermissionDenied."""
    ours = Conversation.objects.of(request.user.organization)
    calls = CallFilter(state, queryset=ours, request=request).qs.order_by()
    if q := asked_for(state):
        found = search_conversations(calls.open_to(request.user), q).order_by().values("id")
        calls = ours.filter(id__in=found).order_by()
    return calls


def asked_for(state: QueryDict) -> str:
    """What is searched for; Postgres knows no text with a NUL in it."""
    return state.get("q", "").replace("\0", "").strip()


def facets_of(request: HttpRequest) -> list[Facet]:
    """Every filter that has something to choose."""
    facets = [facet_of(request, name, title, counts) for name, title, counts in FACETS]
    return [each for each in facets if each.choices]


def facet_of(request: HttpRequest, name: str, title: Any, counts: Callable[[Calls], Counts]) -> Facet:
    """One filter. Values that widen the choice are counted as if none of them were chosen, others within it."""
    state = request.GET.copy()
    if name not in NARROWING:
        state.pop(name, None)
    chosen = request.GET.getlist(name)
    calls = matching_calls(request, state)
    counted = list(counts(calls.open_to(request.user) if name in NARROWING else calls))
    known = {value for value, _name, _count in counted}
    counted += [(value, name_of(request, name, value), 0) for value in chosen if value not in known]
    choices = [
        Choice(value, label, count, value in chosen, toggled(request.GET, name, value))
        for value, label, count in counted
    ]
    return Facet(name, str(title), choices)


def toggled(state: QueryDict, name: str, value: str) -> str:
    """The address with a value chosen, or given up if it was; from the first page."""
    changed = state.copy()
    values = changed.getlist(name)
    changed.setlist(name, [each for each in values if each != value] if value in values else [*values, value])
    changed.pop("page", None)
    return f"?{changed.urlencode()}"


def chosen_filters(request: HttpRequest) -> list[Choice]:
    """What is chosen now, each with the address that gives it up."""
    return [
        Choice(value, name_of(request, name, value), 0, True, toggled(request.GET, name, value))
        for name in ("status", "tag", "agent", "language", "flag", "batch", "external_id", *DATES)
        for value in request.GET.getlist(name)
        if value
    ]


def name_of(request: HttpRequest, name: str, value: str) -> str:
    """A chosen value in words."""
    if name == "external_id":
        return _("Id: %(id)s") % {"id": value}
    if name in DATES:
        return f"{DATES[name]} {value}"
    if name == "batch":
        batch = Batch.objects.of(request.user.organization).filter(id=value).first() if is_id(value) else None
        return batch.name if batch else value
    if name == "tag":
        known = {each["tag"]: each["name"] for each in request.user.organization.taxonomy.get("tags", [])}
        return known.get(value, value)
    return NAMES.get(name, str)(value)


def is_id(value: str) -> bool:
    """Whether a value from an address can be an id at all."""
    return len(value) in (32, 36) and not set(value) - set("0123456789abcdef-")


def by_field(field: str) -> Callable[[Calls], Counts]:
    """Counts the values of a field of the call."""

    def counts(calls: Calls) -> Counts:
        rows = calls.exclude(**{field: ""}).values_list(field).annotate(Count("id")).order_by("-id__count", field)
        return [(value, NAMES[field](value), count) for value, count in rows[:MOST]]

    return counts


def by_tag(calls: Calls) -> Counts:
    """Counts the calls of each tag."""
    tags = Tag.objects.filter(conversation__in=calls.values("id")).values_list("tag")
    rows = tags.annotate(Max("name"), calls=Count("conversation", distinct=True)).order_by("-calls", "tag")
    return rows[: 2 * MOST]


def by_flag(calls: Calls) -> Counts:
    """Counts the calls of each flag, whether all of a call has it or an utterance."""
    either = Func(F("flags"), F("flags_within"), function="array_cat")
    flags = calls.annotate(flag=Func(either, function="unnest")).values_list("flag")
    return [(flag, words.flag_sentence(flag), n) for flag, n in flags.annotate(n=Count("id")).order_by("-n", "flag")]


def by_batch(calls: Calls) -> Counts:
    """Counts the calls of the latest batches."""
    rows = calls.exclude(batch=None).values_list("batch_id", "batch__name").annotate(Count("id"))
    return [(str(id), name, count) for id, name, count in rows.order_by("-batch__created_at")[:MOST]]


def status_name(status: str) -> str:
    """A status in words."""
    return capfirst(str(dict(Conversation.Status.choices).get(status, status)))


NAMES: dict[str, Callable[[str], str]] = {
    "status": status_name,
    "language": lambda code: capfirst(words.language_name(code)),
    "agent": str,
    "flag": words.flag_sentence,
}
DATES = {"started_after": _("from"), "started_before": _("before")}
NARROWING = {"tag", "flag"}  # they tell what is said, and so count no call that is closed to who asks
FACETS: tuple[tuple[str, Any, Callable[[Calls], Counts]], ...] = (
    ("status", _("Status"), by_field("status")),
    ("tag", _("Tag"), by_tag),
    ("agent", _("Agent"), by_field("agent")),
    ("language", _("Language"), by_field("language")),
    ("flag", _("Flag"), by_flag),
    ("batch", _("Batch"), by_batch),
)
