"""E-mail and web addresses, as people say and write them."""

import string
from random import Random

from pipeline.services.anonymization.training.numerals import say_digits, say_letters
from pipeline.services.anonymization.training.people import People, everyday_words, letters_of
from pipeline.services.anonymization.training.phrases import Phrasebook

HOSTS = {
    "en": (
        "gmail yahoo hotmail outlook icloud aol msn protonmail comcast verizon zoho fastmail live gmx example company "
        "acme university mycompany bluewave northstar"
    ).split(),
    "fr": (
        "gmail orange free wanadoo laposte sfr hotmail yahoo outlook icloud bbox neuf numericable exemple entreprise "
        "protonmail gmx mairie"
    ).split(),
}
ENDINGS = {
    "en": "com com com com net org edu co.uk io co us in ca".split(),
    "fr": "com fr fr fr net org be ch eu".split(),
}
SIGNS = {
    "en": {
        "@": ["at", "at", "at", "at sign", "@"], ".": ["dot", "dot", "dot", "dot", "period", "point"],
        "-": ["dash", "hyphen", "minus"], "_": ["underscore"],
    },
    "fr": {
        "@": ["arobase", "arobase", "arobase", "at", "arobas", "@"], ".": ["point"] * 5 + ["dot"],
        "-": ["tiret", "trait d'union"], "_": ["underscore", "tiret bas"],
    },
}  # fmt: skip


class Mail:
    """Draws e-mail and web addresses, as lists of words."""

    def __init__(self, language: str, chance: Random, people: People, book: Phrasebook) -> None:
        self.language = language
        self.chance = chance
        self.people = people
        self.book = book

    def email(self) -> list[str]:
        """An e-mail address."""
        chance = self.chance
        host, ending = chance.choice(HOSTS[self.language]), chance.choice(ENDINGS[self.language])
        if chance.random() < 0.12:
            host = self.people.invented_word()
        local = self._local_part()
        if chance.random() < 0.3:
            return ["".join(local) + f"@{host}.{ending}"]
        at, dot, signs = self._spoken_signs()
        words: list[str] = []
        for part in local:
            words.extend([signs[part]] if part in signs else self.spelled(part))
        if chance.random() < 0.1 and self.language == "en":  # joined by the ear
            return ["".join(local), "at", f"{host}.{ending}"]
        where = [host] if chance.random() < 0.9 else list(host)
        tail = (
            [f"{host}.{ending}"] if chance.random() < 0.12 else [*where, *f".{ending}".replace(".", f" {dot} ").split()]
        )
        return [*words, at, *tail]

    def _local_part(self) -> list[str]:
        chance = self.chance
        first, last = letters_of(self.people.first_name()), letters_of(self.people.last_name())
        joint = chance.choice([".", ".", ".", "_", "-", "", ""])
        number = "".join(chance.choices(string.digits, k=chance.choice([1, 2, 2, 3, 4])))
        word, other = (chance.choice(everyday_words(self.language)) for _ in range(2))
        ways = [
            [first, joint, last], [first, joint, last], [first], [first, number], [first[0], joint, last], [last],
            [first, joint, last, number], [word, number], [word, joint, other], ["info"], [first[0], last[0], number],
            [self.people.invented_word(), number],
        ]  # fmt: skip
        return [part for part in chance.choice(ways) if part]

    def _spoken_signs(self) -> tuple[str, str, dict[str, str]]:
        """What "@" and "." are called, and the marks before the "@"."""
        at, dot, dash, line = (self.chance.choice(SIGNS[self.language][mark]) for mark in "@.-_")
        return at, dot, {".": dot, "-": dash, "_": line}

    def spelled(self, part: str) -> list[str]:
        """A part of an address: as a word, in letters, or digits."""
        chance = self.chance
        if part.isdigit():
            return [part] if chance.random() < 0.4 else say_digits(part, self.language, chance)
        if chance.random() < 0.2:
            return say_letters(part, chance, self.book.alphabet, self.book.as_in)
        return [part]

    def url(self) -> list[str]:
        """A web address."""
        chance = self.chance
        host = chance.choice(
            [self.people.invented_word(), chance.choice(HOSTS[self.language]), letters_of(self.people.last_name())]
        )
        ending = chance.choice(ENDINGS[self.language])
        if chance.random() < 0.5:
            return [
                chance.choice(["", "www.", "https://", "http://www."])
                + f"{host}.{ending}"
                + chance.choice(["", "", "/login"])
            ]
        dot = "dot" if self.language == "en" else "point"
        www = chance.choice([[], ["www", dot]])
        return [*www, host, *f".{ending}".replace(".", f" {dot} ").split()]
