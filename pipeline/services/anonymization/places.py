"""Street addresses, written and spoken. A town alone stays; one that ends a street address goes with it."""

from collections.abc import Iterator

from pipeline.services.anonymization.context import YEAR, Match, Score, cues_for, opens_answer
from pipeline.services.anonymization.reading import Call, Item, Kind

LONGEST_STREET = 4  # words between the number and "street"
LONGEST_TAIL = 10  # items after the street: flat, town, state, postcode
LONGEST_ANSWER = 16  # items of what is said to be an address
POSTCODE = 5  # digits
POSTCODE_LENGTHS = (5, 6, 9)
OTHER = ("PHONE", "EMAIL", "CARD")  # what is told after an address
CUE_REACH = 3  # words between "address is" and the address


def find_addresses(call: Call) -> Iterator[Match]:
    """Street addresses by their shape, and what is said to be an address."""
    for index, items in enumerate(call.items):
        yield from _streets(call, items, index)
        yield from _told(call, items, index, call.expected[index])
        yield from _before_postcode(call, items)


def _streets(call: Call, items: list[Item], index: int) -> Iterator[Match]:
    asked = "ADDRESS" in call.expected[index]
    for position, item in enumerate(items):
        if phrase := call.phrase_at(call.words.street_phrases, item.first, call.lines[index].stop):
            end = next(number for number, each in enumerate(items) if each.last >= phrase.last)
            if end + 1 < len(items):
                yield Match(item.first, items[_tail(call, items, end)].last, "ADDRESS", Score.CHECKED)
            continue
        if item.value in call.words.flats and (last := _flat(items, position)):
            yield Match(item.first, items[last].last, "ADDRESS", Score.SHAPE)
            continue
        if item.value in call.words.street_after or _ends_street(call, items, position, index):
            start = _start_before(call, items, position, asked=asked)
        elif item.value in call.words.street_before and _names_street(call, items, position, index):
            start = _number_before(items, position)
        else:
            continue
        if start is not None:
            score = Score.CHECKED if asked and items[start].kind is Kind.DIGITS else Score.TOLD
            yield Match(items[start].first, items[_tail(call, items, position)].last, "ADDRESS", score)
        elif position and _names_place(call, items[position - 1]):
            last = _postcode_after(call, items, position)  # "mill lane leeds 41522"
            if last is not None:
                yield Match(items[position - 1].first, items[last].last, "ADDRESS", Score.SHAPE)


def _names_place(call: Call, item: Item) -> bool:
    return item.kind is Kind.WORD and item.value.isalpha() and not _is_stop(call, item)


def _start_before(call: Call, items: list[Item], position: int, *, asked: bool) -> int | None:
    """The house number before "baker street"; in an answer a comma may part them."""
    words = 0
    for at in range(position - 1, -1, -1):
        item = items[at]
        if item.kind is Kind.DIGITS:
            return _first_of_number(items, at) if words and not _is_year_of_thing(call, items, at) else None
        after_number = asked and item.value == "," and at > 0 and items[at - 1].kind is Kind.DIGITS
        if item.kind is Kind.LETTERS or item.value in ".-'’" or after_number:
            words += item.kind is Kind.LETTERS
        elif item.value in call.words.address_stop - {"the"} or not item.value.isalnum() or words == LONGEST_STREET:
            return None
        else:
            words += 1
    return None


def _is_year_of_thing(call: Call, items: list[Item], at: int) -> bool:
    """Whether a number is the year of "a 2018 Tesla"."""
    return at > 0 and items[at - 1].value in call.words.determiners and bool(YEAR.fullmatch(items[at].value))


def _before_postcode(call: Call, items: list[Item]) -> Iterator[Match]:
    """A number, a few words and a postcode: "143 kani complex pune 411001"."""
    position = 0
    while position < len(items):
        end = _postcode_after(call, items, position) if items[position].kind is Kind.DIGITS else None
        if end is not None:
            yield Match(items[position].first, items[end].last, "ADDRESS", Score.SHAPE)
        position = position + 1 if end is None else end + 1


def _postcode_after(call: Call, items: list[Item], start: int) -> int | None:
    words = 0
    for at in range(start + 1, min(start + LONGEST_ANSWER, len(items))):
        item = items[at]
        if item.kind is Kind.DIGITS and len(item.value) in POSTCODE_LENGTHS and words:
            return at
        if item.kind is Kind.WORD and item.value.isalnum():
            words += 1
            if item.value in call.words.units_after or _is_stop(call, item):
                return None
        elif item.value not in ".,-'’/#" and item.kind not in (Kind.DIGITS, Kind.LETTERS):
            return None
    return None


def _flat(items: list[Item], position: int) -> int | None:
    """The number of "apt. 460"."""
    for at in range(position + 1, min(position + 3, len(items))):
        if items[at].kind is Kind.DIGITS:
            return at
        if items[at].kind is Kind.WORD:
            return None
    return None


def _ends_street(call: Call, items: list[Item], position: int, index: int) -> bool:
    """Whether a word such as "center" ends a street: it has a capital, or a postcode follows."""
    if items[position].value not in call.words.street_after_capital:
        return False
    capital = call.lines[index].cased and call.tokens[items[position].first].text[0].isupper()
    return capital or any(
        item.kind is Kind.DIGITS and len(item.value) >= POSTCODE
        for item in items[position + 1 : position + LONGEST_TAIL]
    )


def _first_of_number(items: list[Item], at: int) -> int:
    """The first item of a number that is said in several ("two twenty one")."""
    while at > 0 and (items[at - 1].kind in (Kind.DIGITS, Kind.LETTERS) or items[at - 1].value in "-/,"):
        at -= 1
    while items[at].kind is Kind.JOINT:
        at += 1
    return at


def _number_before(items: list[Item], position: int) -> int:
    """The house number before "bis rue", or the street itself."""
    at = position - 1
    while at >= 0 and items[at].value in ("bis", "ter", "quater", ",", "-"):
        at -= 1
    return _first_of_number(items, at) if at >= 0 and items[at].kind is Kind.DIGITS else position


def _names_street(call: Call, items: list[Item], position: int, index: int) -> bool:
    """Whether a name or a number stands by a word such as "place" or "cours", which are everyday words too."""
    if _number_before(items, position) != position:
        return position + 1 < len(items)
    following = next((item for item in items[position + 1 :] if item.value not in call.words.address_extra), None)
    if following is None or not call.lines[index].cased:
        return False
    token = call.tokens[following.first]
    return token.text[0].isupper() and following.kind is Kind.WORD


def _tail(call: Call, items: list[Item], position: int) -> int:
    """The last item that goes with a street: its name (French), flat, town, postcode."""
    words, last = call.words, position
    for at in range(position + 1, min(position + 1 + LONGEST_TAIL, len(items))):
        item = items[at]
        extra = item.value in words.address_extra
        if item.kind is Kind.DIGITS or item.kind is Kind.LETTERS or (item.value.isalnum() and not _is_stop(call, item)):
            last = at if not (extra and item.kind is Kind.WORD and len(item.value) < 3) else last
        elif item.value in ".,-'’/" or extra or item.kind is Kind.JOINT:
            if item.value == "." and not _goes_on(call, items, at):
                break
        else:
            break
    return last


def _is_stop(call: Call, item: Item) -> bool:
    words = call.words
    if item.value in words.address_stop or item.kind is Kind.FILLER or item.value in words.never_names:
        return True
    return _tells_other(call, item)


def _tells_other(call: Call, item: Item) -> bool:
    """Whether another datum is told from here on: "… boston contact number 617"."""
    if item.value not in call.words.cues:
        return False
    stop = call.lines[call.line_of(item.first)].stop
    cue = call.phrase_at(call.words.cues, item.first, stop)
    if not cue or cue.told not in OTHER:
        return False
    return cue.last > cue.first or (cue.last + 1 < stop and call.tokens[cue.last + 1].text.isdigit())


def _goes_on(call: Call, items: list[Item], at: int) -> bool:
    """Whether a full stop only shortens ("Main St. Boston"): the word before it is a short one for a street."""
    return at > 0 and len(items[at - 1].value) <= 4 and items[at - 1].value in call.words.street_after


def _told(call: Call, items: list[Item], index: int, expected: tuple[str, ...]) -> Iterator[Match]:
    """What follows "my address is", and the answer to "your address?", from its first number."""
    places = [(cue.last + 1, CUE_REACH) for cue in cues_for(call, index, "ADDRESS")]
    if not places and "ADDRESS" in expected:
        places = [(call.lines[index].first, LONGEST_ANSWER)]
    for begin, reach in places:
        after = [number for number, item in enumerate(items) if item.first >= begin]
        start = next((number for number in after[: reach + 1] if items[number].kind is Kind.DIGITS), None)
        if start is None or (start + 1 < len(items) and items[start + 1].value in call.words.units_after):
            continue
        last = start
        for at in range(start + 1, min(start + LONGEST_ANSWER, len(items))):
            item = items[at]
            if item.kind is Kind.WORD and (_is_stop(call, item) or item.value in "?!;:"):
                break
            if item.value == "." and not _goes_on(call, items, at) and not _is_decimal(call, items, at):
                break
            last = at if item.value.isalnum() else last
        opens = opens_answer(call, items[start].first)
        last = max(last, _end_of_answer(call, items, start)) if opens else last
        yield Match(items[start].first, items[last].last, "ADDRESS", Score.CHECKED if opens else Score.TOLD)


def _end_of_answer(call: Call, items: list[Item], start: int) -> int:
    """The last item of a short sentence that begins with a house number, whatever its words: "124 prior it closed"."""
    ends = (
        at
        for at in range(start, len(items))
        if (items[at].value in ".?!," and not _is_decimal(call, items, at)) or _tells_other(call, items[at])
    )
    sentence = range(start, next(ends, len(items)))
    words = [items[at].value for at in sentence if items[at].kind is Kind.WORD and items[at].value.isalnum()]
    other = any(word in call.words.clauses or word in call.words.units_after for word in words)
    return sentence[-1] if len(words) <= LONGEST_STREET and not other else start


def _is_decimal(call: Call, items: list[Item], at: int) -> bool:
    """Whether a full stop stands in a number: recognizers write "69.75 Mulberry Mews"."""
    after = items[at + 1 : at + 2]
    return bool(after) and after[0].kind is Kind.DIGITS and call.tokens[after[0].first].glued
