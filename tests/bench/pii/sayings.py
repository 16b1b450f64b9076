"""How values are said, whatever the language: digits in groups with hesitations, codes, spelled names, addresses.

``lower`` is speech as it sounds, every number in words; else it is as Whisper writes it: figures, capitals, hyphens.
``sayings_en`` and ``sayings_fr`` add what each language has of its own.
"""

import random
import unicodedata
from collections.abc import Callable, Sequence

from tests.bench.pii.gold import BREAK, IGNORED, Part
from tests.bench.pii.people import Person, table

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HESITATES, MENDS, BREAKS = 0.2, 0.06, 0.12  # how often, somewhere in a value


class Sayings:
    """One speaker's way of saying things."""

    language: str
    at: tuple[str, ...]
    signs: dict[str, tuple[str, ...]]
    as_in: str
    alphabet: dict[str, tuple[str, ...]]
    doubled: tuple[str, ...]
    capital: str

    def __init__(self, chance: random.Random, *, lower: bool) -> None:
        self.chance = chance
        self.lower = lower
        self.fluent = False  # whether nothing comes between the parts of a value
        self.table = table(self.language)

    # ── Pieces ───────────────────────────────────────────────────────────────────────────────────────────────

    def weave(self, label: str, chunks: Sequence[str], seam: str = " ", *, fluent: bool = False) -> list[Part]:
        """Chunks of one value; between two of them perhaps a filler, a slip that is mended, or a breath."""
        happens = {} if fluent or self.fluent else {self.chance.randrange(len(chunks)): self.chance.random()}
        parts: list[Part] = []
        for number, chunk in enumerate(chunks):
            luck = happens.get(number, 1.0) if number else 1.0
            if luck < HESITATES:
                parts += [Part(f", {self.chance.choice(self.table['fillers'])}, ", IGNORED)]
            elif luck < HESITATES + MENDS and chunk != chunks[number - 1]:
                mended = f", {self.chance.choice(self.table['mended'])} "
                parts += [Part(seam, label), Part(chunks[number - 1], label), Part(mended, IGNORED)]
            elif luck < HESITATES + MENDS + BREAKS:
                parts += [Part("", BREAK)]
            elif number:
                parts += [Part(seam, label if seam.strip() else "")]
            parts.append(Part(chunk, label))
        return joined(parts)

    def number(self, label: str, digits: str, sizes: Sequence[int]) -> list[Part]:
        """A number in groups of these sizes (the last again and again)."""
        groups = grouped(digits, sizes)
        if self.lower:
            say = self.chance.choice(self.ways_to_say())
            return self.weave(label, [say(group) for group in groups])
        form = self.chance.choice(("joined", "spaced", "spaced", "hyphens", "singles", "words", "mixed"))
        if form == "joined":
            return [Part(digits, label)]
        if form in ("spaced", "hyphens"):
            return self.weave(label, groups, "-" if form == "hyphens" else " ")
        if form == "singles":
            return self.weave(label, list(digits), self.chance.choice((", ", " ", "-")), fluent=len(digits) > 8)
        if form == "words":
            return self.weave(label, [self.one_by_one(group) for group in groups], ", ")
        half = len(groups) // 2 or 1
        return self.weave(label, [*groups[:half], *map(self.one_by_one, groups[half:])])

    def ways_to_say(self) -> list[Callable[[str], str]]:
        raise NotImplementedError

    def one_by_one(self, digits: str) -> str:
        raise NotImplementedError

    def mixed(self, label: str, value: str, sizes: Sequence[int] = (3,)) -> list[Part]:
        """Letters and digits: a booking code, a plate."""
        if value.isdigit():
            return self.number(label, value, sizes)
        if not self.lower and self.chance.random() < 0.6:
            form = self.chance.choice(("", "-", " ", "halves", "lower"))
            if form in ("-", " "):
                return self.weave(label, list(value), form, fluent=True)
            halves = (value[: len(value) // 2], value[len(value) // 2 :])
            return self.weave(label, halves if form == "halves" else [value.lower() if form == "lower" else value])
        way = self.chance.choice(("plain", "plain", "as in", "alphabet"))
        chunks = [self.letter(sign, way) if sign.isalpha() else self.digit_in_code(sign) for sign in value]
        return self.weave(label, chunks, " " if self.lower else ", ")

    def digit_in_code(self, digit: str) -> str:
        return self.one_by_one(digit) if self.lower or self.chance.random() < 0.3 else digit

    def letter(self, letter: str, way: str) -> str:
        word = self.chance.choice(self.alphabet[letter.upper()])
        if way == "as in":
            return f"{letter} {self.as_in} {word}"
        return word if way == "alphabet" else letter

    # ── Values ───────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, slot: str, person: Person) -> list[Part]:
        """The parts of a slot of a template."""
        method: Callable[[Person], list[Part]] = getattr(self, f"say_{slot}")
        return method(person)

    def say_first(self, person: Person) -> list[Part]:
        return [Part(person.first, "PERSON_NAME")]

    def say_last(self, person: Person) -> list[Part]:
        return [Part(person.last, "PERSON_NAME")]

    def say_name(self, person: Person) -> list[Part]:
        return [Part(f"{person.first} {person.last}", "PERSON_NAME")]

    def say_spelled_last(self, person: Person) -> list[Part]:
        return self.spelled(person.last)

    def say_spelled_first(self, person: Person) -> list[Part]:
        return self.spelled(person.first)

    def spelled(self, name: str) -> list[Part]:
        letters = list(plain_letters(name).upper())
        way = self.chance.choice(("plain", "plain", "plain", "as in", "alphabet", "doubled"))
        if way == "doubled":
            letters = self.doubles(letters)
        if not self.lower and way == "plain":
            return self.weave("PERSON_NAME", letters, self.chance.choice(("-", "-", " ", ", ")), fluent=True)
        chunks = [self.letter(each, way) if len(each) == 1 else each for each in letters]
        return self.weave("PERSON_NAME", chunks, " " if self.lower or way == "plain" else ", ")

    def doubles(self, letters: list[str]) -> list[str]:
        """ "L L" as "double L"."""
        found: list[str] = []
        for letter in letters:
            if found and found[-1] == letter:
                found[-1] = f"{self.chance.choice(self.doubled)} {letter}"
            else:
                found.append(letter)
        return found

    def say_card(self, person: Person) -> list[Part]:
        return self.number("CARD", person.card, (4,))

    def say_cvv(self, person: Person) -> list[Part]:
        return self.number("CVV", person.cvv, (3,))

    def say_four(self, person: Person) -> list[Part]:
        return self.number("CARD", person.four, self.chance.choice(((4,), (2,))))

    def say_sort(self, person: Person) -> list[Part]:
        return self.number("ACCOUNT", person.sort, (2,))

    def say_account(self, person: Person) -> list[Part]:
        letters, digits = person.account.rstrip("0123456789"), person.account.lstrip(LETTERS)
        before = [Part(" ".join(letters) if self.lower else letters, "ACCOUNT"), Part(" ")] if letters else []
        return joined([*before, *self.number("ACCOUNT", digits, self.chance.choice(((3,), (2,), (4,))))])

    def say_code(self, person: Person) -> list[Part]:
        return self.mixed("BOOKING", person.code)

    def say_plate(self, person: Person) -> list[Part]:
        return self.mixed("PLATE", person.plate)

    def say_iban(self, person: Person) -> list[Part]:
        if not self.lower:
            return self.weave("IBAN", grouped(person.iban, (4,)), fluent=True)
        first = [*person.iban[:2], *[self.one_by_one(each) for each in person.iban[2:4]]]
        bank = [each for each in person.iban[4:] if each.isalpha()]
        rest = person.iban[4 + len(bank) :]
        say = self.chance.choice(self.ways_to_say())
        return self.weave("IBAN", [" ".join(first + bank), *[say(group) for group in grouped(rest, (4,))]])

    def say_email(self, person: Person) -> list[Part]:
        if not self.lower and self.chance.random() < 0.5:
            return [Part(f"{unaccented(''.join(person.local))}@{person.host}".lower(), "EMAIL")]
        local = [self.email_piece(each) for each in person.local]
        signs = self.signs["."]
        host = person.host.replace(".", f" {self.chance.choice(signs)} ").replace(
            "-", f" {self.chance.choice(self.signs['-'])} "
        )
        if not self.lower and self.chance.random() < 0.5:
            host = person.host
        at = self.chance.choice(self.at) if self.lower or self.chance.random() < 0.7 else self.at[0]
        return self.weave("EMAIL", [*local, f"{at} {host}"], fluent=self.chance.random() < 0.7)

    def email_piece(self, piece: str) -> str:
        if piece in self.signs:
            return self.chance.choice(self.signs[piece])
        if piece.isdigit():
            return self.chance.choice(self.ways_to_say())(piece) if self.lower else piece
        if len(piece) > 3 and self.chance.random() < 0.12:
            return ("-" if not self.lower else " ").join(plain_letters(piece).upper())
        return piece if not self.lower else plain_letters(piece)

    def say_secret(self, person: Person) -> list[Part]:
        return self.worded("PASSWORD", person.secret)

    def say_user(self, person: Person) -> list[Part]:
        return self.worded("USERNAME", person.user)

    def worded(self, label: str, pieces: Sequence[str]) -> list[Part]:
        if not self.lower and self.chance.random() < 0.5:
            return [Part("".join(pieces).lower(), label)]
        return [Part(" ".join(self.email_piece(each) for each in pieces), label)]

    def say_city(self, person: Person) -> list[Part]:
        return [Part(person.city, "CITY")]


def grouped(value: str, sizes: Sequence[int]) -> list[str]:
    """A value in groups of these sizes, the last size again and again; no group of one at the end."""
    groups, left, at = [], value, 0
    while left:
        size = sizes[min(at, len(sizes) - 1)]
        size = len(left) if len(left) - size == 1 else size
        groups.append(left[:size])
        left, at = left[size:], at + 1
    return groups


def joined(parts: Sequence[Part]) -> list[Part]:
    """Neighbours of one datum as one part, over the plain spaces between them."""
    found: list[Part] = []
    for part in parts:
        if (
            len(found) > 1
            and found[-1] == Part(" ")
            and found[-2].label == part.label
            and part.label not in ("", BREAK)
        ):
            found[-2:] = [Part(f"{found[-2].text} {part.text}", part.label)]
        elif found and found[-1].label == part.label and part.label not in ("", BREAK):
            found[-1] = Part(found[-1].text + part.text, part.label)
        else:
            found.append(part)
    return found


def plain_letters(name: str) -> str:
    """A name letter by letter: no accents, spaces or apostrophes."""
    return "".join(sign for sign in unaccented(name) if sign.isalpha())


def unaccented(text: str) -> str:
    """What of a text one can type into an address."""
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if sign.isascii())
