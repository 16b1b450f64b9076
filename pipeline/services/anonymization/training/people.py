"""Names of people, most of them from Faker's lists, some misheard, some that nobody bears, some everyday words."""

import importlib
import string
import unicodedata
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any

NAME_LISTS = {  # locales of Faker; how often each is drawn is how often it stands here
    "en": (
        "en_US en_US en_US en_GB en_GB en_IN en_IN es_MX es_ES de_DE it_IT pl_PL pt_BR en_NG en_PK vi_VN nl_NL tr_TR "
        "id_ID ro_RO fr_FR cs_CZ hu_HU fi_FI hr_HR sv_SE da_DK no_NO"
    ).split(),
    "fr": (
        "fr_FR fr_FR fr_FR fr_FR fr_CA fr_BE fr_CH pt_PT es_ES it_IT de_DE pl_PL tr_TR en_GB en_NG vi_VN ro_RO"
    ).split(),
}
SOUNDS = (
    "b c d f g h j k l m n p r s t v w z br ch cr dr fr gr kr pr sh sl st th tr".split(),
    "a e i o u a e i o ai ee ou ia".split(),
)
PARTICLES = {
    "en": ["van", "de", "von", "del", "al", "o'", "mc", "bin", "da"],
    "fr": ["de", "le", "du", "de la", "d'"],
}


class People:
    """Draws names, lower case, as lists of words."""

    def __init__(self, language: str, chance: Random) -> None:
        self.language = language
        self.chance = chance

    def first_name(self) -> list[str]:
        """A first name: mostly one of a list, now and then one that nobody bears, or an everyday word."""
        return self._drawn_name("first_names")

    def last_name(self) -> list[str]:
        """A last name, drawn likewise."""
        name = self._drawn_name("last_names")
        if self.chance.random() < 0.04:
            name = [f"{name[0]}-{self._drawn_name('last_names')[0]}"]
        if self.chance.random() < 0.04:
            particle = self.chance.choice(PARTICLES[self.language])
            name = [particle + name[0], *name[1:]] if particle.endswith(("'", "mc")) else [*particle.split(), *name]
        return name

    def _drawn_name(self, kind: str) -> list[str]:
        chance, way = self.chance, self.chance.random()
        if way < 0.16:
            return [self.invented_word()]
        if way < 0.26:
            return [chance.choice(everyday_words(self.language))]
        name = chance.choice(names_of(chance.choice(NAME_LISTS[self.language]), kind))
        if way < 0.34 and len(name) > 4:  # misheard
            place = chance.randrange(1, len(name) - 1)
            name = name[:place] + chance.choice(string.ascii_lowercase) + name[place + 1 :]
        return name.split()

    def invented_word(self) -> str:
        """A word of a few syllables that is in no list."""
        starts, vowels = SOUNDS
        chance = self.chance
        word = "".join(chance.choice(starts) + chance.choice(vowels) for _ in range(chance.choice([1, 2, 2, 3, 3])))
        return word + chance.choice(["", "", "n", "r", "s", "l", "th", "ck", "m", "y"])


@cache
def names_of(locale: str, kind: str) -> Sequence[str]:
    """The names of a locale of Faker, lower case, those of its own alphabet."""
    provider: Any = importlib.import_module(f"faker.providers.person.{locale}").Provider
    return tuple(sorted({str(name).lower() for name in getattr(provider, kind) if str(name)[:1].isalpha()}))


@cache
def everyday_words(language: str) -> Sequence[str]:
    """Words that people use but not every minute: they serve as odd names, passwords, streets."""
    from wordfreq import top_n_list

    words = top_n_list(language, 9000)[700:]
    return tuple(word for word in words if word.isalpha() and len(word) > 3)


def letters_of(words: Sequence[str]) -> str:
    """The letters of words, without accents, at least one."""
    plain = unicodedata.normalize("NFD", "".join(words).lower())
    return "".join(character for character in plain if character in string.ascii_lowercase) or "x"
