"""The policy of an organization: what of all that was found is hidden.

When a rule of these cannot tell, all of a stretch is hidden.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from pipeline.documents import RedactionPolicy
from pipeline.services.anonymization.detectors import Found
from pipeline.services.anonymization.reading import Call, Item, Kind, Line
from pipeline.services.anonymization.vocabulary import MAIL_ENDINGS, MAIL_HOSTS

AGENT = "agent"
OPENING = 3  # turns of an agent in which "this is Laura" is about the agent
YEARS = range(1900, 2036)
CENTURIES = ("19", "20")
POSTCODE = 5  # digits
IN = frozenset(("in", "à"))

Stretch = tuple[int, int]
"""Offsets in the text of the call."""


def hidden(call: Call, found: Iterable[Found], policy: RedactionPolicy, places: Sequence[Stretch]) -> list[Found]:
    """What the policy hides of what was found. ``places`` are the towns and countries that the entity tagger saw."""
    found = list(found)
    own = agents_names(call, found) if policy.agent_name else []
    kept: list[Found] = []
    for each in found:
        if each.label in policy.keep or (each.label == "NAME" and _is_part(call, each, own)):
            continue
        if each.label in policy.generalize and each.label in GENERAL:
            kept += _without(call, each, list(GENERAL[each.label](call, each, places)))
        else:
            kept.append(each)
    return kept


# ── The agent's own name ─────────────────────────────────────────────────────────────────────────────────────────


def agents_names(call: Call, found: Sequence[Found]) -> list[frozenset[str]]:
    """The words of each name by which an agent introduces themself, unless somebody else bears it too."""
    names: list[frozenset[str]] = []
    others: set[str] = set()
    turns = 0
    for index, line in enumerate(call.lines):
        agent = line.speaker == AGENT
        turns += agent
        kinds = {"own", "own_to_caller", "after"} | ({"own_opening"} if turns <= OPENING else set())
        for each in found:
            if each.label != "NAME" or call.line_at(each.start) != index:
                continue
            if _introduction(call, line, each) in (kinds if agent else {"own"}):
                words = frozenset(call.value(each.start, each.end).split())
                names += [words] if agent else []
                others |= set() if agent else words
    return [name for name in names if not name & others]


def _introduction(call: Call, line: Line, name: Found) -> str:
    """How the speaker says that a name is their own ("" = it is not). A question tells nothing."""
    within = call.tokens_in(line, name.start, name.end)
    after = within[-1] + 1
    following = call.phrase_at(call.words.own_after, after, line.stop) if after < line.stop else None
    end = following.last + 1 if following else after
    if end < line.stop and call.tokens[end].text == "?":
        return ""
    if following:
        return "after"
    for cue in call.phrases(call.words.own_introductions, line):
        if cue.last < within[0] and all(_says_nothing(call, at) for at in range(cue.last + 1, within[0])):
            return cue.told
    return ""


def _says_nothing(call: Call, position: int) -> bool:
    token = call.tokens[position]
    return not token.text.isalnum() or token.fold in call.words.titles or token.fold in call.words.fillers


def _is_part(call: Call, name: Found, own: Sequence[frozenset[str]]) -> bool:
    words = frozenset(call.value(name.start, name.end).split())
    return any(words <= each for each in own)


# ── Generalizing ─────────────────────────────────────────────────────────────────────────────────────────────────


def _without(call: Call, found: Found, general: Sequence[Stretch]) -> list[Found]:
    """What is left of a stretch without its general parts, from the first to the last character that tells something.

    What shares a word with a hidden part is hidden with it, since a placeholder stands for whole words.
    """
    edges = [found.start, *(edge for part in sorted(general) for edge in part), found.end]
    pieces: list[Found] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        telling = [place for place in range(start, end) if call.text[place].isalnum()]
        if telling:
            pieces.append(found._replace(start=telling[0], end=telling[-1] + 1))
    return pieces


def _place(call: Call, items: Sequence[Item]) -> Stretch:
    return call.tokens[items[0].first].start, call.tokens[items[-1].last].end


def _town(call: Call, found: Found, places: Sequence[Stretch]) -> Iterator[Stretch]:
    """The town, region and country of an address: the places after its street, each next to a comma or a postcode."""
    items = call.items_in(found.start, found.end)
    inside = sorted(place for place in places if found.start <= place[0] and place[1] <= found.end)
    spans = [[number for number, item in enumerate(items) if _within(call, item, place)] for place in inside]
    starts = {span[0] for span in spans if span}
    before = 0  # where the last town ended
    for span in spans:
        if not span or any(items[number].kind is Kind.DIGITS for number in span) or span[0] < before:
            continue
        last, following = span[-1], span[-1] + 1
        ends = following == len(items) or following in starts or items[following].kind is not Kind.WORD
        if ends and _after_street(call, items, span[0], before) and not _has_street(call, items[following:]):
            before = following
            yield _place(call, items[span[0] : last + 1])


def _within(call: Call, item: Item, place: Stretch) -> bool:
    return place[0] <= call.tokens[item.first].start and call.tokens[item.last].end <= place[1]


def _after_street(call: Call, items: Sequence[Item], first: int, before: int) -> bool:
    """Whether what stands right before a place ends the street: "street", a comma, a postcode, "in", another town."""
    if first == 0:
        return False
    last = items[first - 1]
    said = [item for item in items[:first] if item.value.isalnum()]
    street = _has_street(call, said)
    if first == before or call.tokens[last.first].text.casefold() in IN:
        return street
    if last.value == ",":
        return street and any(item.kind is Kind.DIGITS for item in said)
    if last.kind is Kind.DIGITS:
        return len(last.value) >= POSTCODE or (len(said) > 1 and said[-2].value in call.words.flats)
    return last.value in call.words.street_after


def _has_street(call: Call, items: Sequence[Item]) -> bool:
    words = call.words
    return any(item.value in words.street_after or item.value in words.street_before for item in items)


def _year(call: Call, found: Found, _places: Sequence[Stretch]) -> Iterator[Stretch]:
    """The year at the start or the end of a date, in four figures or as "nineteen eighty five" after day and month."""
    items = [item for item in call.items_in(found.start, found.end) if item.value.isalnum()]
    digits = [item for item in items if item.kind is Kind.DIGITS]
    for edge in dict.fromkeys((items[-1], items[0])):
        if edge.kind is Kind.DIGITS and len(edge.value) == 4 and int(edge.value) in YEARS:
            yield _place(call, [edge])
            return
    spoken = items[-2:] == digits[-2:] and len(digits) == 3 and [len(item.value) for item in digits[-2:]] == [2, 2]
    if spoken and digits[-2].value in CENTURIES and any(item.value in call.words.months for item in items):
        yield _place(call, digits[-2:])


def _host(call: Call, found: Found, _places: Sequence[Stretch]) -> Iterator[Stretch]:
    """The host of an e-mail address, if it is one of everybody's: a host of one's own tells whose it is."""
    items = call.items_in(found.start, found.end)
    ats = [number for number, item in enumerate(items) if item.value in call.words.at_words]
    host = items[ats[-1] + 1 :] if ats else items
    named = [item for item in host if item.value not in call.words.dot_words]
    if named and named[0].value in MAIL_HOSTS and all(item.value in MAIL_ENDINGS for item in named[1:]):
        yield _place(call, [named[0], named[-1]])


GENERAL: dict[str, Callable[[Call, Found, Sequence[Stretch]], Iterator[Stretch]]] = {
    "ADDRESS": _town,
    "DATE_OF_BIRTH": _year,
    "EMAIL": _host,
}
"""For each label of ``GENERALIZABLE``: the parts of a stretch that tell no one person."""
