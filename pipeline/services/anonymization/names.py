"""Names of people: those that spaCy saw, those that are introduced, those that everybody bears."""

import re
from collections.abc import Iterable, Iterator
from itertools import dropwhile, takewhile

from pipeline.services.anonymization.context import HARMLESS, Match, Score, cues_for, opens_answer, words_of
from pipeline.services.anonymization.reading import Call, Cue, Item, Kind, Line, Token
from pipeline.services.anonymization.vocabulary import TITLED

SAME = re.compile(r"(.)\1+")
ADVERBS = ("ly", "ment")  # endings of words such as "strictly speaking"
LONGEST_NAME = 4  # words
LONGEST_ANSWER = 7  # words of an answer in which every unusual word is a name
LONGEST_SHORT = 4  # words of an answer that is a name, whatever they are
LONGEST_SPELLED = 8  # words that a recognizer makes of a spelled name
LONGEST_BARE = 3  # words of an utterance that may be a name though nobody asked
SHORTEST = 3  # letters of a name that is hidden without anybody having told so


def find_entity_names(call: Call) -> Iterator[Match]:
    """The people that the entity tagger found, up to where another datum is told, but for everyday words and lone
    unknown ones in lower case.
    """
    for start, end in call.people:
        index = call.line_at(start)
        line = call.lines[index]
        within = _until_told(call, index, call.tokens_in(line, start, end))
        telling = [n for n in within if call.tokens[n].text.isalpha() and call.tokens[n].fold not in call.words.titles]
        while telling and _is_no_name(call, line, telling[0]):
            telling.pop(0)
        while telling and _is_no_name(call, line, telling[-1]):
            telling.pop()
        written = line.cased and any(call.tokens[n].text[0].isupper() for n in telling)
        if written or len(telling) > 1 or any(call.tokens[n].fold in call.words.names for n in telling):
            yield Match(telling[0], telling[-1], "NAME", Score.SHAPE)


def _until_told(call: Call, index: int, tokens: Iterable[int]) -> Iterator[int]:
    """Tokens of an utterance up to a word that tells another datum: "bravo password karthick"."""
    other = {cue.first for cue in call.cues[index] if cue.told not in HARMLESS and cue.told != "NAME"}
    return takewhile(lambda n: n not in other or call.tokens[n].text[0].isupper(), tokens)


def find_introduced_names(call: Call) -> Iterator[Match]:
    """Names after "my name is" and "Mr", after "this is" if they look like one, and in answer to "your name?"."""
    for index, line in enumerate(call.lines):
        for cue in call.phrases(call.words.introductions, line):
            if cue.first > line.first and call.tokens[cue.first - 1].fold in call.words.things:
                continue
            yield from _name_after(call, line, cue.last + 1, cue.told)
        for position in range(line.first, line.stop):
            if call.tokens[position].fold in call.words.titles and not _is_elided(call, line, position):
                yield from _name_after(call, line, position + 1, TITLED)
        for cue in call.phrases(call.words.spoken_by, line):
            comma = cue.last > cue.first and cue.first > line.first and call.tokens[cue.first - 1].text == ","
            yield from _name_before(call, line, cue.first - 1 - comma)  # "Blanche, à l'appareil"
        told = [cue for cue in cues_for(call, index, "NAME") if not _is_spelling(call, cue)]
        if told or "NAME" in call.expected[index]:
            yield from _answer(call, line, told[-1].last + 1 if told else line.first)
        if "NAME" in call.expected[index] and _was_asked_to_spell(call, index):
            yield from _misheard(call, index, line)
        if call.expected[index][-1:] == ("NAME",):
            yield from _short_answer(call, index)


def find_common_names(call: Call) -> Iterator[Match]:
    """First names that are nothing else, with what follows them; and bare answers of words that nobody knows."""
    for index, line in enumerate(call.lines):
        position = line.first
        while position < line.stop:
            token = call.tokens[position]
            if (call.words.is_name(token.fold) and (not line.cased or token.text[0].isupper())) or _stands_for_one(
                call, line, position
            ):
                last = _end_of_name(call, line, position)
                yield Match(position, last, "NAME", Score.SHAPE)
                position = last
            position += 1
        yield from _bare(call, index, line)


def _is_spelling(call: Call, cue: Cue) -> bool:
    """Whether a cue only asks how a word is written: "how do you spell …"."""
    return any(call.tokens[number].fold in call.words.spells for number in range(cue.first, cue.last + 1))


def _name_after(call: Call, line: Line, position: int, told: str) -> Iterator[Match]:
    while position < line.stop and (
        call.tokens[position].text in ".,:'’" or call.tokens[position].fold in call.words.titles
    ):
        if told == TITLED and call.tokens[position].text == "," and not _end_of_parted(call, line, position + 1, told):
            return
        position += 1
    if end := _end_of_parted(call, line, position, told):
        yield Match(position, end, "NAME", Score.CHECKED)
    elif position < line.stop and _may_start(call, line, position, told):
        score = Score.SHAPE if told == "weak" else Score.TOLD
        yield Match(position, _end_of_name(call, line, position), "NAME", score)


def _end_of_parted(call: Call, line: Line, position: int, told: str) -> int:
    """The last token of a name that was written as two words, 0 if none starts here: "Est-elle", "madame, le moine"."""
    tokens, words = call.tokens[position : min(position + 3, line.stop)], call.words
    if len(tokens) == 3 and tokens[1].text == "-":
        introduced = told in ("certain", "strong")
        return position + 2 if introduced and words.is_name(tokens[0].fold + tokens[2].fold) else 0
    if told != TITLED or len(tokens) < 2 or tokens[0].fold not in words.name_articles:
        return 0
    if call.tokens[position - 1].text.isalnum() and tokens[1].text.isalpha() and len(tokens[1].fold) >= SHORTEST:
        return position + 1 if tokens[1].fold not in words.ordinary else 0
    many = 3 if len(tokens) == 3 and tokens[1].fold in words.name_articles else 2  # "de la croix", "le moine"
    after = position + many
    alone = after == line.stop or not call.tokens[after].text.isalnum()
    return after - 1 if alone and "".join(token.fold for token in tokens[:many]) in words.names else 0


def _name_before(call: Call, line: Line, position: int) -> Iterator[Match]:
    """A name before "speaking": any word that is not said all the time, and after "this is" nearly any."""
    if position < line.first:
        return
    token, words = call.tokens[position], call.words
    if any(cue.last == position - 1 for cue in call.phrases(words.own_introductions, line)):
        if _may_be_called(call, token):
            yield Match(position, position, "NAME", Score.TOLD)
        return
    listed = token.fold in words.names or token.fold in words.ambiguous
    known = listed or not (token.fold in words.common or token.fold.endswith(ADVERBS))
    if token.text.isalpha() and len(token.fold) >= SHORTEST and known and token.fold not in words.no_names:
        yield Match(position, position, "NAME", Score.SHAPE)


def _stands_for_one(call: Call, line: Line, position: int) -> bool:
    """Whether a first name that is a word too is one here: by its capital in a sentence, or by what it does then."""
    token, words = call.tokens[position], call.words
    if token.fold not in words.ambiguous or token.fold not in words.given or token.fold in words.months:
        return False
    if not (line.cased and token.text[0].isupper() and not token.text.isupper()):
        return False
    if position == line.first or call.tokens[position - 1].text in ".?!":
        return position + 1 < line.stop and call.phrase_at(words.acts, position + 1, line.stop) is not None
    before, following = call.tokens[position - 1], call.tokens[position + 1 : min(position + 2, line.stop)]
    thing = any(token.text[0].isupper() and token.fold not in words.names for token in following)
    return before.fold not in words.not_before and not before.text[0].isupper() and not thing


def _is_elided(call: Call, line: Line, position: int) -> bool:
    """Whether an apostrophe follows: the "m" of "je m'appelle" is no "Monsieur"."""
    return position + 1 < line.stop and call.tokens[position + 1].text in "'’"


def _is_adverb(call: Call, token: Token) -> bool:
    """Whether a word is none but "incorrectly": "spelled my middle name incorrectly"."""
    known = token.fold in call.words.ordinary and token.fold not in call.words.names
    return token.fold.endswith(ADVERBS) and known and token.text.islower()


def _may_be_called(call: Call, token: Token) -> bool:
    """Whether somebody may be called so who says it plainly: hardly a word is none."""
    never = any(token.fold in each for each in (call.words.never_names, call.words.copulas, call.words.unnamed))
    return token.text.isalpha() and len(token.fold) >= SHORTEST and not never


def _may_start(call: Call, line: Line, position: int, told: str) -> bool:
    """Whether a word may begin a name after an introduction: "certain", "strong", "near", "weak", or a title."""
    token, words = call.tokens[position], call.words
    if not token.text.isalpha() or token.fold in words.never_names or token.fold in words.copulas:
        return False
    capital = line.cased and token.text[0].isupper()
    given = token.fold in words.given
    ends = position + 1 == line.stop or not call.tokens[position + 1].text.isalnum()
    if told == "certain" and _may_be_called(call, token):
        odd = token.fold in words.ambiguous or token.fold not in words.ordinary
        return given or capital or (ends and odd) or not line.cased
    if told in ("certain", "strong", TITLED):
        if _is_adverb(call, token):
            return False
        known = token.fold in words.names or (len(token.fold) >= SHORTEST and token.fold not in words.common)
        named = capital or (known and (not line.cased or words.is_name(token.fold)))
        return named and token.fold not in words.unnamed
    if told == "reached" and ends and token.fold in words.ambiguous:
        return True
    if told in ("near", "reached") and given and (capital or token.fold not in words.clauses):
        return True
    if words.is_name(token.fold):
        return True
    return capital and token.fold in words.names and not words.is_ordinary(token.fold)


def _end_of_name(call: Call, line: Line, position: int) -> int:
    """The last token of the name that starts at a token."""
    last, words = position, 1
    while last + 1 < line.stop and words < LONGEST_NAME:
        following = _skip_joint(call, line, last + 1)
        if following >= line.stop or not _continues(call, line, following):
            break
        last, words = following, words + 1
    return last


def _skip_joint(call: Call, line: Line, position: int) -> int:
    """Past a hyphen, an apostrophe, an initial's point or a particle between two parts of a name."""
    first = position
    while position < line.stop and position - first < 3:
        token = call.tokens[position]
        initial = token.text == "." and len(call.tokens[position - 1].text) <= 2
        inside = token.text in "-'’" and token.glued and position + 1 < line.stop and call.tokens[position + 1].glued
        letter = len(token.fold) == 1 and token.text.isalpha() and token.fold not in call.words.articles
        if not (inside or initial or letter or token.fold in call.words.particles):
            break
        position += 1
    return position


def _continues(call: Call, line: Line, position: int) -> bool:
    token, words = call.tokens[position], call.words
    if not token.text.isalpha() or token.fold in words.never_names or token.fold in words.months:
        return False
    if line.cased:
        return token.text[0].isupper() and token.text not in ("I", "A", "OK")
    if token.fold in words.unnamed or token.fold in words.things:
        return False
    known = token.fold in words.names
    if len(token.fold) < SHORTEST or (not known and call.phrase_at(words.cues, position, line.stop)):
        return False  # "karan booking number 4"
    return token.fold not in words.usual or (known and not _is_everyday(call, token))


def _is_everyday(call: Call, token: Token) -> bool:
    return token.fold in call.words.ambiguous or token.fold in call.words.no_names


def _is_no_name(call: Call, line: Line, position: int) -> bool:
    """Whether a word that spaCy took for a name is an everyday word."""
    token, words = call.tokens[position], call.words
    if (
        len(token.fold) == 1
        or token.fold in words.never_names
        or token.fold in words.street_after
        or token.fold in words.units_after
        or (token.fold in words.unnamed and token.text.islower())
    ):
        return True
    known = token.fold in words.names
    if token.fold in words.cues or (line.cased and token.text.isupper() and len(token.text) > 1):
        return True  # "Visa", or an abbreviation
    inside = position > line.first and line.cased and token.text[0].isupper()
    return token.fold in words.usual and not known and not inside


def _answer(call: Call, line: Line, first: int) -> Iterator[Match]:
    """The unusual words of a short answer to "your name?", or after a "name" of the speaker's own."""
    said = [n for n in range(first, line.stop) if call.tokens[n].text.isalpha()]
    if len(said) > LONGEST_ANSWER:
        return
    for position in said:
        token, words = call.tokens[position], call.words
        capital = line.cased and position > line.first and token.text[0].isupper()
        if len(token.fold) < 2 or token.fold in words.no_names or _is_adverb(call, token):
            continue
        known = words.is_name(token.fold) or (len(said) <= LONGEST_BARE and token.fold in words.names)
        if known or capital or token.fold not in words.usual:
            yield Match(position, position, "NAME", Score.TOLD)


def _short_answer(call: Call, index: int) -> Iterator[Match]:
    """The few words that answer "your name?", also everyday ones: a recognizer makes "may wonder till" of a name."""
    said = [item for item in call.items[index] if item.value.isalnum() and item.kind is not Kind.FILLER]
    words = call.words
    said = list(dropwhile(lambda item: item.value in words.acknowledgements or item.value in words.copulas, said))
    if not said or not opens_answer(call, said[0].first) or call.tokens[call.lines[index].stop - 1].text == "?":
        return
    asked = call.cues[index - 1][-1].last
    if not all(_says_nothing(call, item) for item in call.items[index - 1] if item.first > asked):
        return  # "the first name is Mireille" asks for none
    if any(cue.told in ("certain", "strong") for cue in call.phrases(words.introductions, call.lines[index])):
        return  # "m'appelle Léa" is read as such
    other = (words.clauses, words.never_names, words.unnamed, words.acknowledgements, words.determiners, words.titles)
    if 2 <= len(said) <= LONGEST_SHORT and not any(item.value in every for item in said for every in other):
        yield Match(said[0].first, said[-1].last, "NAME", Score.CHECKED)


def _says_nothing(call: Call, item: Item) -> bool:
    words = call.words
    return not item.value.isalnum() or any(item.value in every for every in (words.copulas, words.acknowledgements))


def _was_asked_to_spell(call: Call, index: int) -> bool:
    """Whether the other speaker has just asked for a spelling, and spelled nothing himself."""
    if not index or call.lines[index - 1].speaker == call.lines[index].speaker:
        return False
    cues = call.cues[index - 1]
    spelled = sum(item.kind is Kind.LETTERS for item in call.items[index - 1]) > 1
    spells = any(_is_spelling(call, cue) for cue in cues)
    return spells and not spelled and all(cue.told == "NAME" for cue in cues)


def _misheard(call: Call, index: int, line: Line) -> Iterator[Match]:
    """The first sentence of an answer to "could you spell it?" in which no letter was read: they were taken for words.

    "Yes" before it is none of it. One that says "I", "it" or "the", or compares, or asks, is another answer.
    """
    end = next((n for n in range(line.first, line.stop) if call.tokens[n].text in ".?!"), line.stop)
    if end < line.stop and call.tokens[end].text == "?":
        return
    words = call.words
    sentence = [item for item in words_of(call.items[index]) if item.last < end]
    said = list(dropwhile(lambda item: item.value in words.acknowledgements, sentence))
    opening = sentence[: len(sentence) - len(said)]
    plain = any(each.value in words.clauses for each in opening) or any(
        item.kind is Kind.LETTERS or any(item.value in every for every in (words.clauses, words.copulas, words.as_in))
        for item in said
    )
    if 2 <= len(said) <= LONGEST_SPELLED and not plain:
        yield Match(said[0].first, said[-1].last, "NAME", Score.CHECKED)


def _bare(call: Call, index: int, line: Line) -> Iterator[Match]:
    """One to three words that are known as names or in no dictionary, alone or before a number ("viswa 2071")."""
    said = [item for item in call.items[index] if item.value.isalnum() and item.kind is not Kind.FILLER]
    said = [item for item in said if item.value not in call.words.number_linking]
    words = [item.value for item in said if item.kind is Kind.WORD]
    if len(words) == len(said) and _ends_parted(call, index, said):
        yield Match(said[0].first, said[-1].last, "NAME", Score.CHECKED)
        return
    if not 1 <= len(words) <= LONGEST_BARE or any(item.kind is Kind.WORD for item in said[len(words) :]):
        return
    if all(_may_be_name(call, word) for word in words):
        yield Match(said[0].first, said[len(words) - 1].last, "NAME", Score.DOUBT)


def _ends_parted(call: Call, index: int, said: list[Item]) -> bool:
    """Whether words are a name whose last part was written as two, after a comma or a question: "Sixteen, la garde"."""
    words = call.words
    if not 3 <= len(said) <= LONGEST_SHORT or said[-2].value not in words.name_articles:
        return False
    told = "NAME" in call.expected[index] or call.tokens[said[-2].first - 1].text == ","
    end = said[-1].value
    plain = not end.isalpha() or end in words.no_names or end in words.clauses
    return told and not plain and all(_may_be_name(call, item.value) for item in said[:-2])


def _may_be_name(call: Call, word: str) -> bool:
    words = call.words
    if not word.isalpha() or len(word) < SHORTEST or word in words.no_names:
        return False
    return word in words.names or (word not in words.ordinary and not _is_run_together(call, word))


def _is_run_together(call: Call, word: str) -> bool:
    """Whether a word is one that says yes, hello or thanks, drawn out, or several in one: "hmmmm", "okthanks"."""
    never = call.words.never_names
    if word in never or SAME.sub(r"\1", word) in {SAME.sub(r"\1", each) for each in never}:
        return True
    return any(word[:cut] in never and _is_run_together(call, word[cut:]) for cut in range(2, len(word) - 1))
