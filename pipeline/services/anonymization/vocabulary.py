"""The words a language puts around personal data: read from ``words.*.toml``, word frequencies and lists of names.

Everything here is folded: lower case, no accents.
"""

import importlib
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.documents import PROTECTED_LANGUAGES

LANGUAGES = PROTECTED_LANGUAGES
HOME_LISTS = ("en_US", "en_GB", "fr_FR", "fr_CA")  # locales of Faker whose first names hold, word or not …
OTHER_LISTS = (  # … and those whose names hold if they are no word that is said often
    "de_DE", "en_IN", "en_NG", "en_PK", "es_ES", "es_MX", "id_ID", "it_IT", "nl_NL", "pl_PL", "pt_BR", "pt_PT", "ro_RO",
    "sv_SE", "tr_TR", "da_DK", "no_NO", "fi_FI", "hr_HR", "cs_CZ", "hu_HU", "vi_VN", "fr_CH", "fr_BE",
)  # fmt: skip
OFTEN = 6e-6  # share of all words from which on a foreign name is rather taken for the word
USUAL = 1e-5  # … from which on a word is none of a name, unless that is on the lists
COMMON = 6e-5  # share of all words from which on even a word of three letters is one, and no part of a code
SHORTEST_NAME = 3
TITLED = "titled"  # a name after "Mr"
FOLLOWED = ("certain", "strong", "near", "reached", "weak", TITLED)  # how sure a name follows
OWN = ("own", "own_to_caller", "own_opening")  # how people say their own name
MAIL_HOSTS = frozenset(
    "gmail googlemail yahoo ymail hotmail outlook live icloud aol msn protonmail proton gmx orange wanadoo laposte "
    "free sfr bbox rediffmail mail comcast verizon att zoho fastmail".split()
)
DISTINCT_HOSTS = frozenset(
    "gmail googlemail yahoo ymail hotmail outlook icloud rediffmail protonmail wanadoo laposte".split()
)
MAIL_ENDINGS = frozenset(
    "com net org edu gov fr uk co io info eu ca us de it es be ch in biz me tv ie au example".split()
)

Phrases = Mapping[str, Sequence[tuple[tuple[str, ...], str]]]


def fold(text: str) -> str:
    """Lower case without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@dataclass(frozen=True)
class Vocabulary:
    """What one language says. ``Phrases`` map a first word to (phrase, what it tells)."""

    language: str
    cues: Phrases
    introductions: Phrases
    own_introductions: Phrases
    own_after: Phrases
    titles: frozenset[str]
    particles: frozenset[str]
    name_articles: frozenset[str]
    ambiguous: frozenset[str]
    never_names: frozenset[str]
    things: frozenset[str]
    ordinary: frozenset[str]
    usual: frozenset[str]
    common: frozenset[str]
    sure_names: frozenset[str]
    names: frozenset[str]
    given: frozenset[str]
    unnamed: frozenset[str]
    not_before: frozenset[str]
    spells: frozenset[str]
    acts: Phrases
    number_words: frozenset[str]
    number_linking: frozenset[str]
    zeros: frozenset[str]
    magnitudes: frozenset[str]
    repeats: Mapping[str, int]
    fillers: frozenset[str]
    joints: frozenset[str]
    numbered: frozenset[str]
    extensions: frozenset[str]
    units_before: frozenset[str]
    units_after: frozenset[str]
    before_times: frozenset[str]
    as_in: Phrases
    alphabet: frozenset[str]
    articles: frozenset[str]
    at_words: frozenset[str]
    dot_words: frozenset[str]
    email_joints: frozenset[str]
    email_stop: frozenset[str]
    email_misheard: Phrases
    street_before: frozenset[str]
    street_phrases: Phrases
    street_after: frozenset[str]
    street_after_capital: frozenset[str]
    flats: frozenset[str]
    address_extra: frozenset[str]
    address_stop: frozenset[str]
    determiners: frozenset[str]
    months: frozenset[str]
    date_linking: frozenset[str]
    acknowledgements: frozenset[str]
    no_names: frozenset[str]
    no_code: frozenset[str]
    secret_stop: frozenset[str]
    copulas: frozenset[str]
    clauses: frozenset[str]
    hedges: frozenset[str]
    corrections: Phrases
    spoken_by: Phrases
    classes: dict[str, str] = field(init=False, default_factory=dict, repr=False, compare=False)  # of words, as met
    traits: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict, repr=False, compare=False)

    def is_name(self, word: str) -> bool:
        """Whether a word is by itself evidence of a person: a first name that is nothing else."""
        return word in self.sure_names

    def is_ordinary(self, word: str) -> bool:
        """Whether a word is one that people use every day, and no name."""
        return (word in self.ordinary or word in self.units_after) and not self.is_name(word)


@cache
def vocabulary_of(language: str) -> Vocabulary:
    """The vocabulary of a language; English for one that has none of its own."""
    language = language if language in LANGUAGES else "en"
    table = tomllib.loads(Path(__file__).with_name(f"words.{language}.toml").read_text(encoding="utf-8"))
    often = _frequencies(language)
    parts = (_of_words(often), _of_people(table, often), _of_numbers(table), _of_contact(table), _of_turns(table))
    return Vocabulary(language=language, **{name: value for part in parts for name, value in part.items()})


def _of_words(frequencies: Mapping[str, float]) -> dict[str, Any]:
    """How often people use a word."""
    return {
        "ordinary": frozenset(frequencies),
        "usual": frozenset(word for word, share in frequencies.items() if share >= USUAL),
        "common": frozenset(word for word, share in frequencies.items() if share >= COMMON),
    }


def _of_people(table: dict[str, Any], frequencies: Mapping[str, float]) -> dict[str, Any]:
    """Names, and how they are told."""
    names, turns = table["names"], table["turns"]
    home, first_names, last_names = _name_lists()
    home, often = home | _words(names["also"]), {word for word, share in frequencies.items() if share >= COMMON}
    seldom = frozenset(name for name in first_names if frequencies.get(name, 0.0) < OFTEN)
    never, titles, ambiguous = (_words(names[kind]) for kind in ("never", "titles", "ambiguous"))
    everyday = _words(turns["copulas"]) | _words(turns["acknowledgements"]) | _words(table["dates"]["months"])
    return {
        "introductions": _phrases((phrase, kind) for kind in FOLLOWED for phrase in names[kind]),
        "own_introductions": _phrases((phrase, kind) for kind in OWN for phrase in names[kind]),
        "spoken_by": _phrases((phrase, "name") for phrase in names["spoken_by"]),
        "own_after": _phrases((phrase, "own") for phrase in names["own_after"]),
        "titles": titles,
        "particles": _words(names["particles"]),
        "name_articles": _words(names["articles"]),
        "ambiguous": ambiguous,
        "never_names": never,
        "no_names": never | titles | everyday,
        "things": _words(names["things"]),
        "sure_names": (home | seldom) - ambiguous,
        "names": home | first_names | last_names,
        "given": home | (first_names - often),
        "unnamed": _words(names["unnamed"]),
        "not_before": _words(names["not_before"]),
        "spells": _words(names["spells"]),
        "acts": _phrases((phrase, "acts") for phrase in names["acts"]),
    }


def _of_numbers(table: dict[str, Any]) -> dict[str, Any]:
    """Numbers and letters, and what stands beside them."""
    numbers, spelling, address = table["numbers"], table["spelling"], table["address"]
    return {
        "number_words": _words(numbers["words"]),
        "number_linking": _words(numbers["linking"]),
        "zeros": _words(numbers["zero"]),
        "magnitudes": _words(numbers["magnitudes"]),
        "repeats": numbers["repeats"],
        "fillers": _words(numbers["fillers"]),
        "joints": _words(numbers["joints"]),
        "numbered": _words(numbers["numbered"]),
        "extensions": _words(numbers["extensions"]),
        "units_before": _words(numbers["units_before"]),
        "units_after": _words(numbers["units_after"]),
        "before_times": _words(numbers["before_times"]),
        "no_code": _words(numbers["fillers"]) | _words(address["after"]) | _words(address["extra"]),
        "as_in": _phrases((phrase, "as in") for phrase in spelling["as_in"]),
        "alphabet": _words(spelling["alphabet"]),
        "articles": _words(spelling["articles"]),
    }


def _of_contact(table: dict[str, Any]) -> dict[str, Any]:
    """E-mail and postal addresses."""
    email, address = table["email"], table["address"]
    return {
        "at_words": _words(email["at"]),
        "dot_words": _words(email["dots"]),
        "email_joints": _words(email["joints"]),
        "email_stop": _words(email["stop"]),
        "email_misheard": _phrases((phrase, "EMAIL") for phrase in email["misheard"]),
        "street_before": _words(address["before"]),
        "street_phrases": _phrases((phrase, "ADDRESS") for phrase in address["phrases"]),
        "street_after": _words(address["after"]),
        "street_after_capital": _words(address["after_capital"]),
        "flats": _words(address["flats"]),
        "address_extra": _words(address["extra"]),
        "address_stop": _words(address["stop"]),
        "determiners": _words(address["determiners"]),
    }


def _of_turns(table: dict[str, Any]) -> dict[str, Any]:
    """Cues, dates, and what people say around them."""
    turns, dates = table["turns"], table["dates"]
    return {
        "cues": _phrases((phrase, label) for label, phrases in table["cues"].items() for phrase in phrases),
        "months": _words(dates["months"]),
        "date_linking": _words(dates["linking"]),
        "acknowledgements": _words(turns["acknowledgements"]),
        "secret_stop": _words(turns["secret_stop"]),
        "copulas": _words(turns["copulas"]),
        "clauses": _words(turns["clauses"]),
        "hedges": _words(turns["hedges"]),
        "corrections": _phrases((phrase, "correction") for phrase in turns["corrections"]),
    }


def _words(listed: str | Iterable[str]) -> frozenset[str]:
    return frozenset(fold(word) for word in (listed.split() if isinstance(listed, str) else listed))


def _phrases(listed: Iterable[tuple[str, str]]) -> Phrases:
    by_first_word: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for phrase, told in listed:
        words = tuple(fold(phrase).split())
        by_first_word.setdefault(words[0], []).append((words, told))
    for phrases in by_first_word.values():
        phrases.sort(key=lambda phrase: -len(phrase[0]))
    return by_first_word


def _frequencies(language: str) -> dict[str, float]:
    """The words that are one in a million or more, with their share of all words."""
    from wordfreq import get_frequency_dict

    shares: dict[str, float] = {}
    for word, share in get_frequency_dict(language, "small").items():  # with and without accents are one
        shares[fold(word)] = shares.get(fold(word), 0.0) + share
    return shares


@cache
def _name_lists() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """First names of the home locales, first names of all, last names of all."""
    home: set[str] = set()
    first_names: set[str] = set()
    last_names: set[str] = set()
    for locale in HOME_LISTS + OTHER_LISTS:
        provider: Any = importlib.import_module(f"faker.providers.person.{locale}").Provider
        first_names.update(_parts(provider.first_names))
        last_names.update(_parts(provider.last_names))
        if locale in HOME_LISTS:
            home.update(_parts(provider.first_names))
    return frozenset(home), frozenset(first_names), frozenset(last_names)


def _parts(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from (part for part in fold(name).replace("-", " ").split() if len(part) >= SHORTEST_NAME)
