"""Dates as people say and write them: those of birth, those of a card's expiry, and any other."""

from random import Random

from pipeline.services.anonymization.training.numerals import say_digits, spell_number, spell_ordinal

MONTHS = {
    "en": "january february march april may june july august september october november december".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
}
DAYS = {
    "en": "monday tuesday wednesday thursday friday saturday sunday tomorrow today".split(),
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche demain hier".split(),
}

EARLIEST, LATEST = 1940, 2012  # years of birth


def say_birth(language: str, chance: Random) -> list[str]:
    """A date of birth, or the year alone."""
    return (
        say_year(language, chance)
        if chance.random() < 0.06
        else say_date(chance.randrange(1930, LATEST), language, chance)
    )


def say_date(year: int, language: str, chance: Random) -> list[str]:
    """A date of a year, in words or figures, in a few orders."""
    day, month = chance.randrange(1, 29), chance.randrange(1, 13)
    way = chance.random()
    if way < 0.3:
        mark = chance.choice(["/", "/", "-", ".", " "])
        parts = (
            [f"{month:02d}", f"{day:02d}"]
            if language == "en" and chance.random() < 0.6
            else [f"{day:02d}", f"{month:02d}"]
        )
        short = str(year) if chance.random() < 0.7 else f"{year % 100:02d}"
        return [mark.join([*parts, short])] if chance.random() < 0.9 else ["-".join([str(year), *parts])]
    if way < 0.35:
        return _in_ordinals(day, month, year, language, chance)
    if way < 0.42:
        return say_digits(f"{day:02d}{month:02d}{year if chance.random() < 0.5 else year % 100:02d}", language, chance)
    name = MONTHS[language][month - 1]
    spoken_day = (
        [spell_ordinal(day, language)]
        if chance.random() < 0.5
        else [
            str(day) + ("" if language == "fr" else chance.choice(["", "st" if day % 10 == 1 != day // 10 else "th"]))
        ]
    )
    spoken_day = spoken_day[0].split()
    when = say_year(language, chance, year) if chance.random() < 0.85 else []
    if language == "fr":
        return [*spoken_day, name, *when]
    if chance.random() < 0.5:
        return [name, *spoken_day, *when]
    return [*spoken_day, *(["of"] if chance.random() < 0.6 else []), name, *when]


def _in_ordinals(day: int, month: int, year: int, language: str, chance: Random) -> list[str]:
    """ "the 16th of the 9th, 99": day and month by their numbers."""
    short = [f"{year % 100:02d}"] if chance.random() < 0.5 else spell_number(year % 100, language).split()
    when = short if chance.random() < 0.6 else say_year(language, chance, year)
    if language == "fr":
        day_and_month = [str(day), "du", str(month)]
        if chance.random() < 0.5:
            day_and_month = [*spell_ordinal(day, "fr").split(), "du", *spell_number(month, "fr").split()]
        return [*day_and_month, *when]
    if chance.random() < 0.5:
        return [_nth(day), "of", "the", _nth(month) + chance.choice(["", ","]), *when]
    return [*spell_ordinal(day, "en").split(), "of", "the", *spell_ordinal(month, "en").split(), *when]


def _nth(number: int) -> str:
    """ "16th"."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number in (11, 12, 13) else endings.get(number % 10, 'th')}"


def say_year(language: str, chance: Random, year: int = 0) -> list[str]:
    """A year, as "1984", "nineteen eighty four" or "84"."""
    year = year or chance.randrange(EARLIEST, LATEST)
    if chance.random() < 0.4:
        return [str(year)]
    if language == "fr":
        if year < 2000 and chance.random() < 0.3:
            return spell_number(year % 100, "fr").split() if chance.random() < 0.6 else [f"{year % 100:02d}"]
        return spell_number(year, "fr").replace("un mille", "mille").split()
    if year >= 2000:
        return ["two", "thousand", *(spell_number(year - 2000, "en").split() if year > 2000 else [])]
    short = spell_number(year % 100, "en").split()
    return short if chance.random() < 0.15 else ["nineteen", *short]


def say_expiry(language: str, chance: Random) -> list[str]:
    """The month and year of a card."""
    month, year = chance.randrange(1, 13), chance.randrange(24, 35)
    way = chance.random()
    if way < 0.36:
        return [f"{month:02d}{chance.choice(['/', '/', ' ', '-', ' / '])}{chance.choice([year, year, 2000 + year])}"]
    if way < 0.4:
        slash = {"en": ["slash", "of", "oh"], "fr": ["sur", "slash", "barre"]}[language]
        return [*spell_number(month, language).split(), chance.choice(slash), *spell_number(year, language).split()]
    spoken = spell_number(month, language).split() if way < 0.7 else [MONTHS[language][month - 1]]
    if way < 0.7 and month < 10 and chance.random() < 0.6:
        spoken = ["oh" if language == "en" and chance.random() < 0.6 else spell_number(0, language), *spoken]
    short = spell_number(year, language).split() if chance.random() < 0.7 else [str(2000 + year)]
    full = {"en": ["twenty", *short], "fr": ["deux", "mille", *short]}[language]
    return [*spoken, *(full if chance.random() < 0.3 and not short[0].isdigit() else short)]
