"""Numbers, letters and codes as people say them and as transcription writes them."""

from random import Random

ONES = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf",
}
TENS = {
    "en": "- - twenty thirty forty fifty sixty seventy eighty ninety",
    "fr": "- - vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt",
}
ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
REPEATS = {"en": {2: "double", 3: "triple"}, "fr": {2: "double", 3: "triple"}}
MISHEARD = {
    "a": "hey", "b": "bee", "c": "see", "e": "he", "g": "gee", "i": "eye", "j": "jay", "k": "kay", "m": "em",
    "n": "and", "o": "oh", "p": "pee", "q": "cue", "r": "are", "s": "es", "t": "tea", "u": "you", "y": "why",
}  # fmt: skip


def spell_number(number: int, language: str) -> str:
    """A number below a million in words: "forty two", "quatre-vingt-dix-sept"."""
    ones, tens = ONES[language].split(), TENS[language].split()
    if number < 20:
        return ones[number]
    if number < 100:
        return _below_hundred(number, language, ones, tens)
    unit, word = (1000, {"en": "thousand", "fr": "mille"}) if number >= 1000 else (100, {"en": "hundred", "fr": "cent"})
    times, rest = divmod(number, unit)
    head = word[language] if language == "fr" and times == 1 else f"{spell_number(times, language)} {word[language]}"
    return f"{head} {spell_number(rest, language)}" if rest else head


def _below_hundred(number: int, language: str, ones: list[str], tens: list[str]) -> str:
    ten, one = divmod(number, 10)
    if language == "en":
        return f"{tens[ten]} {ones[one]}" if one else tens[ten]
    if ten in (7, 9):
        return f"{tens[ten]} et onze" if number == 71 else f"{tens[ten]}-{ones[10 + one]}"
    if one == 1 and ten < 8:
        return f"{tens[ten]} et un"
    return f"{tens[ten]}-{ones[one]}" if one else ("quatre-vingts" if ten == 8 else tens[ten])


def spell_ordinal(number: int, language: str) -> str:
    """A day or a floor: "twenty first", "premier"."""
    if language == "fr":
        return "premier" if number == 1 else spell_number(number, "fr")
    if number < 20:
        return ORDINALS[number]
    ten, one = divmod(number, 10)
    tens = TENS["en"].split()
    return f"{tens[ten]} {ORDINALS[one]}" if one else {20: "twentieth", 30: "thirtieth"}[number]


def say_digits(digits: str, language: str, chance: Random) -> list[str]:
    """A string of digits in words: one by one, with "oh" and "double", by pairs, or mixed with figures."""
    way = chance.random()
    pairs = 0.65 if language == "fr" else 0.18
    if way < pairs and len(digits) > 2:
        return _in_pairs(digits, language, chance)
    words, place = [], 0
    oh = language == "en" and chance.random() < 0.5
    doubles = chance.random() < (0.35 if language == "en" else 0.1)
    figures = 0.15 if chance.random() < 0.15 else 0.0
    while place < len(digits):
        digit, run = digits[place], 1
        while place + run < len(digits) and digits[place + run] == digit and run < 3:
            run += 1
        word = "oh" if digit == "0" and oh else spell_number(int(digit), language)
        word = digit if chance.random() < figures else word
        if doubles and run > 1:
            words.extend([REPEATS[language][run], word])
            place += run
        elif language == "en" and digits[place + 1 : place + 3] == "00" and chance.random() < 0.2 and digit != "0":
            words.extend([word, "hundred"])
            place += 3
        else:
            words.append(word)
            place += 1
    return words


def _in_pairs(digits: str, language: str, chance: Random) -> list[str]:
    words: list[str] = []
    place = 0
    while place < len(digits):
        size = 3 if language == "fr" and chance.random() < 0.06 else 2
        part = digits[place : place + size]
        if part.startswith("0"):
            words.extend(spell_number(int(digit), language) for digit in part)
        else:
            spelled = spell_number(int(part), language)
            words.extend((spelled if chance.random() < 0.5 else spelled.replace("-", " ")).split())
        place += size
    return words


def write_digits(digits: str, groups: tuple[int, ...], chance: Random) -> list[str]:
    """A string of digits in figures, in groups of these sizes or any: "415-555-0132", "4, 1, 5", "4155550132"."""
    way = chance.random()
    if way < 0.3:
        return [digits]
    if way < 0.45:
        return list(digits)
    if way < 0.52:
        return [f"{digit}," for digit in digits[:-1]] + [digits[-1]]
    if sum(groups) != len(digits) or chance.random() < 0.25:
        groups = any_groups(len(digits), chance)
    parts, place = [], 0
    for size in groups:
        parts.append(digits[place : place + size])
        place += size
    if way < 0.75:
        return parts
    return [chance.choice(["-", "-", ".", "/", ", ", " - "]).join(parts)]


def any_groups(length: int, chance: Random) -> tuple[int, ...]:
    """Sizes of groups that make a number of digits."""
    groups: list[int] = []
    while (rest := length - sum(groups)) > 0:
        groups.append(min(rest, chance.choice([1, 2, 2, 3, 3, 4, 4, 5])))
    return tuple(groups)


def say_letters(letters: str, chance: Random, alphabet: list[str], as_in: list[str]) -> list[str]:
    """Letters one by one: "r a m", "R-A-M", "r as in robert", "romeo"."""
    way = chance.random()
    if way < 0.35:
        return list(letters)
    if way < 0.5:
        return [chance.choice(["-", "-", ". ", ", "]).join(letters.upper() if chance.random() < 0.8 else letters)]
    if way < 0.6:
        return list(letters.upper())
    words: list[str] = []
    explained, named = (0.85, 0.0) if way < 0.85 else (0.3, 0.1) if way < 0.93 else (0.0, 0.9)
    phrase = chance.choice(as_in)
    pause = "," if chance.random() < 0.25 else ""
    for letter in letters:
        called = [word for word in alphabet if word[0] == letter]
        spoken = MISHEARD.get(letter, letter) if chance.random() < 0.03 else letter
        kind = chance.random()
        if called and kind < explained:
            words.extend([spoken, *phrase.split(), chance.choice(called) + pause])
        elif called and kind < explained + named:
            words.append(chance.choice(called) + pause)
        else:
            words.append(spoken)
    return words


def say_code(code: str, language: str, chance: Random, alphabet: list[str], as_in: list[str]) -> list[str]:
    """A code of letters and digits, spoken piece by piece or as it is written."""
    way = chance.random()
    if way < 0.3:
        return [code.upper() if chance.random() < 0.6 else code]
    if way < 0.4:
        return list(code.upper())
    words: list[str] = []
    place = 0
    together = chance.random()
    while place < len(code):
        stop = place + 1
        while stop < len(code) and code[stop].isdigit() == code[place].isdigit():
            stop += 1
        part = code[place:stop]
        if part.isdigit():
            words.extend(
                [part] if together < 0.4 else list(part) if together < 0.55 else say_digits(part, language, chance)
            )
        elif together < 0.3:
            words.append(part)
        else:
            words.extend(say_letters(part, chance, alphabet, as_in))
        place = stop
    return words
