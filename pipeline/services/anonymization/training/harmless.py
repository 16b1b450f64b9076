"""What resembles personal data and is none: amounts, times, dates, quantities, flights, firms, things, towns."""

from collections.abc import Callable

from pipeline.services.anonymization.training.dates import DAYS, MONTHS, say_date, say_year
from pipeline.services.anonymization.training.numerals import say_digits, spell_number, spell_ordinal
from pipeline.services.anonymization.training.people import everyday_words
from pipeline.services.anonymization.training.values import Values

Draw = Callable[[], list[str]]


def harmless(values: Values) -> dict[str, Draw]:
    """What the braces of a phrase become when they are no personal data."""
    say, chance, language = _Sayings(values), values.chance, values.language
    return {name: say.listed(name) for name in values.book.lists} | {
        "money": say.money, "time": say.time, "flight": say.flight, "company": say.company,
        "decimal": say.decimal, "reading": say.reading, "price": say.price, "clock": say.clock,
        "date": lambda: say.date()[: chance.choice([2, 2, 3, 9])],
        "count": lambda: say.small(2, 60) if chance.random() < 0.8 else say.small(100, 10000),
        "small": lambda: say.small(1, 99), "digit": lambda: say.small(1, 10),
        "percent": lambda: chance.choice([say.small(1, 100), [f"{chance.randrange(1, 9)}.{chance.randrange(1, 9)}"]]),
        "error": lambda: chance.choice(
            [[str(chance.randrange(999))], [f"E{chance.randrange(99)}"], say.small(1, 600)]
        ),
        "version": lambda: [f"{chance.randrange(1, 20)}.{chance.randrange(10)}"],
        "nth": lambda: spell_ordinal(chance.randrange(1, 12), language).split(),
        "city": values.places.town, "day": lambda: [chance.choice(DAYS[language])],
        "month": lambda: [chance.choice(MONTHS[language])],
        "year": lambda: say_year(language, chance, chance.randrange(1985, 2027)), "temp": lambda: say.small(1, 99),
    }  # fmt: skip


class _Sayings:
    """Says amounts, times and the like, each time in another way."""

    def __init__(self, values: Values) -> None:
        self.values, self.chance, self.language = values, values.chance, values.language

    def small(self, low: int, high: int) -> list[str]:
        """A number in digits or words."""
        number = self.chance.randrange(low, high)
        return [str(number)] if self.chance.random() < 0.45 else self.spelled(number)

    def spelled(self, number: int) -> list[str]:
        """A number in words."""
        return spell_number(number, self.language).split()

    def money(self) -> list[str]:
        """An amount."""
        chance = self.chance
        amount = chance.choice(
            [
                chance.randrange(2, 100),
                chance.randrange(100, 1000),
                chance.randrange(1, 90) * 50,
                chance.randrange(1000, 20000),
            ]
        )
        cents = f"{chance.randrange(100):02d}"
        return chance.choice(self.euros(amount, cents) if self.language == "fr" else self.dollars(amount, cents))

    def euros(self, amount: int, cents: str) -> list[list[str]]:
        """The ways to say an amount in French."""
        return [
            [f"{amount}", "euros"],
            [*self.spelled(amount), "euros"],
            [f"{amount},{cents}", "€"],
            [f"{amount}€"],
            [*self.spelled(amount), "euros", *self.spelled(int(cents))],
        ]

    def dollars(self, amount: int, cents: str) -> list[list[str]]:
        """The ways to say an amount in English."""
        return [
            [f"${amount}"],
            [f"${amount}.{cents}"],
            [str(amount), "dollars"],
            [*self.spelled(amount), self.chance.choice(["dollars", "bucks", "pounds"])],
            [*self.spelled(amount), "dollars", "and", *self.spelled(int(cents)), "cents"],
            [f"£{amount}"],
            [f"{amount:,}", "dollars"],
            say_digits(f"{amount % 90 + 10}", "en", self.chance) + self.spelled(int(cents)),
        ]

    def time(self) -> list[str]:
        """A time of day."""
        hour = self.chance.randrange(1, 13)
        minute = self.chance.choice([0, 5, 10, 15, 20, 30, 30, 40, 45, 50, 55])
        return self.chance.choice((self.heures if self.language == "fr" else self.hours)(hour, minute))

    def heures(self, hour: int, minute: int) -> list[list[str]]:
        """The ways to say a time in French."""
        return [
            [f"{hour}h{minute:02d}"],
            [f"{hour}", "heures", *([str(minute)] if minute else [])],
            [*self.spelled(hour), "heures", *(self.spelled(minute) if minute else [])],
            [f"{hour}:{minute:02d}"],
        ]

    def hours(self, hour: int, minute: int) -> list[list[str]]:
        """The ways to say a time in English."""
        half = self.chance.choice(["am", "pm", "a.m.", "p.m."])
        after = self.spelled(minute) if minute else [self.chance.choice(["o'clock", half])]
        return [
            [f"{hour}:{minute:02d}"],
            [f"{hour}:{minute:02d}", half],
            [f"{hour}", half],
            [*self.spelled(hour), *after],
            [f"{hour}{half[:2]}"],
        ]

    def company(self) -> list[str]:
        """A firm: a known one, or one that is called by a name or a word and what it does."""
        chance, lists = self.chance, self.values.book.lists
        if chance.random() < 0.4:
            return chance.choice(lists["company"]).split()
        people = self.values.people
        called = chance.choice(
            [
                people.last_name(),
                people.last_name(),
                [people.invented_word()],
                [chance.choice(everyday_words(self.language))],
                [chance.choice(everyday_words(self.language)), *people.last_name()],
            ]
        )
        if "firm_before" in lists and chance.random() < 0.7:
            return [*chance.choice(lists["firm_before"]).split(), *called]
        return [*called, *chance.choice(lists["firm_after"]).split()]

    def decimal(self) -> list[str]:
        """A number with a fraction: "42.7", "forty two point seven"."""
        chance, french = self.chance, self.language == "fr"
        whole, part = chance.randrange(0, 300), str(chance.randrange(1, 10 if chance.random() < 0.7 else 100))
        if chance.random() < 0.4:
            return [f"{whole}{',' if french else '.'}{part}"]
        spoken = [str(whole)] if chance.random() < 0.15 else self.spelled(whole)
        return [*spoken, "virgule" if french else "point", *say_digits(part, self.language, chance)]

    def reading(self) -> list[str]:
        """What a meter shows: some digits, no amount."""
        chance = self.chance
        number = chance.randrange(1000, 99999)
        written = f"{number:,}".replace(",", chance.choice([",", " "] if self.language == "en" else [" ", " ", "."]))
        ways = [[str(number)], written.split(), say_digits(str(number), self.language, chance), self.spelled(number)]
        return chance.choice(ways)

    def price(self) -> list[str]:
        """An amount without its currency, or with it, to the cent: "four ninety nine", "1,299.00", "85,00 euros"."""
        chance, french = self.chance, self.language == "fr"
        whole = chance.choice([chance.randrange(1, 100), chance.randrange(1, 100), chance.randrange(100, 3000)])
        cents = chance.choice(["00", "50", "99", "95", f"{chance.randrange(10, 100)}"])
        written = f"{whole:,}.{cents}"
        if french:
            written = written.replace(",", " ").replace(".", ",")
        unit = chance.choice([["euros"], ["€"], []] if french else [["dollars"], ["euros"], ["pounds"], [], []])
        if chance.random() < 0.45:
            return [*written.split(), *unit]
        between = [chance.choice(["euros", "virgule"])] if french else chance.choice([[], [], ["dollars"], ["point"]])
        return [*self.spelled(whole), *between, *self.spelled(int(cents))]

    def clock(self) -> list[str]:
        """A time to the minute: "12.15 a.m.", "a quarter past nine", "neuf heures et quart"."""
        chance = self.chance
        hour, minute = chance.randrange(1, 13), chance.randrange(60)
        if self.language == "fr":
            spoken = [*self.spelled(hour), "heures"]
            return chance.choice(
                [
                    [f"{hour}h{minute:02d}"],
                    [f"{hour}.{minute:02d}"],
                    [*spoken, *self.spelled(minute or 30)],
                    [*spoken, "et", "quart"],
                ]
            )
        half = chance.choice(["am", "pm", "a.m.", "p.m."])
        return chance.choice(
            [
                [f"{hour}.{minute:02d}", half],
                [f"{hour}:{minute:02d}", half],
                [f"{hour}.{minute:02d}"],
                [*self.spelled(hour), *self.spelled(minute or 30), *half.replace(".", " ").split()],
                [chance.choice(["half", "quarter"]), chance.choice(["past", "past", "to"]), *self.spelled(hour)],
                [*self.spelled(minute or 20), "past", *self.spelled(hour)],
            ]
        )

    def flight(self) -> list[str]:
        """The number of a flight."""
        airlines = ["a a", "AA", "ba", "delta", "ua", "AF", "lh"]
        return [*self.chance.choice(airlines).split(), *self.small(10, 2000)]

    def date(self) -> list[str]:
        """A date of these years."""
        return say_date(self.chance.randrange(2019, 2028), self.language, self.chance)

    def listed(self, name: str) -> Draw:
        """What draws from a list of the phrasebook."""
        return lambda: self.chance.choice(self.values.book.lists[name]).split()
