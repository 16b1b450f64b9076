"""Invented personal data: what a person of the generator is called, dials, owns, pays with and logs in by."""

import string
from random import Random

from pipeline.services.anonymization.training.dates import say_birth, say_expiry
from pipeline.services.anonymization.training.mail import Mail
from pipeline.services.anonymization.training.numerals import (
    say_code,
    say_digits,
    say_letters,
    spell_number,
    write_digits,
)
from pipeline.services.anonymization.training.people import People, everyday_words, letters_of
from pipeline.services.anonymization.training.phrases import Phrasebook
from pipeline.services.anonymization.training.places import Places


class Values:
    """Draws values. ``said`` gives the words of one, as spoken or as written."""

    def __init__(self, language: str, chance: Random, book: Phrasebook) -> None:
        self.language = language
        self.chance = chance
        self.book = book
        self.people = People(language, chance)
        self.mail = Mail(language, chance, self.people, book)
        self.places = Places(language, chance, self.people, book)

    def said(self, label: str) -> list[str]:
        """The words of a value of a label."""
        return getattr(self, f"_{label.lower()}")()  # type: ignore[no-any-return]

    # ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _name(self) -> list[str]:
        chance = self.chance
        first, last = self.people.first_name(), self.people.last_name()
        way = chance.random()
        if way < 0.34:
            return first
        if way < 0.72:
            return [*first, *last]
        if way < 0.82:
            return last
        if way < 0.86:
            return [*first, chance.choice(string.ascii_lowercase) + chance.choice(["", "."]), *last]
        if way < 0.9:
            return [*first, *self.people.first_name(), *last]
        spelled = say_letters(letters_of(chance.choice([first, last])), chance, self.book.alphabet, self.book.as_in)
        if way < 0.93:
            return spelled
        return [*first, *last, *spelled] if way < 0.96 else [*chance.choice([first, last]), *spelled]

    # ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def digits(self, length: int) -> str:
        """So many digits."""
        return "".join(self.chance.choices(string.digits, k=length))

    def _number(self, digits: str, groups: tuple[int, ...] = ()) -> list[str]:
        """A number in words or figures, perhaps with fillers, a correction or one part in the other form."""
        chance, language = self.chance, self.language
        if chance.random() < 0.5:
            words = write_digits(digits, groups, chance)
        elif chance.random() < 0.12 and len(digits) > 4:
            cut = chance.randrange(2, len(digits) - 1)
            words = say_digits(digits[:cut], language, chance) + write_digits(digits[cut:], (), chance)
        else:
            words = say_digits(digits, language, chance)
        return self.hesitating(words)

    def hesitating(self, words: list[str]) -> list[str]:
        """Words with a filler or a correction between them, now and then."""
        chance = self.chance
        if len(words) > 3 and chance.random() < 0.18:
            for _ in range(chance.choice([1, 1, 2])):
                words.insert(chance.randrange(1, len(words)), chance.choice(self.book.fillers))
        if len(words) > 3 and chance.random() < 0.06:  # begun anew from some word on
            place = chance.randrange(1, len(words))
            retold = words[max(0, place - chance.randrange(1, 4)) : place]
            words[place:place] = [*chance.choice(self.book.sorry).split(), *retold]
        if len(words) > 4 and chance.random() < 0.08:
            place = chance.randrange(2, len(words) - 1)
            again = words[place]
            wrong = spell_number(chance.randrange(10), self.language) if again.isalpha() else self.digits(len(again))
            words[place : place + 1] = [wrong, *chance.choice(self.book.sorry).split(), again]
        return words

    def _phone(self) -> list[str]:
        chance = self.chance
        if self.language == "fr":
            digits = "0" + chance.choice("123456679") + self.digits(8)
            if chance.random() < 0.1:
                return [chance.choice(["+33", "0033", "plus trente-trois"]), *self._number(digits[1:], (1, 2, 2, 2, 2))]
            return self._number(digits, (2, 2, 2, 2, 2))
        length = chance.choice([10, 10, 10, 10, 10, 7, 7, 11, 8, 9])
        digits = self.digits(length)
        groups = {10: (3, 3, 4), 7: (3, 4), 11: (5, 6), 8: (4, 4), 9: (3, 3, 3)}[length]
        if length == 10 and chance.random() < 0.12:
            return [f"({digits[:3]})", chance.choice([f"{digits[3:6]}-{digits[6:]}", f"{digits[3:6]} {digits[6:]}"])]
        if chance.random() < 0.1:
            return [chance.choice(["+1", "+44", "001", "1", "plus one", "+91", "+49"]), *self._number(digits, groups)]
        words = self._number(digits, groups)
        return [*words, chance.choice(["ext", "x", "extension"]), self.digits(3)] if chance.random() < 0.03 else words

    def _card(self) -> list[str]:
        chance = self.chance
        if chance.random() < 0.22:
            return self._number(self.digits(4))
        length = chance.choice([16, 16, 16, 16, 16, 15, 14, 13, 19])
        digits = chance.choice("345236") + self.digits(length - 1)
        if chance.random() < 0.6:
            digits = with_luhn(digits)
        return self._number(digits, (4, 6, 5) if length == 15 else (4, 4, 4, length - 12) if length > 12 else ())

    def _cvv(self) -> list[str]:
        return self._number(self.digits(self.chance.choice([3, 3, 3, 4])))

    def _pin(self) -> list[str]:
        return self._number(self.digits(self.chance.choice([4, 4, 4, 5, 6, 6])))

    def _ssn(self) -> list[str]:
        chance = self.chance
        way = chance.random()
        if way < 0.25:
            return self._number(self.digits(4))
        if way < 0.4:
            code = "".join(chance.choices("abceghjklmnprstwxyz", k=2)) + self.digits(6) + chance.choice("abcd")
            return self.coded(code)
        return self._number(self.digits(9), (3, 2, 4))

    def _nir(self) -> list[str]:
        chance = self.chance
        start = f"{chance.choice('12')}{self.digits(2)}{chance.randrange(1, 13):02d}{chance.randrange(1, 96):02d}"
        digits = start + self.digits(6)
        if chance.random() < 0.6:
            digits += f"{97 - int(digits) % 97:02d}"
        return self._number(digits, (1, 2, 2, 2, 3, 3, 2) if len(digits) == 15 else (1, 2, 2, 2, 3, 3))

    def _iban(self) -> list[str]:
        chance = self.chance
        country, length = chance.choice(
            [("fr", 25), ("fr", 25), ("gb", 20), ("de", 20), ("es", 22), ("it", 25), ("be", 14)]
        )
        body = self.digits(2) + ("".join(chance.choices(string.ascii_lowercase, k=4)) if country == "gb" else "")
        value = country + body + self.digits(length - len(body))
        way = chance.random()
        if way < 0.3:
            return [value.upper()]
        if way < 0.6:
            return [value[place : place + 4].upper() for place in range(0, len(value), 4)]
        return self.coded(value)

    def coded(self, code: str) -> list[str]:
        """A code of letters and digits."""
        return self.hesitating(say_code(code, self.language, self.chance, self.book.alphabet, self.book.as_in))

    def _code(self, length: int) -> str:
        chance = self.chance
        way = chance.random()
        letters = length if way < 0.12 else chance.randrange(1, length) if way < 0.6 else min(3, length - 1)
        code = "".join(chance.choices(string.ascii_lowercase, k=letters)) + self.digits(length - letters)
        return code if way > 0.45 else "".join(chance.sample(code, len(code)))

    def _account(self) -> list[str]:
        chance = self.chance
        if chance.random() < 0.62:
            return self._number(self.digits(chance.choice([4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 11, 12])))
        if chance.random() < 0.25:
            return self.coded(self._plate())
        words = self.coded(self._code(chance.choice([5, 6, 7, 8, 8, 9, 10])))
        if chance.random() < 0.12:
            words = [f"{''.join(chance.choices(string.ascii_uppercase, k=2))}-{self.digits(4)}-{self.digits(3)}"]
        return words

    def _plate(self) -> str:
        """A number plate: French, British or of some other pattern."""
        pattern = self.chance.choice(["aa111aa", "aa11aaa", "1aaa111", "aaa1111", "aa1111"])
        return "".join(self.chance.choice(string.digits if each == "1" else string.ascii_lowercase) for each in pattern)

    def _booking(self) -> list[str]:
        return self.coded(self._code(self.chance.choice([5, 6, 6, 6, 6, 7, 8])))

    # ── Addresses ────────────────────────────────────────────────────────────────────────────────────────────────

    def _email(self) -> list[str]:
        return self.hesitating(self.mail.email())

    def _url(self) -> list[str]:
        return self.mail.url()

    def _address(self) -> list[str]:
        return self.places.address()

    # ── Dates and secrets ────────────────────────────────────────────────────────────────────────────────────────

    def _date_of_birth(self) -> list[str]:
        return say_birth(self.language, self.chance)

    def _card_expiry(self) -> list[str]:
        return say_expiry(self.language, self.chance)

    def _username(self) -> list[str]:
        chance = self.chance
        first, last = letters_of(self.people.first_name()), letters_of(self.people.last_name())
        name = chance.choice(
            [
                first + last,
                first[0] + last,
                first,
                self.people.invented_word(),
                first + self.digits(2),
                chance.choice(everyday_words(self.language)) + self.digits(3),
            ]
        )
        if chance.random() < 0.4:
            return [name + chance.choice(["", self.digits(2), f"_{self.digits(2)}"])]
        spoken = self.mail.spelled(name) if name.isalpha() else [name]
        return [
            *spoken,
            *(self.mail.spelled(self.digits(chance.choice([1, 2, 3, 4]))) if chance.random() < 0.6 else []),
        ]

    def _password(self) -> list[str]:
        chance = self.chance
        word = chance.choice(everyday_words(self.language))
        way = chance.random()
        if way < 0.2:
            return [word.capitalize() + self.digits(chance.choice([1, 2, 3, 4])) + chance.choice(["", "!", "$", "#"])]
        if way < 0.4:
            return [word, chance.choice(everyday_words(self.language)), *self.mail.spelled(self.digits(2))]
        if way < 0.6:
            return [
                *chance.choice([[word], self.people.first_name()]),
                *self.mail.spelled(self.digits(chance.choice([2, 3, 4]))),
            ]
        if way < 0.75:
            return self._number(self.digits(chance.choice([4, 4, 5, 6])))
        if way < 0.9:
            return self.coded(self._code(chance.choice([6, 7, 8])))
        return chance.choice([[word], self.people.last_name(), [word, chance.choice(everyday_words(self.language))]])


def with_luhn(digits: str) -> str:
    """The digits with a last one that makes them pass the check of card numbers."""
    from stdnum import luhn

    return digits[:-1] + str(luhn.calc_check_digit(digits[:-1]))
