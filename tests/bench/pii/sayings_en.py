"""How values are said in English."""

from collections.abc import Callable

from tests.bench.pii.gold import Part
from tests.bench.pii.people import Person
from tests.bench.pii.sayings import Sayings

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth", 20: "twentieth"}
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NATO = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey x-ray yankee zulu"
).split()
HOMELY = (
    "apple boy cat dog egg Freddie girl house ice-cream jug kettle lemon mother nut orange Peter queen Robert sugar "
    "tiger umbrella van window xylophone yellow zebra"
).split()


def under_hundred(number: int) -> str:
    """0 to 99 in words."""
    if number < 20:
        return (DIGITS + TEENS)[number]
    return TENS[number // 10 - 2] + (f" {DIGITS[number % 10]}" if number % 10 else "")


class English(Sayings):
    """An English speaker."""

    language = "en"
    at = ("at",)
    signs = {".": ("dot",), "_": ("underscore",), "-": ("dash", "hyphen")}
    as_in = "as in"
    alphabet = {word[0].upper(): (word, homely) for word, homely in zip(NATO, HOMELY, strict=True)}
    doubled = ("double",)

    def ways_to_say(self) -> list[Callable[[str], str]]:
        return [self.one_by_one, self.one_by_one, self.with_doubles, self.in_pairs]

    def one_by_one(self, digits: str) -> str:
        zero = self.chance.choice(("zero", "oh", "oh"))
        return " ".join(zero if digit == "0" else DIGITS[int(digit)] for digit in digits)

    def with_doubles(self, digits: str) -> str:
        """ "Double nine", "triple oh"."""
        said, at = [], 0
        while at < len(digits):
            run = len(digits[at:]) - len(digits[at:].lstrip(digits[at]))
            run = min(run, 3)
            said.append({1: "", 2: "double ", 3: "triple "}[run] + self.one_by_one(digits[at]))
            at += run
        return " ".join(said)

    def in_pairs(self, digits: str) -> str:
        """ "Forty two ninety eight"."""
        pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
        return " ".join(
            self.one_by_one(pair) if len(pair) == 1 or pair[0] == "0" else under_hundred(int(pair)) for pair in pairs
        )

    def say_phone(self, person: Person) -> list[Part]:
        uk = person.phone[0] == "0"
        return self.number(
            "PHONE", person.phone, self.chance.choice(((5, 3), (4, 3, 4)) if uk else ((3, 3, 4), (3, 3, 2)))
        )

    def say_postcode(self, person: Person) -> list[Part]:
        if person.postcode.isdigit():
            return self.number("POSTCODE", person.postcode, self.chance.choice(((5,), (3, 2), (1,))))
        return self.mixed("POSTCODE", person.postcode)

    def say_national(self, person: Person) -> list[Part]:
        value = person.national
        if value.isdigit():
            return self.number("SSN", value, (3, 2, 4) if len(value) == 9 else (3, 3, 4))
        return self.mixed("SSN", value)

    def say_house(self, person: Person) -> str:
        house = person.house
        if not self.lower:
            return str(house)
        if house < 100:
            return under_hundred(house)
        if house < 1000:
            return self.chance.choice((f"{DIGITS[house // 100]} {self.rest_of(house)}", self.one_by_one(str(house))))
        return f"{under_hundred(house // 100)} {self.rest_of(house)}"

    def rest_of(self, house: int) -> str:
        rest = house % 100
        return "hundred" if rest == 0 else f"oh {DIGITS[rest]}" if rest < 10 else under_hundred(rest)

    def say_address(self, person: Person) -> list[Part]:
        flat = self.chance.choice(("", "", "", ", apartment {}", ", flat {}", ", unit {}"))
        flat = flat.format(under_hundred(person.house % 19 + 1) if self.lower else person.house % 19 + 1)
        return [Part(f"{self.say_house(person)} {person.street}{flat}", "ADDRESS")]

    def say_street_number(self, person: Person) -> list[Part]:
        flat = under_hundred(person.house % 19 + 1) if self.lower else str(person.house % 19 + 1)
        return [Part(f"Flat {flat}, {self.say_house(person)} {person.street}", "ADDRESS")]

    def say_birth(self, person: Person) -> list[Part]:
        day, month, year = person.birth
        name = MONTHS[month - 1]
        if not self.lower:
            forms = (
                f"{name} {day}, {year}", f"{day} {name} {year}", f"{day:02d}/{month:02d}/{year}", f"{month}/{day}/{year % 100:02d}",
                f"{figure(day)} of {name}, {year}", f"the {figure(day)} of the {figure(month)}, {year % 100:02d}", f"{day}-{month:02d}-{year}",
            )  # fmt: skip
            return [Part(self.chance.choice(forms), "DATE_OF_BIRTH")]
        full = f"{under_hundred(year // 100)} {self.in_pairs(f'{year % 100:02d}')}"
        if year >= 2000:
            full = f"two thousand and {DIGITS[year % 100]}" if year % 100 else "two thousand"
        short = self.in_pairs(f"{year % 100:02d}")
        return self.weave("DATE_OF_BIRTH", self.chance.choice((
            (f"the {ordinal(day)} of {name}", full), (f"{name} {ordinal(day)}", full), (f"{ordinal(day)} {name}", short),
            (self.in_pairs(f"{day:02d}"), self.in_pairs(f"{month:02d}"), short), (f"{name} the {ordinal(day)}", full),
            (self.one_by_one(f"{day:02d}"), self.one_by_one(f"{month:02d}"), full),
        )))  # fmt: skip

    def say_expiry(self, person: Person) -> list[Part]:
        month, year = person.expiry
        if not self.lower:
            forms = (f"{month:02d}/{year}", f"{month:02d} {year}", f"{MONTHS[month - 1]} 20{year}", f"{month}/20{year}")
            return [Part(self.chance.choice(forms), "CARD_EXPIRY")]
        forms = (
            f"{self.in_pairs(f'{month:02d}')} {under_hundred(year)}", f"{MONTHS[month - 1]} {under_hundred(year)}",
            f"{self.one_by_one(f'{month:02d}')} {self.one_by_one(str(year))}", f"{MONTHS[month - 1]} twenty {under_hundred(year)}",
        )  # fmt: skip
        return [Part(self.chance.choice(forms), "CARD_EXPIRY")]

    # ── What is no personal datum ────────────────────────────────────────────────────────────────────────────

    def amount(self) -> str:
        whole, cents = self.chance.randrange(2, 99), self.chance.choice((0, 0, 50, 99, 20))
        if not self.lower:
            return self.chance.choice(
                (
                    f"£{whole}.{cents:02d}",
                    f"${whole * 10}",
                    f"{whole} pounds",
                    f"${whole},{self.chance.randrange(100, 999)}",
                )
            )
        end = f" {under_hundred(cents)}" if cents else ""
        return self.chance.choice((
            f"{under_hundred(whole)} pounds{end}", f"{under_hundred(whole)} dollars", f"a hundred and {under_hundred(whole)} dollars",
            f"{under_hundred(whole)}{end or ' euros'}", f"{under_hundred(whole % 9 + 1)} hundred pounds", f"two thousand {under_hundred(whole)} dollars",
        ))  # fmt: skip

    def time(self) -> str:
        hour, minute = self.chance.randrange(1, 13), self.chance.choice((0, 15, 30, 45))
        if not self.lower:
            return self.chance.choice(
                (
                    f"{hour}:{minute:02d}",
                    f"{hour} p.m.",
                    f"{hour}.{minute:02d} a.m.",
                    f"half past {under_hundred(hour)}",
                )
            )
        tail = f" {under_hundred(minute)}" if minute else " o'clock"
        return self.chance.choice(
            (
                f"{under_hundred(hour)}{tail}",
                f"half past {under_hundred(hour)}",
                f"quarter to {under_hundred(hour)}",
                f"{under_hundred(hour)} p m",
            )
        )

    def day(self) -> str:
        day, month = self.chance.randrange(1, 29), self.chance.choice(MONTHS)
        date = (
            f"the {ordinal(day)} of {month}"
            if self.lower
            else self.chance.choice((f"{month} {figure(day)}", f"the {figure(day)}", f"{day} {month}"))
        )
        return self.chance.choice(
            (f"{self.chance.choice(DAYS)}", date, f"next {self.chance.choice(DAYS)}", "tomorrow", "last week")
        )

    def count(self) -> str:
        number = self.chance.choice((2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15, 20, 24, 30, 45))
        return under_hundred(number) if self.lower or number < 5 else str(number)


def ordinal(number: int) -> str:
    """1 to 31 as "first" …"""
    if number in ORDINALS:
        return ORDINALS[number]
    if number < 20:
        return under_hundred(number) + "th"
    return under_hundred(number) + "th" if number % 10 == 0 else f"{TENS[number // 10 - 2]} {ordinal(number % 10)}"


def figure(number: int) -> str:
    """1 to 31 as "1st" …"""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number not in (11, 12, 13) else "th"
    return f"{number}{ending}"
