"""Invented people and their data: the values, not yet the words they are said in."""

import random
import string
import tomllib
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from stdnum import luhn

MADE_UP = 0.15  # of last names: what no list has
GARBLED = 0.1  # of cards: one digit misheard, so that the check digit fails
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class Birth(NamedTuple):
    """A date of birth."""

    day: int
    month: int
    year: int


@cache
def table(language: str) -> Mapping[str, Any]:
    """``calls.{language}.toml``."""
    return tomllib.loads(Path(__file__).with_name(f"calls.{language}.toml").read_text(encoding="utf-8"))


class Person:
    """Somebody with all the data a call may ask for. The same value comes each time it is asked for."""

    def __init__(self, chance: random.Random, language: str) -> None:
        self.chance = chance
        self.language = language
        self.names = table(language)["names"]
        self.places = table(language)["places"]

    @cached_property
    def first(self) -> str:
        return self.chance.choice(self.names["first"].split())

    @cached_property
    def last(self) -> str:
        if self.chance.random() < MADE_UP:
            return "".join(self.chance.sample(self.names["made"].split(), self.chance.choice((2, 2, 3)))).capitalize()
        return self.chance.choice(self.names["last"].replace("Le ", "Le_").split()).replace("_", " ")

    @cached_property
    def phone(self) -> str:
        if self.language == "fr":
            return "0" + self.chance.choice("1234566677") + self.digits(8)
        starts = ("07700 900", "0113 496 0", "01632 960", "212555", "617555", "503555", "0207946")
        start = self.chance.choice(starts).replace(" ", "")
        return start + self.digits((11 if start[0] == "0" else 10) - len(start))

    @cached_property
    def card(self) -> str:
        number = self.chance.choice("455") + self.digits(14)
        number += str(luhn.calc_check_digit(number))
        place = self.chance.randrange(1, 15)
        return number if self.chance.random() > GARBLED else number[:place] + self.digits(1) + number[place + 1 :]

    @cached_property
    def account(self) -> str:
        letters = self.letters(2) if self.chance.random() < 0.3 else ""
        return letters + self.digits(self.chance.choice((5, 6, 7, 8, 8, 9, 10)))

    @cached_property
    def code(self) -> str:
        shape = self.chance.choice(("aaddda", "adadda", "aaaaaa", "aadddd", "ddddda", "addaad", "aaadddddd"))
        return "".join(self.letters(1) if each == "a" else self.digits(1) for each in shape)

    @cached_property
    def plate(self) -> str:
        fr, us = self.language == "fr", self.chance.random() < 0.4
        shape = "aadddaa" if fr else "daaaddd" if us else "aaddaaa"
        return "".join(self.letters(1) if each == "a" else self.digits(1) for each in shape)

    @cached_property
    def postcode(self) -> str:
        if self.language == "fr":
            return f"{self.chance.randrange(1, 96):02d}{self.chance.choice('0123456')}{self.chance.choice('0123')}0"
        if self.chance.random() < 0.4:
            return self.digits(5)
        return self.letters(self.chance.choice((1, 2))) + self.digits(1) + self.digits(1) + self.letters(2)

    @cached_property
    def national(self) -> str:
        if self.language == "en":
            return self.chance.choice((self.digits(9), self.digits(10), self.letters(2) + self.digits(6) + "C"))
        number = self.chance.choice("12") + f"{self.birth.year % 100:02d}{self.birth.month:02d}" + self.digits(8)
        return number + f"{97 - int(number) % 97:02d}"

    @cached_property
    def iban(self) -> str:
        body = "NWBK" + self.digits(14) if self.language == "en" else self.digits(23)
        country = "GB" if self.language == "en" else "FR"
        number = "".join(str(int(sign, 36)) for sign in f"{body}{country}00")
        return f"{country}{98 - int(number) % 97:02d}{body}"

    @cached_property
    def birth(self) -> Birth:
        return Birth(self.chance.randrange(1, 29), self.chance.randrange(1, 13), self.chance.randrange(1938, 2006))

    @cached_property
    def sort(self) -> str:
        return self.digits(6)

    @cached_property
    def four(self) -> str:
        return self.digits(4)

    @cached_property
    def cvv(self) -> str:
        return self.digits(3)

    @cached_property
    def expiry(self) -> tuple[int, int]:
        return self.chance.randrange(1, 13), self.chance.randrange(27, 33)

    @cached_property
    def house(self) -> int:
        return self.chance.choice(
            (self.chance.randrange(1, 99), self.chance.randrange(100, 400), self.chance.randrange(1000, 9900))
        )

    @cached_property
    def street(self) -> str:
        return self.chance.choice([each.strip() for each in self.places["streets"].split("|")])

    @cached_property
    def city(self) -> str:
        return self.chance.choice([each.strip() for each in self.places["cities"].split("|")])

    @cached_property
    def local(self) -> tuple[str, ...]:
        """What stands before the @: words, marks and digits apart."""
        first, last, year = self.first.replace("'", ""), self.last.replace("'", "").replace(" ", ""), self.digits(2)
        word = self.chance.choice(table(self.language)["words"].split())
        return self.chance.choice((
            (first, ".", last), (first, ".", last, year), (first[0], ".", last), (last, year), (first, "_", last),
            (first, "-", last), (word, year), (first, last), (first[0], last), (word, ".", first), (last, ".", first, ".", "pro"),
        ))  # fmt: skip

    @cached_property
    def host(self) -> str:
        return self.chance.choice([each.strip() for each in self.places["hosts"].split("|")])

    @cached_property
    def secret(self) -> tuple[str, ...]:
        word = self.chance.choice(table(self.language)["words"].split())
        return self.chance.choice(((word,), (word, self.digits(2)), (self.digits(4),), (word, self.digits(4))))

    @cached_property
    def user(self) -> tuple[str, ...]:
        first, last = self.first, self.last.replace(" ", "").replace("'", "")
        return self.chance.choice(
            ((first[0], last), (first, self.digits(2)), (last, "_", self.digits(3)), (first, ".", last))
        )

    def values(self, slot: str) -> tuple[str, ...]:
        """The plain writings of what a slot says: whoever reads one of them, or four signs of it, knows it."""
        if slot == "birth":
            day, month, year = self.birth
            return f"{day:02d}{month:02d}{year}", f"{month:02d}{day:02d}{year}", f"{day}{month}{year}"
        names = {"name": ("first", "last"), "spelled_first": ("first",), "spelled_last": ("last",)}
        if slot in names or slot in ("first", "last"):
            return tuple(getattr(self, each) for each in names.get(slot, (slot,)))
        if slot in ("address", "street_number"):
            return str(self.house), *self.street.split()
        if slot == "email":
            return *(each for each in self.local if each.isalnum()), self.host.split(".")[0]
        if slot == "expiry":
            return ("{:02d}{}".format(*self.expiry),)
        value = getattr(self, slot)
        return tuple(each for each in value if each.isalnum()) if isinstance(value, tuple) else (value,)

    def digits(self, number: int) -> str:
        return "".join(self.chance.choices(string.digits, k=number))

    def letters(self, number: int) -> str:
        return "".join(self.chance.choices(LETTERS, k=number))
