"""Numbers and letters as they are spoken: from the tokens of an utterance to its items.

text2num reads the numbers in words ("forty two", "quatre-vingt-dix-sept"); what it does not know is read here:
"oh" as a zero, "double five", letters spelled one by one, "b as in bravo", "bravo".
"""

from collections.abc import Iterator

from pipeline.services.anonymization.context import opens_answer
from pipeline.services.anonymization.reading import JOINING_MARKS, MEASURE, Call, Item, Kind, Line

CURRENCIES = "$€£"
CENTS = 2  # digits
AFTER_AND = {"un": {tens: tens[0] + "1" for tens in ("20", "30", "40", "50", "60")}, "onze": {"60": "71"}}
LONGEST_LETTERS = 3  # an uncommon word no longer than this, beside digits, is letters of a code
LONGEST_NONSENSE = 5  # … and one that is no word at all, no longer than this
LONGEST_GLUED = 5  # … and any that digits touch


def read_items(call: Call, line: Line) -> Iterator[Item]:
    """The items of an utterance, every token in exactly one."""
    return _Reader(call, line).items()


class _Number:
    """A word in the form that text2num reads."""

    def __init__(self, word: str) -> None:
        self.word = word

    def text(self) -> str:
        return self.word

    def nt_separated(self, previous: "_Number") -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


class _Reader:
    """Reads one utterance."""

    def __init__(self, call: Call, line: Line) -> None:
        self.call = call
        self.tokens = call.tokens
        self.words = call.words
        self.line = line
        self.spelled = self._numbers_in_words()
        self.amounts = self._written_amounts()

    def items(self) -> Iterator[Item]:
        position = self.line.first
        while position < self.line.stop:
            item = self.spelled.get(position) or self._repeated(position) or self._single(position)
            yield item
            position = item.last + 1

    def _numbers_in_words(self) -> dict[int, Item]:
        """The numbers in words, by their first token."""
        found: dict[int, Item] = {}
        segment: list[int] = []
        for position in range(self.line.first, self.line.stop):
            token = self.tokens[position]
            linking = token.fold in self.words.number_linking or (token.text == "-" and token.glued)
            if token.fold in self.words.number_words or (segment and linking):
                segment.append(position)
            elif segment:
                found.update(self._numbers_of(segment))
                segment = []
        found.update(self._numbers_of(segment))
        return found

    def _numbers_of(self, segment: list[int]) -> Iterator[tuple[int, Item]]:
        if not segment:
            return
        from text_to_num import find_numbers

        places = [position for position in segment if self.tokens[position].text != "-"]
        spoken = [_Number(self.tokens[position].text.lower()) for position in places]
        for number in find_numbers(spoken, self.words.language, threshold=0):
            first, last = places[number.start], places[number.end - 1]
            digits = "".join(character for character in number.text if character.isdigit())
            magnitude = any(self.tokens[n].fold in self.words.magnitudes for n in range(first, last + 1))
            if digits:
                yield first, Item(Kind.DIGITS, digits, first, last, magnitude or number.is_ordinal)

    def _written_amounts(self) -> set[int]:
        """The tokens of written times and prices."""
        matches = MEASURE.finditer(self.call.text, self.line.start, self.line.end)
        written = [self.call.tokens_in(self.line, *match.span()) for match in matches]
        return {position for tokens in written if not self._is_answer(tokens) for position in tokens}

    def _is_answer(self, tokens: range) -> bool:
        """Whether a price is none, but the answer to "your address?" or so: "$69.75 Mulberry Mews", "$2063"."""
        if self.tokens[tokens[0]].text not in CURRENCIES:
            return False
        asked = opens_answer(self.call, tokens[0])
        whole = self.tokens[tokens[-1] - 1].text not in ".," or len(self.tokens[tokens[-1]].text) != CENTS
        return asked == "ADDRESS" or (bool(asked) and (whole or self._answers_for_number(tokens)))

    def _answers_for_number(self, tokens: range) -> bool:
        """Whether a price is all that answers a question for a number: "the last four of your account?"."""
        alone = not any(token.text.isalnum() for token in self.tokens[tokens[-1] + 1 : self.line.stop])
        question = self.call.cues[self.call.line_of(tokens[0]) - 1]
        asked = (token.fold for cue in question for token in self.tokens[cue.first : cue.last + 1])
        return alone and not self.words.numbered.isdisjoint(asked)

    def _repeated(self, position: int) -> Item | None:
        """ "double five" and "triple x"."""
        times = self.words.repeats.get(self.tokens[position].fold)
        if not times or position + 1 >= self.line.stop:
            return None
        item = self.spelled.get(position + 1) or self._single(position + 1)
        if item.kind not in (Kind.DIGITS, Kind.LETTERS):
            return None
        return Item(item.kind, item.value[0] * (times - 1) + item.value, position, item.last)

    def _single(self, position: int) -> Item:
        token = self.tokens[position]
        amount = position in self.amounts
        if token.text.isdigit():
            return self._joined_by_and(position) or Item(Kind.DIGITS, token.text, position, position, amount)
        if token.fold in self.words.zeros and self._beside_digits(position):
            return Item(Kind.DIGITS, "0", position, position)
        if token.text.isalpha() and not amount and (letters := self._letters(position)):
            return letters
        if token.text in JOINING_MARKS or token.fold in self.words.joints:
            return Item(Kind.JOINT, token.fold, position, position)
        kind = Kind.FILLER if token.fold in self.words.fillers else Kind.WORD
        return Item(kind, token.fold, position, position)

    def _joined_by_and(self, position: int) -> Item | None:
        """ "30 et un", which is 31, and "60 et onze", but for "30 et un portable"."""
        tens, following = self.tokens[position].text, self.tokens[position + 1 : min(position + 4, self.line.stop)]
        if self.words.language != "fr" or len(following) < 2 or following[0].fold != "et":
            return None
        more = AFTER_AND.get(following[1].fold, {}).get(tens)
        if not more or (len(following) > 2 and following[2].text.isalpha()):
            return None
        return Item(Kind.DIGITS, more, position, position + 2)

    def _letters(self, position: int) -> Item | None:
        word = self.tokens[position].fold
        if len(word) == 1:
            if not self._is_spelled_letter(position):
                return None
            return Item(Kind.LETTERS, word, position, self._end_of_as_in(position))
        if word in self.words.alphabet and self._beside_code(position):
            return Item(Kind.LETTERS, word[0], position, position)
        if len(word) <= LONGEST_NONSENSE and self._is_part_of_code(position):
            return Item(Kind.LETTERS, word, position, position)
        return None

    def _is_spelled_letter(self, position: int) -> bool:
        """Whether a one-letter token is a letter: no "a", no "I", and nothing an apostrophe has cut off."""
        if self._is_mark(position - 1, "'’") or self._is_mark(position + 1, "'’"):
            return False
        if self.tokens[position].fold not in self.words.articles:
            return True
        if self._end_of_as_in(position) > position:
            return True
        return self._beside_code(position) and not self._begins_phrase(position)

    def _begins_phrase(self, position: int) -> bool:
        """Whether a word follows an "a" or "I" directly, so that it is one itself."""
        if position + 1 >= self.line.stop:
            return False
        following, words = self.tokens[position + 1], self.words
        word = following.text.isalpha() and len(following.fold) > 1
        return word and following.fold not in words.number_words | words.alphabet | words.zeros | words.repeats.keys()

    def _end_of_as_in(self, position: int) -> int:
        """The last token of "b as in bravo", or the letter itself."""
        following = position + 1
        while self._is_mark(following, ",-"):
            following += 1
        if following >= self.line.stop:
            return position
        cue = self._as_in(following)
        if cue and cue + 1 < self.line.stop and self.tokens[cue + 1].fold[0] == self.tokens[position].fold:
            return cue + 1
        return position

    def _as_in(self, position: int) -> int | None:
        """The last token of "as in", "like", "comme"."""
        for wanted, _ in self.words.as_in.get(self.tokens[position].fold, ()):
            last = position + len(wanted) - 1
            if last < self.line.stop and all(
                self.tokens[position + number].fold == word for number, word in enumerate(wanted)
            ):
                return last
        return None

    def _is_part_of_code(self, position: int) -> bool:
        """Letters written beside digits, as in "FF3SJ27" or "ff 3 sj 27"."""
        token, words = self.tokens[position], self.words
        after = position + 1 < self.line.stop and self.tokens[position + 1].glued and self._is_digits(position + 1)
        before = token.glued and self._is_digits(position - 1)
        inside = before and self._follows_letters(position - 1)
        if inside or (after and not before):  # a unit stands after its number: "GB29" and "JR65MB" have none
            return len(token.fold) <= LONGEST_GLUED
        if token.fold in words.units_after or token.fold in words.months or token.fold in words.number_words:
            return False
        if before:
            return len(token.fold) <= LONGEST_GLUED
        if token.fold in words.no_code or (token.fold in words.cues and self._tells_number(position)):
            return False
        return self._is_uncommon(position) and self._beside_digits(position)

    def _tells_number(self, position: int) -> bool:
        """Whether a number of some length follows a word, and no letters: "otp 4623", not "ph 452 ab"."""
        number, after = (self.tokens[at] if at < self.line.stop else None for at in (position + 1, position + 2))
        long = number is not None and number.text.isdigit() and len(number.text) > len("45")
        return long and not (after and after.text.isalpha())

    def _follows_letters(self, position: int) -> bool:
        """Whether a token touches letters before it, or a hyphen that does: the digits of "JR65MB" and "JR-65MB"."""
        token, before = self.tokens[position], self.tokens[position - 1]
        if token.glued and before.glued and before.text == "-":
            before = self.tokens[position - 2]
        return token.glued and before.text.isalpha()

    def _is_uncommon(self, position: int) -> bool:
        """Whether a short word is written like a code in text with capitals, or is none that people use."""
        token, words = self.tokens[position], self.words
        if len(token.fold) <= LONGEST_LETTERS and token.text.isupper() and self.line.cased:
            return token.fold not in words.units_before
        common = words.common if len(token.fold) <= LONGEST_LETTERS else words.ordinary
        return token.fold not in common and token.fold not in words.names

    def _neighbours(self, position: int, past: frozenset[str] = frozenset()) -> Iterator[int]:
        """The tokens before and after, past marks that join and past some words."""
        for step in (-1, 1):
            at = position + step
            while self._is_mark(at, JOINING_MARKS) or self._is_one(at, past):
                at += step
            if self.line.first <= at < self.line.stop:
                yield at

    def _beside_digits(self, position: int) -> bool:
        words, zero = self.words, self.tokens[position].fold in self.words.zeros
        return any(
            self._is_digits(near)
            or self.tokens[near].fold in words.number_words
            or (zero and (self.tokens[near].fold in words.zeros or self.tokens[near].fold in words.repeats))
            for near in self._neighbours(position)
        )

    def _beside_code(self, position: int) -> bool:
        """Whether letters or digits stand next to a token; an "a" or "y" between is one of them, as in "l a y a"."""
        return any(self._is_code(near) for near in self._neighbours(position, past=self.words.articles))

    def _is_code(self, position: int) -> bool:
        token, words = self.tokens[position], self.words
        if token.text.isdigit() or token.fold in words.number_words or token.fold in words.alphabet:
            return True
        letter = len(token.fold) == 1 and token.text.isalpha() and token.fold not in words.articles
        return letter and not self._is_mark(position - 1, "'’") and not self._is_mark(position + 1, "'’")

    def _is_one(self, position: int, words: frozenset[str]) -> bool:
        within = self.line.first <= position < self.line.stop
        return within and self.tokens[position].fold in words and not self._is_mark(position + 1, "'’")

    def _is_digits(self, position: int) -> bool:
        within = self.line.first <= position < self.line.stop
        return within and (self.tokens[position].text.isdigit() or position in self.spelled)

    def _is_mark(self, position: int, marks: str | frozenset[str]) -> bool:
        return self.line.first <= position < self.line.stop and self.tokens[position].text in marks
