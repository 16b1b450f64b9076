"""What resembles personal data and is none: amounts, times, dates, quantities, flights, firms, things, towns."""

from collections.abc import Callable

from pipeline.services.anonymization.training.dates import DAYS, MONTHS, say_date, say_year
from pipeline.services.anonymization.training.numerals import say_digits, spell_number, spell_ordinal
from pipeline.services.anonymization.training.values import Values

Draw = Callable[[], list[str]]


def harmless(values: Values) -> dict[str, Draw]:
    """What the braces of a phrase become when they are no personal data."""
    chance, language, book = values.chance, values.language, values.book

    def small(low: int, high: int) -> list[str]:
        number = chance.randrange(low, high)
        return [str(number)] if chance.random() < 0.45 else spell_number(number, language).split()

    def money() -> list[str]:
        amount = chance.choice(
            [
                chance.randrange(2, 100),
                chance.randrange(100, 1000),
                chance.randrange(1, 90) * 50,
                chance.randrange(1000, 20000),
            ]
        )
        cents = f"{chance.randrange(100):02d}"
        if language == "fr":
            ways = [
                [f"{amount}", "euros"],
                [*spell_number(amount, "fr").split(), "euros"],
                [f"{amount},{cents}", "€"],
                [f"{amount}€"],
                [*spell_number(amount, "fr").split(), "euros", *spell_number(int(cents), "fr").split()],
            ]
        else:
            ways = [
                [f"${amount}"],
                [f"${amount}.{cents}"],
                [str(amount), "dollars"],
                [*spell_number(amount, "en").split(), chance.choice(["dollars", "bucks", "pounds"])],
                [
                    *spell_number(amount, "en").split(),
                    "dollars",
                    "and",
                    *spell_number(int(cents), "en").split(),
                    "cents",
                ],
                [f"£{amount}"],
                [f"{amount:,}", "dollars"],
                say_digits(f"{amount % 90 + 10}", "en", chance) + spell_number(int(cents), "en").split(),
            ]
        return chance.choice(ways)

    def time() -> list[str]:
        hour, minute = chance.randrange(1, 13), chance.choice([0, 5, 10, 15, 20, 30, 30, 40, 45, 50, 55])
        if language == "fr":
            spoken = [
                *spell_number(hour, "fr").split(),
                "heures",
                *(spell_number(minute, "fr").split() if minute else []),
            ]
            return chance.choice(
                [
                    [f"{hour}h{minute:02d}"],
                    [f"{hour}", "heures", *([str(minute)] if minute else [])],
                    spoken,
                    [f"{hour}:{minute:02d}"],
                ]
            )
        half = chance.choice(["am", "pm", "a.m.", "p.m."])
        spoken = [
            spell_number(hour, "en"),
            *(spell_number(minute, "en").split() if minute else [chance.choice(["o'clock", half])]),
        ]
        return chance.choice(
            [[f"{hour}:{minute:02d}"], [f"{hour}:{minute:02d}", half], [f"{hour}", half], spoken, [f"{hour}{half[:2]}"]]
        )

    def flight() -> list[str]:
        return [*chance.choice(["a a", "AA", "ba", "delta", "ua", "AF", "lh"]).split(), *small(10, 2000)]

    def date() -> list[str]:
        return say_date(chance.randrange(2019, 2028), language, chance)

    def listed(name: str) -> Draw:
        return lambda: chance.choice(book.lists[name]).split()

    return {name: listed(name) for name in book.lists} | {
        "money": money, "time": time, "flight": flight,
        "date": lambda: date()[: chance.choice([2, 2, 3, 9])],
        "count": lambda: small(2, 60) if chance.random() < 0.8 else small(100, 10000),
        "small": lambda: small(1, 99), "digit": lambda: small(1, 10),
        "percent": lambda: chance.choice([small(1, 100), [f"{chance.randrange(1, 9)}.{chance.randrange(1, 9)}"]]),
        "error": lambda: chance.choice([[str(chance.randrange(999))], [f"E{chance.randrange(99)}"], small(1, 600)]),
        "version": lambda: [f"{chance.randrange(1, 20)}.{chance.randrange(10)}"],
        "nth": lambda: spell_ordinal(chance.randrange(1, 12), language).split(),
        "city": values.places.town, "day": lambda: [chance.choice(DAYS[language])],
        "month": lambda: [chance.choice(MONTHS[language])],
        "year": lambda: say_year(language, chance, chance.randrange(1985, 2027)), "temp": lambda: small(1, 99),
    }  # fmt: skip
