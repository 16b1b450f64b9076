"""E-mail and web addresses as they are spoken: "john dot smith at gmail dot com", "jean arobase orange point fr"."""

import re
from collections.abc import Iterator
from itertools import dropwhile

from pipeline.services.anonymization.context import Match, Score, is_told, words_of
from pipeline.services.anonymization.reading import Call, Item, Kind, Line
from pipeline.services.anonymization.vocabulary import DISTINCT_HOSTS, MAIL_ENDINGS, MAIL_HOSTS

WRITTEN_URL = re.compile(r"\b(?:https?://|www\.)[^\s\0<>()\"]+[\w/]", re.IGNORECASE)
AROBASE = re.compile(r"(?:l?a|o)?r+(?:o|ou|oue|au)b+a[iy]?(?:s|z)")  # as it is misheard: "à roue base", "la robaise"
OUTSIDE_ADDRESS = '<>()[]{},;:"!?'
LONGEST_DOMAIN = 8  # items
LONGEST_LOCAL_PART = 24  # items: every letter may be spelled
GLUED = tuple(host + ending for host in DISTINCT_HOSTS for ending in ("com", "net", "fr", "org", "co"))
GLUED_TAIL = tuple(host + ending for host in ("mail", *DISTINCT_HOSTS) for ending in ("com", "con", "fr"))
EVERYDAY_BEFORE_AT = 2
LONGEST_LEAD = 4  # words
LONGEST_MISHEARD, BEGINNING = 16, 3  # words of an address that was misheard, and of its beginning
SHORTEST_GIBBERISH, FEWEST_GIBBERISH = 4, 2  # letters of a word, words
PLAIN_ENDINGS = frozenset(("com", "net", "org", "edu", "gov", "fr"))  # those that are no words


def find_emails(call: Call) -> Iterator[Match]:
    """E-mail addresses with "at" in words or as a sign, without any ("annagmailcom"), or in an answer misheard."""
    said_by = ""  # who said one in the utterance before
    for index, items in enumerate(call.items):
        speaker = call.lines[index].speaker
        asked = is_told(call, index, "EMAIL", call.expected[index])
        found = list(_spelled_out(call, index, items, asked))
        if found and asked:
            yield from _before(call, items, min(match.first for match in found))
            yield from _after(call, call.lines[index], max(match.last for match in found))
        found = found or list(_misheard(call, index, items, asked=asked, repeated=said_by not in ("", speaker)))
        yield from found
        said_by = speaker if found else ""


def _before(call: Call, items: list[Item], first: int) -> Iterator[Match]:
    """What an answer begins with, if it is a few words that lead into an address: a part of it that was misheard."""
    words, outside = call.words, call.words.email_stop | call.words.copulas
    said = [item for item in words_of(items) if item.last < first]
    led = list(dropwhile(lambda item: item.value in outside | words.acknowledgements, said))
    leads = led and led[-1].value not in outside and not any(item.value in words.clauses for item in led)
    if leads and len(led) <= LONGEST_LEAD:
        yield Match(led[0].first, led[-1].last, "EMAIL", Score.CHECKED)


def _after(call: Call, line: Line, last: int) -> Iterator[Match]:
    """What an address goes on with, if its ending was misheard: "arobase la *poste poinette*"."""
    for cue in call.phrases(call.words.email_misheard, line):
        if last < cue.last <= last + LONGEST_DOMAIN:
            yield Match(last + 1, cue.last, "EMAIL", Score.CHECKED)


def _spelled_out(call: Call, index: int, items: list[Item], asked: bool) -> Iterator[Match]:
    for position, item in enumerate(items):
        if item.value == "@" and (written := _written(call, item.first, call.lines[index])):
            yield Match(*written, "EMAIL", Score.CHECKED)
        if item.value in call.words.at_words:
            yield from _around_at(call, items, position, asked)
        elif item.value in GLUED or item.value.endswith(GLUED_TAIL):
            start = _local_start(call, items, position, asked)
            if item.value not in GLUED and start is not None and items[start].kind is Kind.WORD and not asked:
                start = position
            yield Match(items[position if start is None else start].first, item.last, "EMAIL", Score.TOLD)
        elif item.value in DISTINCT_HOSTS and position:
            end = _domain_end(call, items, position)
            start = _local_start(call, items, position, asked)
            if end is not None and end > position and start is not None:
                yield Match(items[start].first, items[end].last, "EMAIL", Score.TOLD)


def _misheard(call: Call, index: int, items: list[Item], *, asked: bool, repeated: bool) -> Iterator[Match]:
    """What a recognizer made of an address: all that is said before its "at" or its ending, and after an "at".

    Known by what sounds like "arobase" ("octave à roue base la poste point net"), or, if it was asked for or is said
    again, by an ending ("not come"); if it was asked for, by words that are none ("braggins why not haki rat prote").
    """
    told, words = asked or repeated, call.words
    ats = (at for at in range(len(items)) if words.language == "fr" and _sounds_like_at(call, items, at))
    at = next(ats, None)
    if at is None and not told:
        return
    said = [position for position, item in enumerate(items) if item.value.isalnum()]
    ends = [end for position in said if (end := _dotted_end(call, items, position)) is not None]
    misheard = [cue.last for cue in call.phrases(words.email_misheard, call.lines[index])]
    ends += [position for position in said if items[position].last in misheard]
    if at is not None and (told or any(end > at for end in ends)):
        start, end = (
            max(0, at - LONGEST_LOCAL_PART),
            max(position for position in said if position <= at + LONGEST_DOMAIN),
        )
        end = max([end for end in ends if end > at], default=end)
    elif told and len(said) <= LONGEST_MISHEARD and not _says_other(call, items):
        if not ends and not (asked and _is_gibberish(call, items)):
            return
        start, end = 0, max(ends, default=said[-1])
    else:
        return
    opening = words.email_stop | words.acknowledgements
    start = next((position for position in said if position >= start and items[position].value not in opening), end)
    if start < end:
        yield Match(items[start].first, items[end].last, "EMAIL", Score.CHECKED)


def _says_other(call: Call, items: list[Item]) -> bool:
    """Whether an utterance begins as a sentence does: "I already filled in …"."""
    return any(item.value in call.words.clauses for item in words_of(items)[:BEGINNING])


def _is_gibberish(call: Call, items: list[Item]) -> bool:
    """Whether some of the words are in no dictionary and no names."""
    unknown = (item.value for item in items if item.kind is Kind.WORD and item.value.isalpha())
    unknown = (word for word in unknown if word not in call.words.ordinary and word not in call.words.names)
    return sum(len(word) >= SHORTEST_GIBBERISH for word in unknown) >= FEWEST_GIBBERISH


def _sounds_like_at(call: Call, items: list[Item], position: int) -> bool:
    """Whether up to three words, said as one, begin like "arobase", and are not that."""
    joined = "".join(item.value for item in items[position : position + 3] if item.kind is not Kind.DIGITS)
    return AROBASE.match(joined) is not None and items[position].value not in call.words.at_words


def _dotted_end(call: Call, items: list[Item], position: int) -> int | None:
    """The last item of a domain that starts here and has a dot."""
    end = _domain_end(call, items, position)
    return end if end is not None and _has_dot(call, items[position : end + 1]) else None


def _around_at(call: Call, items: list[Item], at: int, asked: bool) -> Iterator[Match]:
    """The address around an "at", whole or, when dots join what stands before it, broken off."""
    start, end = _local_start(call, items, at, asked), _domain_end(call, items, at + 1)
    if start is None:
        return
    dots = (place for place in range(start, at) if items[place].value in call.words.dot_words)
    if end is None and any(_joins(call, items, dot) and _joins_words(items, dot) for dot in dots):
        end = _unfinished_end(call, items, at)
    if end is not None:
        yield Match(items[start].first, items[end].last, "EMAIL", Score.CHECKED)


def find_urls(call: Call) -> Iterator[Match]:
    """Web addresses: "www dot example dot com slash account", "example.com"."""
    for line in call.lines:
        for match in WRITTEN_URL.finditer(call.text, line.start, line.end):
            if within := call.tokens_in(line, *match.span()):
                yield Match(within[0], within[-1], "URL", Score.CHECKED)
    for items in call.items:
        if not _has_dot(call, items):
            continue
        position = 0
        while position < len(items):
            end = _dotted_end(call, items, position)
            if end is None:
                position += 1
                continue
            yield Match(items[position].first, items[end].last, "URL", Score.SHAPE)
            position = end + 1


def _written(call: Call, at: int, line: Line) -> tuple[int, int] | None:
    """The first and last token of an address that is written around an "@" without spaces, whatever its ending."""
    first, last = at, at
    while first > line.first and call.tokens[first].glued and call.tokens[first - 1].text not in OUTSIDE_ADDRESS:
        first -= 1
    while last + 1 < line.stop and call.tokens[last + 1].glued and call.tokens[last + 1].text not in OUTSIDE_ADDRESS:
        last += 1
    while last > at and not call.tokens[last].text.isalnum():
        last -= 1
    return (first, last) if first < at < last else None


def _has_dot(call: Call, items: list[Item]) -> bool:
    return any(item.value in call.words.dot_words for item in items)


def _domain_end(call: Call, items: list[Item], start: int) -> int | None:
    """The last item of the domain that starts here: words joined by dots up to an ending, or a well-known host."""
    words = call.words
    end: int | None = None
    position, joined, dotted = start, True, False
    while position < len(items) and position - start < LONGEST_DOMAIN:
        item = items[position]
        if item.value in words.dot_words:
            if (end is None and position == start) or not _joins(call, items, position):
                break
            joined, dotted = True, True
        elif item.value in words.email_joints:
            joined = True
        elif dotted and joined and item.value in MAIL_ENDINGS:
            end = position
        elif position == start and (item.value in MAIL_HOSTS or item.value in GLUED):
            end, joined = position, False
        elif end is not None and not dotted and item.value in MAIL_ENDINGS:
            return position  # "gmail com"
        elif (not joined and item.kind is Kind.WORD) or not item.value.isalnum():
            break
        else:
            joined = False
        position += 1
    return end


def _unfinished_end(call: Call, items: list[Item], at: int) -> int:
    """The last item of an address that breaks off, as in "marcus dot wellington at example dot"."""
    end = at
    for position in range(at + 1, min(len(items), at + 1 + LONGEST_DOMAIN)):
        if end != at and not {items[position].value, items[end].value} & call.words.dot_words:
            break
        end = position
    return end


def _joins(call: Call, items: list[Item], position: int) -> bool:
    """Whether a dot stands inside an address: "dot" always, "." if it touches what follows, or before "com"."""
    if items[position].value != ".":
        return True
    if position + 1 >= len(items):
        return False
    following = items[position + 1]
    return call.tokens[following.first].glued or following.value in PLAIN_ENDINGS


def _joins_words(items: list[Item], dot: int) -> bool:
    """Whether a dot stands by a word, not as in "version 10.4.1"."""
    return any(item.kind is Kind.WORD and item.value.isalpha() for item in items[max(0, dot - 1) : dot + 2])


def _local_start(call: Call, items: list[Item], at: int, asked: bool) -> int | None:
    """The first item of what stands before the "at", or None if nothing there is part of an address.

    That is what dots join, letters, figures, and words that are names or unknown. Of everyday words one belongs to
    figures ("falcon fifty one at …"), and two to an address that was asked for.
    """
    words = call.words
    position, start, joined, everyday, worded = at - 1, None, True, 0, False
    while position >= 0 and at - position <= LONGEST_LOCAL_PART:
        item = items[position]
        if item.value in words.dot_words or item.value in words.email_joints:
            joined = True
        elif item.kind in (Kind.DIGITS, Kind.LETTERS):
            start, joined = position, False
        elif item.kind is Kind.FILLER and start is not None and not joined and not worded:
            pass  # "j uh o h n": if it stands before a word, the word decides
        elif item.value in words.email_stop or not item.value.isalnum():
            break
        else:
            told = joined or not worded or item.value in words.names or not words.is_ordinary(item.value)
            everyday += not told
            if not told and not (asked and everyday <= EVERYDAY_BEFORE_AT):
                break
            start, joined, worded = position, False, True
        position -= 1
    return start
