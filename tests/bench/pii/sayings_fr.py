"""How values are said in French."""

from collections.abc import Callable

from tests.bench.pii.gold import Part
from tests.bench.pii.people import Person
from tests.bench.pii.sayings import Sayings

UNITS = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf"
).split()
TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante"}
MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
DAYS = "lundi mardi mercredi jeudi vendredi samedi dimanche".split()
ALPHABET = (
    "Anatole Berthe Célestin Désiré Eugène François Gaston Henri Irma Joseph Kléber Louis Marcel Nicolas Oscar Pierre "
    "Quintal Raoul Suzanne Thérèse Ursule Victor William Xavier Yvonne Zoé"
).split()
HOMELY = (
    "avion bateau chat dauphin éléphant fleur gâteau hôtel igloo jardin kilo lune maman nuage orange papa quatre rose "
    "soleil tante usine vache wagon xylophone yaourt zèbre"
).split()


def under_hundred(number: int) -> str:
    """0 to 99 in words."""
    tens, unit = divmod(number, 10)
    if number < 20:
        return UNITS[number]
    if tens in (7, 9):
        base = "soixante" if tens == 7 else "quatre-vingt"
        return f"{base} et onze" if number == 71 else f"{base}-{UNITS[10 + unit]}"
    if tens == 8:
        return f"quatre-vingt-{UNITS[unit]}" if unit else "quatre-vingts"
    return TENS[tens] if not unit else f"{TENS[tens]} et un" if unit == 1 else f"{TENS[tens]}-{UNITS[unit]}"


def under_thousand(number: int) -> str:
    """0 to 999 in words."""
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return under_hundred(rest)
    head = "cent" if hundreds == 1 else f"{UNITS[hundreds]} cent"
    return f"{head} {under_hundred(rest)}" if rest else head


class French(Sayings):
    """A French speaker."""

    language = "fr"
    at = ("arobase", "arobase", "at", "arrobas")
    signs = {".": ("point",), "_": ("underscore", "tiret du bas"), "-": ("tiret", "trait d'union")}
    as_in = "comme"
    alphabet = {word[0].upper(): (word, homely) for word, homely in zip(ALPHABET, HOMELY, strict=True)}
    doubled = ("deux",)

    def ways_to_say(self) -> list[Callable[[str], str]]:
        return [self.one_by_one, self.in_pairs, self.in_pairs, self.in_threes]

    def one_by_one(self, digits: str) -> str:
        return " ".join(UNITS[int(digit)] for digit in digits)

    def in_pairs(self, digits: str) -> str:
        """ "Zéro six douze trente-quatre"."""
        pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
        return " ".join(
            self.one_by_one(pair) if len(pair) == 1 or pair[0] == "0" else under_hundred(int(pair)) for pair in pairs
        )

    def in_threes(self, digits: str) -> str:
        """ "Cent vingt-trois"; what starts with a zero one by one."""
        if len(digits) != 3 or digits[0] == "0":
            return self.in_pairs(digits)
        return under_thousand(int(digits))

    def say_phone(self, person: Person) -> list[Part]:
        return self.number("PHONE", person.phone, self.chance.choice(((2,), (2,), (2,), (4, 3))))

    def say_postcode(self, person: Person) -> list[Part]:
        return self.number("POSTCODE", person.postcode, self.chance.choice(((2, 3), (5,))))

    def say_national(self, person: Person) -> list[Part]:
        return self.number("NIR", person.national, (1, 2, 2, 2, 3, 3, 2))

    def say_house(self, person: Person) -> str:
        house = person.house % 400 or 4
        suffix = self.chance.choice(("", "", "", " bis", " ter"))
        return (under_thousand(house) if self.lower else str(house)) + suffix

    def say_address(self, person: Person) -> list[Part]:
        comma = self.chance.choice((" ", ", "))
        return [Part(f"{self.say_house(person)}{comma}{person.street}", "ADDRESS")]

    def say_street_number(self, person: Person) -> list[Part]:
        flat = under_hundred(person.house % 19 + 1) if self.lower else str(person.house % 19 + 1)
        return [Part(f"Appartement {flat}, {self.say_house(person)} {person.street}", "ADDRESS")]

    def say_birth(self, person: Person) -> list[Part]:
        day, month, year = person.birth
        name = MONTHS[month - 1]
        if not self.lower:
            forms = (
                f"{day} {name} {year}",
                f"{day:02d}/{month:02d}/{year}",
                f"{day} {month:02d} {year % 100:02d}",
                f"{day}/{month}/{year % 100:02d}",
            )
            return [Part(self.chance.choice(forms), "DATE_OF_BIRTH")]
        said = "premier" if day == 1 else under_hundred(day)
        full = (
            f"mille neuf cent {under_hundred(year % 100)}"
            if year < 2000
            else f"deux mille {under_hundred(year % 100) if year % 100 else ''}".strip()
        )
        short = self.in_pairs(f"{year % 100:02d}")
        return self.weave("DATE_OF_BIRTH", self.chance.choice((
            (f"{said} {name}", full), (f"{said} {name}", short),
            (self.in_pairs(f"{day:02d}"), self.in_pairs(f"{month:02d}"), short), (self.in_pairs(f"{day:02d}"), self.in_pairs(f"{month:02d}"), full),
        )))  # fmt: skip

    def say_expiry(self, person: Person) -> list[Part]:
        month, year = person.expiry
        if not self.lower:
            return [
                Part(
                    self.chance.choice((f"{month:02d}/{year}", f"{month:02d} {year}", f"{MONTHS[month - 1]} 20{year}")),
                    "CARD_EXPIRY",
                )
            ]
        forms = (
            f"{self.in_pairs(f'{month:02d}')} {under_hundred(year)}",
            f"{MONTHS[month - 1]} {under_hundred(year)}",
            f"{MONTHS[month - 1]} deux mille {under_hundred(year)}",
        )
        return [Part(self.chance.choice(forms), "CARD_EXPIRY")]

    # ── What is no personal datum ────────────────────────────────────────────────────────────────────────────

    def amount(self) -> str:
        whole, cents = self.chance.randrange(2, 99), self.chance.choice((0, 0, 50, 99, 20))
        if not self.lower:
            return self.chance.choice((f"{whole},{cents:02d} euros", f"{whole * 10} €", f"{whole} euros"))
        end = f" {under_hundred(cents)}" if cents else ""
        return self.chance.choice(
            (
                f"{under_hundred(whole)} euros{end}",
                f"cent {under_hundred(whole)} euros",
                f"deux mille {under_hundred(whole)} euros",
            )
        )

    def time(self) -> str:
        hour, minute = self.chance.randrange(8, 21), self.chance.choice((0, 15, 30, 45))
        if not self.lower:
            return self.chance.choice((f"{hour}h{minute:02d}" if minute else f"{hour}h", f"{hour} heures"))
        return self.chance.choice(
            (
                f"{under_hundred(hour)} heures" + (f" {under_hundred(minute)}" if minute else ""),
                f"{under_hundred(hour)} heures et demie",
            )
        )

    def day(self) -> str:
        day, month = self.chance.randrange(2, 29), self.chance.choice(MONTHS)
        date = f"le {under_hundred(day) if self.lower else day} {month}"
        return self.chance.choice(
            (self.chance.choice(DAYS), date, f"{self.chance.choice(DAYS)} prochain", "demain", "la semaine dernière")
        )

    def count(self) -> str:
        number = self.chance.choice((2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15, 20, 24, 30, 45))
        return under_hundred(number) if self.lower or number < 5 else str(number)
