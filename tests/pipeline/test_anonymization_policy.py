"""What an organization's policy leaves in the clear, and what stays hidden for all that."""

import pytest

from pipeline.documents import GENERALIZABLE, Entities, Entity, RedactionPolicy, Transcript, Utterance
from pipeline.services.anonymization import anonymize
from pipeline.services.anonymization.policy import GENERAL

Said = tuple[tuple[str, str], ...]


def safe(said: Said | str, policy: RedactionPolicy, language: str = "en", towns: tuple[str, ...] = ()) -> list[str]:
    """The texts of a call after anonymization. ``towns`` are what the entity tagger found, in the first utterance."""
    turns = (("customer", said),) if isinstance(said, str) else said
    utterances = tuple(
        Utterance(index=index, speaker=speaker, channel=0, start=index * 9.0, end=index * 9.0 + 9, text=text)
        for index, (speaker, text) in enumerate(turns)
    )
    starts = [(turns[0][1].index(town), town) for town in towns]
    entities = tuple(
        Entity(utterance=0, label="GPE", start_char=start, end_char=start + len(town)) for start, town in starts
    )
    raw = Transcript(language=language, duration=99.0, utterances=utterances)
    return [each.text for each in anonymize(raw, Entities(entities=entities), policy).transcript.utterances]


def test_every_label_that_can_be_generalized_has_its_rule() -> None:
    assert tuple(GENERAL) == GENERALIZABLE


ADDRESSES = [
    # what is said, its towns, what stays
    ("I live at 12 Baker Street, Springfield, Illinois 62704", ("Springfield", "Illinois"),
     "I live at [ADDRESS_1] Springfield, Illinois [ADDRESS_2]"),
    ("it's 10 downing street london", ("london",), "it's [ADDRESS_1] london"),
    ("we are at 4 Elm Road in Boston", ("Boston",), "we are at [ADDRESS_1] Boston"),
    # the name of the street is a town's
    ("I live at 12 Paris Street, Boston", ("Paris", "Boston"), "I live at [ADDRESS_1] Boston"),
    ("I live at 12 Boston Road", ("Boston",), "I live at [ADDRESS_1]"),
    # no tagger saw the town
    ("I live at 12 Baker Street, Springfield", (), "I live at [ADDRESS_1]"),
    # what was tagged holds more than the town
    ("I live at 12 Baker Street, Springfield 62704", ("Springfield 62704",), "I live at [ADDRESS_1]"),
    ("I live at 12 Baker Street, Springfield", ("Baker Street, Springfield",), "I live at [ADDRESS_1]"),
]  # fmt: skip
FRENCH_ADDRESSES = [
    ("j'habite 12 rue Victor Hugo, 69002 Lyon", ("Lyon",), "j'habite [ADDRESS_1] Lyon"),
    ("j'habite au 12 rue de Paris à Lille", ("Paris", "Lille"), "j'habite au [ADDRESS_1] Lille"),
    ("j'habite au 12 rue de Paris", ("Paris",), "j'habite au [ADDRESS_1]"),
    ("j'habite au 12 rue Victor Hugo Lyon", ("Lyon",), "j'habite au [ADDRESS_1]"),
]  # fmt: skip
TOWN = RedactionPolicy(generalize=("ADDRESS",))


@pytest.mark.parametrize(("said", "towns", "stays"), ADDRESSES)
def test_of_a_generalized_address_the_town_stays_and_the_street_goes(
    said: str, towns: tuple[str, ...], stays: str
) -> None:
    assert safe(said, TOWN, towns=towns) == [stays]


@pytest.mark.parametrize(("said", "towns", "stays"), FRENCH_ADDRESSES)
def test_of_a_french_address_too(said: str, towns: tuple[str, ...], stays: str) -> None:
    assert safe(said, TOWN, "fr", towns) == [stays]


BIRTHS = [
    ("I was born on July 4th, 1985", "en", "I was born on [DATE_OF_BIRTH_1] 1985"),
    ("my date of birth is july fourth nineteen eighty five", "en",
     "my date of birth is [DATE_OF_BIRTH_1] nineteen eighty five"),
    ("je suis né le quatre juillet mille neuf cent quatre-vingt-cinq", "fr",
     "je suis né le [DATE_OF_BIRTH_1] mille neuf cent quatre-vingt-cinq"),
    # the year is a part of a word
    ("I was born 04/07/1985", "en", "I was born [DATE_OF_BIRTH_1]"),
    # two figures may be a day
    ("date of birth 4 july 85", "en", "date of birth [DATE_OF_BIRTH_1]"),
    ("date of birth july nineteen eighty five", "en", "date of birth [DATE_OF_BIRTH_1]"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "language", "stays"), BIRTHS)
def test_of_a_generalized_date_of_birth_the_year_stays(said: str, language: str, stays: str) -> None:
    assert safe(said, RedactionPolicy(generalize=("DATE_OF_BIRTH",)), language) == [stays]


MAILS = [
    ("it's laura dot bennett at gmail dot com", "it's [EMAIL_1] gmail dot com"),
    # a host of one's own tells whose it is
    ("it's laura at bennett dot com", "it's [EMAIL_1]"),
    # all of it is one word
    ("it's laura.bennett@gmail.com", "it's [EMAIL_1]"),
]


@pytest.mark.parametrize(("said", "stays"), MAILS)
def test_of_a_generalized_mail_address_a_host_that_everybody_has_stays(said: str, stays: str) -> None:
    assert safe(said, RedactionPolicy(generalize=("EMAIL",))) == [stays]


AGENTS = [
    # by how they pick up
    (("agent", "Hello, this is Laura, how can I help?"), ("customer", "hi Laura, my name is John Smith"),
     ("agent", "thank you John")),
    (("agent", "thank you for calling, Laura speaking"), ("customer", "hi Laura, my name is John Smith"),
     ("agent", "thank you John")),
    (("agent", "my name is Laura Bennett"), ("customer", "hi Laura, my name is John Smith"), ("agent", "thank you John")),
    (("agent", "you're speaking with Laura Bennett"), ("customer", "hi Laura, my name is John Smith"),
     ("agent", "thank you John")),
]  # fmt: skip


@pytest.mark.parametrize("said", AGENTS, ids=lambda said: said[0][1])
def test_the_agents_own_name_stays_also_where_the_customer_says_it(said: Said) -> None:
    texts = safe(said, RedactionPolicy(agent_name=True))
    assert texts == [said[0][1], "hi Laura, my name is [NAME_1]", "thank you [NAME_1]"]


def test_a_french_agents_name_stays() -> None:
    said = (("agent", "Bonjour, Camille à l'appareil"), ("customer", "bonjour Camille, je m'appelle Jean Dupont"))
    texts = safe(said, RedactionPolicy(agent_name=True), "fr")
    assert texts == ["Bonjour, Camille à l'appareil", "bonjour Camille, je m'appelle [NAME_1]"]


NOT_THEIR_OWN = [
    # a question about the customer
    (("agent", "Hello, is this Laura? This is Laura?"),),
    (("agent", "Am I speaking with Laura?"), ("customer", "yes this is Laura")),
    # both bear it
    (("agent", "my name is Laura"), ("customer", "my name is Laura Smith")),
    # the customer introduces themself
    (("customer", "my name is Laura"), ("agent", "hello Laura")),
    # so late it may be of somebody else
    *((*((("agent", "one moment please"), ("customer", "okay")) * 3), ("agent", "so this is Laura")),),
]


@pytest.mark.parametrize("said", NOT_THEIR_OWN)
def test_a_name_that_may_be_the_customers_is_hidden(said: Said) -> None:
    assert not any("Laura" in text for text in safe(said, RedactionPolicy(agent_name=True)))


def test_without_the_setting_the_agents_name_is_hidden() -> None:
    assert safe((("agent", "this is Laura speaking"),), RedactionPolicy()) == ["this is [NAME_1] speaking"]


def test_what_is_only_in_doubt_stays_where_the_policy_says_so() -> None:
    doubtful = (("agent", "anything else"), ("customer", "viswa"))
    assert safe(doubtful, RedactionPolicy())[1] == "[NAME_1]"
    assert safe(doubtful, RedactionPolicy(doubt=False))[1] == "viswa"
    assert safe("my name is viswa", RedactionPolicy(doubt=False)) == ["my name is [NAME_1]"]
