"""Addresses, towns and postcodes, as people say and write them."""

import importlib
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any

from pipeline.services.anonymization.training.numerals import (
    say_code,
    say_digits,
    spell_number,
    spell_ordinal,
    write_digits,
)
from pipeline.services.anonymization.training.people import People, everyday_words
from pipeline.services.anonymization.training.phrases import Phrasebook

HAMLETS = (  # what an address in the country has instead of a street
    "lieu-dit,lieu dit,au lieu-dit,le hameau de,la ferme,la ferme des,le moulin de,le domaine de,"
    "le mas de,le clos de,le château de,la villa"
).split(",")
HAMLET_NAMES = (
    "le bourg neuf,la grange,les quatre vents,le petit bois,kergoat,la vieille église,le grand pré,la fontaine,"
    "les genêts,la lande,la métairie,bel air,la roche,le pont neuf,les trois chênes,la tuilerie,beauregard,"
    "le four à chaux,la garenne,pen an dour,les bruyères,la haute rive,les pins,le champ rond"
).split(",")
STREETS = (
    "street road avenue lane drive court place boulevard way terrace circle st rd ave blvd ln dr ct pkwy parkway close "
    "crescent gardens square hill grove mews highway trail row plaza walk loop path ridge crossing"
).split()
WAYS = (
    "rue rue rue rue avenue avenue boulevard place chemin allée impasse quai cours route square passage résidence "
    "lotissement faubourg villa esplanade rue"
).split()
STREET_NAMES = {
    "en": (
        "main,oak,maple,cedar,park,elm,washington,lake,hill,walnut,spring,north,ridge,church,willow,mill,river,sunset,"
        "jackson,lincoln,highland,franklin,baker,station,high,victoria,queens,kings,broad,cherry,chestnut,pine,2nd,3rd,"
        "fifth,42nd,first,martin luther king,anna nagar,mg,gandhi,rose,orchard,green,meadow,forest,birch,dogwood,"
        "college,bridge,center,union,market,water,front,vine,prospect,grand,garden,spruce,poplar,harbor view,old mill,"
        "stone creek"
    ).split(","),
    "fr": (
        "victor hugo,des lilas,de la république,de la gare,des écoles,jean jaurès,du moulin,de l'église,pasteur,"
        "de paris,des acacias,du général de gaulle,saint martin,de verdun,des tilleuls,du château,gambetta,"
        "de la liberté,émile zola,des roses,du bac,voltaire,de la mairie,des champs,notre dame,anatole france,du stade,"
        "nationale,des vignes,maréchal foch,de la paix,du port,des peupliers,de bretagne,molière,du commerce,"
        "des fleurs,sainte anne,de lyon"
    ).split(","),
}
TOWNS = {
    "en": (
        "boston,chicago,new york,houston,seattle,springfield,portland,austin,denver,miami,atlanta,phoenix,dallas,"
        "chennai,mumbai,delhi,bangalore,london,manchester,leeds,bristol,glasgow,toronto,sydney,san diego,san francisco,"
        "los angeles,las vegas,detroit,salem,fairview,madison,georgetown,arlington,clinton,greenville,franklin,bath,"
        "reading,york,paris,rome,pune,hyderabad,dublin,cork,oxford,cambridge,st louis,new orleans,kansas city,el paso,"
        "santa fe,orlando,tampa,savannah"
    ),
    "fr": (
        "paris,lyon,marseille,toulouse,nice,nantes,strasbourg,montpellier,bordeaux,lille,rennes,reims,toulon,grenoble,"
        "dijon,angers,nîmes,brest,tours,limoges,amiens,metz,perpignan,orléans,rouen,caen,nancy"
    ),
}
LOCALES = (
    "en_US en_US en_GB en_CA en_AU fr_FR de_DE es_ES it_IT nl_NL pl_PL sv_SE pt_BR fr_CH fi_FI da_DK hu_HU cs_CZ"
).split()
STATES = "california texas ohio florida il ma ny tx wa georgia virginia oregon nevada tn uk usa india".split()
FLATS = ["apartment", "apt", "unit", "suite", "flat", "number", "#", "floor", "apt."]
AREAS_GB = ["sw", "n", "ls", "m", "ec", "b", "ng", "gl"]


class Places:
    """Draws addresses, as lists of words."""

    def __init__(self, language: str, chance: Random, people: People, book: Phrasebook) -> None:
        self.language = language
        self.chance = chance
        self.people = people
        self.book = book

    def address(self) -> list[str]:
        chance = self.chance
        if chance.random() < 0.13:
            return self.postcode()
        if chance.random() < 0.2:
            return written_address(chance).split()
        if chance.random() < 0.08:
            return self._hamlet() if self.language == "fr" else self._box()
        street = self._french_street() if self.language == "fr" else self._english_street()
        way = chance.random()
        if way < 0.4:
            return street
        town = self.town()
        if way < 0.6:
            return [*street, *town]
        return [*street, *self.postcode(), *town] if self.language == "fr" else [*street, *town, *self.postcode()]

    def _house_number(self) -> list[str]:
        number = self.chance.choice(
            [self.chance.randrange(1, 100), self.chance.randrange(1, 1000), self.chance.randrange(100, 9999)]
        )
        return self._small_number(number if self.language == "en" else number % 200 + 1)

    def _small_number(self, number: int) -> list[str]:
        if self.chance.random() < 0.55:
            return [str(number)]
        if number > 99 and self.chance.random() < 0.6 and self.language == "en":
            return say_digits(str(number), "en", self.chance)
        return spell_number(number, self.language).split()

    def _english_street(self) -> list[str]:
        chance = self.chance
        name = chance.choice(
            [
                chance.choice(STREET_NAMES["en"]).split(),
                self.people.last_name(),
                [chance.choice(everyday_words("en"))],
                self.people.first_name(),
                [self.people.invented_word()],
            ]
        )
        if chance.random() < 0.1:
            name = (
                [spell_ordinal(chance.randrange(1, 30), "en")]
                if chance.random() < 0.5
                else [f"{chance.randrange(11, 99)}th"]
            )
        if chance.random() < 0.12:
            name = [chance.choice(["north", "south", "east", "west", "n", "w", "old", "new"]), *name]
        street = [*self._house_number(), *name, *([chance.choice(STREETS)] if chance.random() < 0.93 else [])]
        if chance.random() < 0.2:
            flat = chance.choice(FLATS)
            number = [
                *self._small_number(chance.randrange(1, 60)),
                *([chance.choice("abcd")] if chance.random() < 0.3 else []),
            ]
            street = [flat, *number, *street] if chance.random() < 0.2 else [*street, flat, *number]
        return street

    def _hamlet(self) -> list[str]:
        """An address in the country, without street and number: "lieu-dit la grange à morlaix"."""
        chance = self.chance
        kind, name = chance.choice(HAMLETS), chance.choice(HAMLET_NAMES)
        if not kind.endswith("dit"):
            name = name.split(maxsplit=1)[-1]
        mark = chance.choice(["", "", ","])
        town = [*chance.choice([["à"], ["à"], self.postcode(), []]), *self.town()]
        return [*kind.split(), *f"{name}{mark}".split(), *town]

    def _box(self) -> list[str]:
        """A post-office box, or a house that has a name."""
        chance = self.chance
        if chance.random() < 0.5:
            box = [*chance.choice(["p o box", "po box", "p.o. box", "post office box"]).split(), *self._house_number()]
            return [*box, *self.town(), *(self.postcode() if chance.random() < 0.5 else [])]
        name = chance.choice([chance.choice(everyday_words("en")), self.people.last_name()[-1]])
        house = chance.choice(["cottage", "farm", "house", "lodge", "barn", "hall", "rectory", "bungalow"])
        street = [chance.choice(STREET_NAMES["en"]), chance.choice(STREETS)]
        return [*chance.choice([["the", "old"], ["the"], []]), name, house, *" ".join(street).split(), *self.town()]

    def _french_street(self) -> list[str]:
        chance = self.chance
        extra = [chance.choice(["bis", "ter"])] if chance.random() < 0.08 else []
        name = chance.choice(
            [
                chance.choice(STREET_NAMES["fr"]).split(),
                chance.choice(STREET_NAMES["fr"]).split(),
                [*self.people.first_name(), *self.people.last_name()],
                ["des", chance.choice(everyday_words("fr"))],
            ]
        )
        street = [*self._house_number(), *extra, chance.choice(WAYS), *name]
        if chance.random() < 0.15:
            street += [
                chance.choice(["appartement", "bâtiment", "étage", "résidence"]),
                *self._small_number(chance.randrange(1, 40)),
            ]
        return street

    def town(self) -> list[str]:
        """A town, of a list or invented, and in English perhaps its state."""
        chance = self.chance
        town = chance.choice(towns(self.language)).split() if chance.random() < 0.85 else [self.people.invented_word()]
        if self.language == "en" and chance.random() < 0.3:
            town = [*town, chance.choice(STATES)]
        return town

    def postcode(self) -> list[str]:
        chance = self.chance
        if self.language == "en" and chance.random() < 0.25:
            code = (
                chance.choice(AREAS_GB)
                + f"{chance.randrange(1, 10)} {chance.randrange(10)}"
                + "".join(chance.choices("abdefghjln", k=2))
            )
            return (
                code.split()
                if chance.random() < 0.4
                else [code.upper()]
                if chance.random() < 0.4
                else say_code(code.replace(" ", ""), "en", chance, self.book.alphabet, self.book.as_in)
            )
        digits = "".join(chance.choices("0123456789", k=6 if self.language == "en" and chance.random() < 0.15 else 5))
        if self.language == "fr" and chance.random() < 0.4:
            return [
                *self._small_number(int(digits[:2]) or 75),
                *(["mille"] if chance.random() < 0.5 else self._small_number(int(digits[2:]))),
            ]
        if chance.random() < 0.4:
            return [digits]
        return write_digits(digits, (), chance) if chance.random() < 0.5 else say_digits(digits, self.language, chance)


@cache
def towns(language: str) -> Sequence[str]:
    """Names of towns."""
    listed = TOWNS[language].split(",")
    if language != "fr":
        return tuple(listed)
    provider: Any = importlib.import_module("faker.providers.address.fr_FR").Provider
    parts = [str(part).lower() for part in provider.city_suffixes]
    return (*listed, *(f"{town}-{part.lstrip('-')}" for town, part in zip(listed, parts, strict=False)))


@cache
def _faker(locale: str) -> Any:
    from faker import Faker

    return Faker(locale)


def written_address(chance: Random) -> str:
    """An address as it is written somewhere in the world, on one line."""
    fake = _faker(chance.choice(LOCALES))
    fake.seed_instance(chance.randrange(10**9))
    lines = fake.address() if chance.random() < 0.7 else fake.street_address()
    return str(lines).replace("\n", chance.choice([", ", " ", ", "]))
