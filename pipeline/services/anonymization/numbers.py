"""Numbers and codes: what a run of digits and letters is, by what is said around it, its checks and its shape."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pipeline.services.anonymization.context import (
    DATE,
    HARMLESS,
    IS,
    YEAR,
    Match,
    Score,
    begins_with_number,
    opens_answer,
    told_near,
)
from pipeline.services.anonymization.reading import Call, Kind
from pipeline.services.anonymization.runs import Run, whole_numbers

# The fewest digits or letters that a cue makes personal data of.
FEWEST = {
    "CARD": 3, "CARD_EXPIRY": 2, "CVV": 3, "PIN": 3, "PHONE": 4, "IBAN": 4, "SSN": 3, "NIR": 3, "ADDRESS": 1,
    "DATE_OF_BIRTH": 4, "ACCOUNT": 3, "BOOKING": 3, "USERNAME": 2, "PASSWORD": 2,
}  # fmt: skip
LONGEST_HARMLESS = 6  # no price or quantity has more digits
LONGEST_MEASURE = 7
LIKE_YEARS = frozenset({"CARD", "PIN", "SSN", "PHONE", "PASSWORD", "DATE_OF_BIRTH"})  # "ending in 1984"
LIKE_NUMBERS = frozenset(FEWEST)
CARD_LENGTHS = range(13, 20)
PHONE_LENGTHS = range(10, 13)
EXTENSION_LENGTHS = range(3, 6)
FEWEST_UNTOLD = 5  # this many digits are hidden under doubt
FEWEST_ANSWER = 4  # … and this many when they are all that somebody says
FEWEST_ONE_BY_ONE = 6  # this many are hidden if each is said by itself: "6.8.6.4.0.3."
FEWEST_CODE = 6
FEWEST_CODE_ANSWER = 4
LONGEST_ASIDE = 3  # words
FEWEST_SPELLED = 4
FEWEST_DIALLED = 2  # digits of a phone number's part that begins with a nought
CODES = frozenset("number code id reference locator pnr numero".split())
SPELLED_CODES = frozenset({"ACCOUNT", "BOOKING"})  # of which a recognizer makes words
LONGEST_MISHEARD = 5  # such words
PRICE = re.compile(r"(?:^|\s)\d{1,3}(?:[ ,.]\d{3})*[.,]\d\d$")
NATIONAL_INSURANCE = re.compile(r"[a-z]{2}\d{6}[a-d]")
POSTCODE_GB = re.compile(r"[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}")
IBAN = re.compile(r"[a-z]{2}\d{2}[a-z\d]{10,30}")
SSN_GROUPS = (3, 2, 4)


def find_numbers(call: Call) -> Iterator[Match]:
    """Numbers and codes, also when they are broken over several utterances."""
    for number in whole_numbers(call, lambda run: _is_date(run, call.dates[run.utterance]) or _is_measure(call, run)):
        label, score = _label(call, number, call.expected[number[0].utterance])
        if label:
            yield from (Match(run.first, run.last, label, score) for run in number)
        yield from _misheard(call, number[0])


def _misheard(call: Call, run: Run) -> Iterator[Match]:
    """What stands between "… reference is" and the figures of a code: letters that were taken for words."""
    cues = [
        cue
        for cue in call.cues[run.utterance]
        if cue.last < run.first
        and cue.told in SPELLED_CODES
        and any(call.tokens[at].fold in CODES for at in range(cue.first, cue.last + 1))
    ]
    if not cues or not run.digits or _is_years([run]):
        return
    words, first = call.words, cues[-1].last + 1
    while first < run.first and (not call.tokens[first].text.isalnum() or call.tokens[first].fold in words.copulas):
        first += 1
    between = call.tokens[first : run.first]
    told = any(token.fold in IS for token in call.tokens[cues[-1].last : first])
    everyday = (words.clauses, words.determiners, words.acknowledgements)
    if (
        told
        and 0 < len(between) <= LONGEST_MISHEARD
        and not any(token.fold in every for token in between for every in everyday)
    ):
        yield Match(first, run.last, cues[-1].told, Score.CHECKED)


def _is_date(run: Run, dates: Sequence[tuple[int, int]]) -> bool:
    return any(first <= run.first and run.last <= last for first, last in dates)


def _label(call: Call, chain: Sequence[Run], expected: Sequence[str]) -> tuple[str, float]:
    value, digits = "".join(run.value for run in chain), sum(run.digits for run in chain)
    if checked := _checked(value):
        return checked, Score.CHECKED
    told = told_near(call, chain[0].utterance, chain[0].first, chain[0].last)
    if not told:
        told = next((label for label in reversed(expected) if label in LIKE_NUMBERS or label in HARMLESS), "")
    if told == "DATE" and "CARD_EXPIRY" in expected:
        told = "CARD_EXPIRY"  # "elle expire quand"
    if _is_extension(call, chain[0]) and digits == len(value) and digits in EXTENSION_LENGTHS:
        return "PHONE", Score.TOLD
    code = told != "QUANTITY" and not value.isdigit() and len(value) >= FEWEST_CODE  # "model UE55TU" is harmless, too
    if told in HARMLESS and digits <= LONGEST_HARMLESS and not code:
        return "", 0.0
    asked = told in expected
    like_years = told in LIKE_YEARS or (told == "CARD_EXPIRY" and asked)
    if digits <= LONGEST_MEASURE and _is_years(chain) and not like_years and not _is_whole_answer(call, chain):
        return "", 0.0
    if (
        told in FEWEST
        and len(value) >= (FEWEST_DIALLED if told == "PHONE" and asked and value.startswith("0") else FEWEST[told])
        and (digits or told in ("BOOKING", "PASSWORD", "USERNAME", "ACCOUNT"))
    ):
        return _agreed(told, value, digits), Score.TOLD
    if digits == 0:
        return _spelled(call, chain, value, expected)
    return _by_shape(call, chain, value, digits)


def _checked(value: str) -> str:
    """The label that a check digit proves."""
    from stdnum import iban, luhn
    from stdnum.fr import nir

    if value.isdigit():
        if len(value) == 15 and nir.is_valid(value):
            return "NIR"
        if len(value) in CARD_LENGTHS and luhn.is_valid(value):
            return "CARD"
    return "IBAN" if IBAN.fullmatch(value) and iban.is_valid(value) else ""


def _agreed(told: str, value: str, digits: int) -> str:
    """The label that was told, unless the number is far too long for it."""
    if told in ("ADDRESS", "DATE_OF_BIRTH", "CVV", "CARD_EXPIRY", "PIN", "USERNAME") and value.isdigit():
        if digits in CARD_LENGTHS:
            return "CARD"
        if digits in PHONE_LENGTHS:
            return "PHONE"
    return told


def _is_extension(call: Call, run: Run) -> bool:
    """Whether a number is that of an extension: "extension four four one", "my extension is 441"."""
    at, line = run.first - 1, call.lines[run.utterance]
    while at > line.first and call.tokens[at].fold in call.words.copulas:
        at -= 1
    return at >= line.first and call.tokens[at].fold in call.words.extensions


def _spelled(call: Call, chain: Sequence[Run], value: str, expected: Sequence[str]) -> tuple[str, float]:
    """Letters alone: a name that is spelled, if there are enough of them or a name was asked for."""
    letters = [item for run in chain for item in run.items]
    joined = all(
        after.first - before.last == 2 and call.tokens[before.last + 1].text == "-"
        for before, after in pairwise(letters)
    )
    asked = "NAME" in expected or any(cue.told == "NAME" for cue in call.cues[chain[0].utterance])
    explained = any(item.last > item.first for item in letters)  # "r as in Robert"
    if len(letters) > 1 and (asked or explained or len(value) >= FEWEST_SPELLED or (joined and len(value) > 2)):
        return "NAME", Score.TOLD if asked else Score.DOUBT
    return "", 0.0


def _by_shape(call: Call, chain: Sequence[Run], value: str, digits: int) -> tuple[str, float]:
    if not value.isdigit():
        if POSTCODE_GB.fullmatch(value) and begins_with_number(call, chain[0].utterance):
            return "ADDRESS", Score.CHECKED
        return _code_by_shape(chain, FEWEST_CODE_ANSWER if _is_whole_answer(call, chain) else FEWEST_CODE)
    if digits in CARD_LENGTHS:
        return ("NIR" if call.words.language == "fr" and digits in (13, 15) else "CARD"), Score.SHAPE
    if _groups(chain) == SSN_GROUPS:
        return "SSN", Score.SHAPE
    if digits <= LONGEST_MEASURE and _is_price(call, chain):
        return "", 0.0
    if digits in PHONE_LENGTHS or _is_phone(call, value):
        return "PHONE", Score.SHAPE
    if any(item.amount for run in chain for item in run.items) and digits <= LONGEST_MEASURE:
        return "", 0.0
    if _is_years(chain) or DATE.fullmatch(value):
        return "", 0.0
    whole = digits >= FEWEST_ANSWER and _is_whole_answer(call, chain, call.words.copulas)
    if digits >= FEWEST_UNTOLD or (whole and not value.endswith("00")):
        return "ACCOUNT", _certainty_of_digits(chain, FEWEST_ANSWER if whole else FEWEST_ONE_BY_ONE)
    return "", 0.0


def _certainty_of_digits(chain: Sequence[Run], fewest: int) -> float:
    """How certain it is that many digits are personal data: quite, if at least so many are said one by one."""
    said = [item.value for run in chain for item in run.items if item.kind is Kind.DIGITS]
    return Score.CHECKED if len(said) == sum(map(len, said)) >= fewest else Score.DOUBT


def _code_by_shape(chain: Sequence[Run], fewest: int) -> tuple[str, float]:
    value, digits = "".join(run.value for run in chain), sum(run.digits for run in chain)
    if NATIONAL_INSURANCE.fullmatch(value):
        return "SSN", Score.SHAPE
    if POSTCODE_GB.fullmatch(value):
        return "ADDRESS", Score.TOLD
    if IBAN.fullmatch(value):
        return "IBAN", Score.SHAPE
    letters = len(value) - digits
    if digits >= FEWEST_UNTOLD and letters <= 2:
        return "ACCOUNT", _certainty_of_digits(chain, FEWEST_ONE_BY_ONE)
    return ("BOOKING", Score.SHAPE) if digits >= 2 and len(value) >= fewest else ("", 0.0)


def _is_price(call: Call, chain: Sequence[Run]) -> bool:
    """Whether a number ends as prices are written, with two decimals: "1,299.00"."""
    last = chain[-1]
    return bool(PRICE.search(call.text[call.tokens[last.first].start : call.tokens[last.last].end]))


def _groups(chain: Sequence[Run]) -> tuple[int, ...]:
    return tuple(len(item.value) for run in chain for item in run.items)


def _is_phone(call: Call, value: str) -> bool:
    import phonenumbers

    if not 7 <= len(value) <= 15:
        return False
    region = "FR" if call.words.language == "fr" else "US"
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(value, region))
    except phonenumbers.NumberParseException:
        return False


def _is_measure(call: Call, run: Run) -> bool:
    """Whether a number counts something: a unit follows it, or a currency stands before it, unless that opens the
    answer to a question for personal data. A code counts nothing.
    """
    if run.digits > LONGEST_MEASURE or run.digits < len(run.value):
        return False
    line = call.lines[run.utterance]
    before, following = run.first - 1, run.last + 1
    unit = following < line.stop and call.tokens[following].fold in call.words.units_after
    word = call.tokens[before].fold if before >= line.first else ""
    counted = word in call.words.units_before and not opens_answer(call, run.first) and not _is_told(call, run)
    return unit or counted or (word in call.words.before_times and _is_time(run))


def _is_told(call: Call, run: Run) -> bool:
    """Whether "my visa is" stands directly before a run and a currency."""
    before = [cue for cue in call.cues[run.utterance] if cue.last < run.first]
    between = call.tokens[before[-1].last + 1 : run.first - 1] if before else []
    return (
        bool(between)
        and before[-1].told in LIKE_NUMBERS
        and all(word.fold in IS or not word.text.isalpha() for word in between)
    )


def _is_time(run: Run) -> bool:
    """Whether a run is "three thirty"."""
    if [item.kind for item in run.items] != [Kind.DIGITS] * 2:
        return False
    hour, minute = (item.value for item in run.items)
    return len(minute) == 2 and 1 <= int(hour) <= 12 and int(minute) in range(10, 60, 5)


def _is_years(chain: Sequence[Run]) -> bool:
    items = [item for run in chain for item in run.items]
    if len(items) == 2 and all(item.kind is Kind.DIGITS and len(item.value) == 2 for item in items):
        return items[0].value in ("19", "20")  # "nineteen eighty four"
    return all(item.kind is Kind.DIGITS and YEAR.fullmatch(item.value) for item in items)


def _is_whole_answer(call: Call, chain: Sequence[Run], skipped: frozenset[str] = frozenset()) -> bool:
    """Whether somebody says nothing but this number, and perhaps a name or so, or words to skip ("it is")."""
    words = call.words
    for run in chain:
        said = [item for item in call.items[run.utterance] if item.kind is Kind.WORD and item.value.isalnum()]
        nothing = (words.number_linking, words.acknowledgements, skipped)
        said = [item for item in said if not any(item.value in every for every in nothing)]
        everyday = any(word.value in words.ordinary and word.value not in words.names for word in said)
        if everyday or len(said) > LONGEST_ASIDE:
            return False
    return True
