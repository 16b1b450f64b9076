"""Anonymization of what is said: tables of cases in both languages, as spoken and as Whisper writes it."""

import pytest

from pipeline.documents import Transcript, Utterance
from pipeline.services.anonymization import find_pii
from pipeline.services.entity_tagging import tag_entities

Turns = tuple[tuple[str, str], ...]


def hidden(language: str, *turns: tuple[str, str]) -> list[tuple[str, str]]:
    """The (label, words) that are found in the turns of a call."""
    utterances = tuple(
        Utterance(index=index, speaker=speaker, channel=0, start=float(index), end=index + 1.0, text=text)
        for index, (speaker, text) in enumerate(turns)
    )
    entities = tag_entities(Transcript(language=language, duration=float(len(turns)), utterances=utterances))
    spans = find_pii(turns, language, entities)
    return [(span.label, turns[span.utterance][1][span.start_char : span.end_char]) for span in spans]


SAID_IN_ENGLISH = [
    # names
    ("my name is john smith", [("NAME", "john smith")]),
    ("Hi, this is Sarah Connor, I have a question.", [("NAME", "Sarah Connor")]),
    ("yeah it's spelled r a m", [("NAME", "r a m")]),
    ("That's J-O-H-N.", [("NAME", "J-O-H-N")]),
    ("r as in robert a as in alpha m as in mike", [("NAME", "r as in robert a as in alpha m as in mike")]),
    ("Could you put me through to Mr. Patel?", [("NAME", "Patel")]),
    ("Her name is Mary-Anne O'Brien.", [("NAME", "Mary-Anne O'Brien")]),
    # phone numbers
    ("call me on five five five oh one four two", [("PHONE", "five five five oh one four two")]),
    ("You can reach me at 555-0142.", [("PHONE", "555-0142")]),
    ("it's double five triple nine oh one", [("PHONE", "double five triple nine oh one")]),
    ("it is +1 (212) 555-0187 after six", [("PHONE", "+1 (212) 555-0187")]),
    (
        "four one five uh five five five um two six seven one",
        [("PHONE", "four one five uh five five five um two six seven one")],
    ),
    (
        "nine seven no sorry nine eight four four one two",
        [("ACCOUNT", "nine seven no sorry nine eight four four one two")],
    ),
    # cards: Luhn or not, an ASR garbles digits
    ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", [("CARD", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")]),
    ("my visa is 4111 1111 1111 1112", [("CARD", "4111 1111 1111 1112")]),
    ("the card ending in 4298", [("CARD", "4298")]),
    ("the card ending in 1984", [("CARD", "1984")]),  # as much as a year it looks
    ("it expires 09/27 and the CVV is 123", [("CARD_EXPIRY", "09/27"), ("CVV", "123")]),
    # codes and numbers of other kinds
    ("the IBAN is GB29 NWBK 6016 1331 9268 19", [("IBAN", "GB29 NWBK 6016 1331 9268 19")]),
    (
        "my social is one two three four five six seven eight nine",
        [("SSN", "one two three four five six seven eight nine")],
    ),
    ("It's 078-05-1120.", [("SSN", "078-05-1120")]),
    ("my national insurance number is QQ 12 34 56 C", [("SSN", "QQ 12 34 56 C")]),
    ("my account number is 8 8 4 2 1 0", [("ACCOUNT", "8 8 4 2 1 0")]),
    ("the policy number is AB123456", [("ACCOUNT", "AB123456")]),
    ("booking reference x r seven b as in bravo two", [("BOOKING", "x r seven b as in bravo two")]),
    ("My confirmation code is XR7B2Q.", [("BOOKING", "XR7B2Q")]),
    # e-mail and web
    ("john dot smith at gmail dot com", [("EMAIL", "john dot smith at gmail dot com")]),
    ("it is marcus dot wellington at example dot", [("EMAIL", "marcus dot wellington at example dot")]),  # cut off
    ("it is marcus.wellington at", [("EMAIL", "marcus.wellington at")]),
    ("It's john.smith at gmail.com, thanks.", [("EMAIL", "john.smith at gmail.com")]),
    ("write to john.smith@example.com please", [("EMAIL", "john.smith@example.com")]),
    ("j o h n underscore 7 at yahoo dot co dot uk", [("EMAIL", "j o h n underscore 7 at yahoo dot co dot uk")]),
    ("see www dot mypictures dot com", [("URL", "www dot mypictures dot com")]),
    # addresses
    ("i live at twenty one baker street", [("ADDRESS", "twenty one baker street")]),
    (
        "It's 742 Evergreen Terrace, Springfield, IL 62704.",
        [("ADDRESS", "742 Evergreen Terrace, Springfield, IL 62704")],
    ),
    ("my zip code is nine oh two one oh", [("ADDRESS", "nine oh two one oh")]),
    ("the postcode is S W 1 A 1 A A", [("ADDRESS", "S W 1 A 1 A A")]),
    # dates of birth
    ("my date of birth is may fifth nineteen eighty four", [("DATE_OF_BIRTH", "may fifth nineteen eighty four")]),
    ("I was born on 05/12/1984.", [("DATE_OF_BIRTH", "05/12/1984")]),
    # secrets
    ("my password is blue horse 42", [("PASSWORD", "blue horse 42")]),
    ("the username is jsmith99 and I can't log in", [("USERNAME", "jsmith99")]),
    ("my pin is one two three four", [("PIN", "one two three four")]),
]

SAID_IN_FRENCH = [
    ("je m'appelle jean dupont", [("NAME", "jean dupont")]),
    ("Bonjour, Madame Lefèvre à l'appareil.", [("NAME", "Lefèvre")]),
    ("ça s'écrit d u p o n t", [("NAME", "d u p o n t")]),
    ("Mon nom, c’est D comme Denis, U comme Ursule, P comme Paul", [("NAME", "D comme Denis, U comme Ursule, P comme Paul")]),
    ("c'est le zéro six douze trente-quatre cinquante-six soixante-dix-huit",
     [("PHONE", "zéro six douze trente-quatre cinquante-six soixante-dix-huit")]),
    ("Vous pouvez me joindre au 06 12 34 56 78.", [("PHONE", "06 12 34 56 78")]),
    ("ma carte bancaire c'est le 4970 1012 3456 7890", [("CARD", "4970 1012 3456 7890")]),
    ("l'IBAN est FR76 3000 6000 0112 3456 7890 189", [("IBAN", "FR76 3000 6000 0112 3456 7890 189")]),
    ("mon numéro de sécurité sociale est 1 85 05 78 006 084 36", [("NIR", "1 85 05 78 006 084 36")]),
    ("jean point dupont arobase orange point fr", [("EMAIL", "jean point dupont arobase orange point fr")]),
    ("Mon mail, c'est jean.dupont@orange.fr.", [("EMAIL", "jean.dupont@orange.fr")]),
    ("J'habite au 12 rue de la Paix, 75002 Paris.", [("ADDRESS", "12 rue de la Paix, 75002 Paris")]),
    ("j'habite douze bis avenue victor hugo", [("ADDRESS", "douze bis avenue victor hugo")]),
    ("Je suis né le 5 mai 1984.", [("DATE_OF_BIRTH", "5 mai 1984")]),
    ("je suis née le douze mars mille neuf cent quatre-vingt-quatre",
     [("DATE_OF_BIRTH", "douze mars mille neuf cent quatre-vingt-quatre")]),
    ("mon numéro client est le 884210", [("ACCOUNT", "884210")]),
    ("la référence de réservation c'est X R 7 B 2", [("BOOKING", "X R 7 B 2")]),
    ("mon mot de passe est soleil 42", [("PASSWORD", "soleil 42")]),
]  # fmt: skip

LEFT_IN_ENGLISH = [
    "it cost forty nine dollars and ninety nine cents",
    "I paid $1,249.99 for it in 2018.",
    "the flight leaves at ten thirty on may twelfth",
    "I'd like three pizzas and two cokes.",
    "we moved from Boston to Chicago last year",
    "I need 10 gigabytes, not 50.",
    "My iPhone 14 has been broken since Monday.",
    "can i book a table for four at seven pm",
    "There are one hundred and twenty people in my company.",
    "I forgot my password and I will call again on Monday.",
    "may I have one of the two things you mentioned",
    "It's about my bill, it will go up by 20 percent in June.",
    "The appointment is on 12/05/2025 at 10:30.",
    "okay thank you have a great day",
    "I a m not sure.",
    "My contract is from 2019, I think.",
    "we met between 2018 and 2019",
    "Yes, I'm ready.",
]

LEFT_IN_FRENCH = [
    "ça coûte quarante-neuf euros et quatre-vingt-dix-neuf centimes",
    "J'ai payé 1 249,99 € en 2018.",
    "le train part à dix heures trente le douze mai",
    "Je voudrais trois billets pour Lyon.",
    "il y a cent vingt personnes dans mon entreprise",
    "J'ai oublié mon mot de passe hier.",
    "merci beaucoup et bonne journée",
    "C'est un chat et deux chiens.",
]


@pytest.mark.parametrize(("said", "found"), SAID_IN_ENGLISH)
def test_personal_data_is_found_in_english(said: str, found: list[tuple[str, str]]) -> None:
    assert hidden("en", ("customer", said)) == found


@pytest.mark.parametrize(("said", "found"), SAID_IN_FRENCH)
def test_personal_data_is_found_in_french(said: str, found: list[tuple[str, str]]) -> None:
    assert hidden("fr", ("customer", said)) == found


@pytest.mark.parametrize("said", LEFT_IN_ENGLISH)
def test_what_is_no_personal_data_stays_in_english(said: str) -> None:
    assert hidden("en", ("customer", said)) == []


@pytest.mark.parametrize("said", LEFT_IN_FRENCH)
def test_what_is_no_personal_data_stays_in_french(said: str) -> None:
    assert hidden("fr", ("customer", said)) == []


ASKED = [
    # the question decides what the bare answer is
    ("en", "What are the last four digits of your card?", "4298", "CARD"),
    ("en", "Can I have your account number?", "Sure, 4 2 9 8.", "ACCOUNT"),
    ("en", "And your date of birth?", "five twelve eighty four", "DATE_OF_BIRTH"),
    ("en", "And your date of birth please?", "The 5th of May, 1984.", "DATE_OF_BIRTH"),
    ("en", "what is the security code on the back", "nine one one", "CVV"),
    ("en", "Could I have your name, please?", "viswa", "NAME"),
    ("en", "What's your street address?", "seven forty two evergreen", "ADDRESS"),
    ("en", "What is your user name?", "blue moon", "USERNAME"),
    ("en", "And your account number?", "2019", "ACCOUNT"),
    ("fr", "Quel est votre numéro de compte ?", "quarante-deux quatre-vingt-dix-huit", "ACCOUNT"),
    ("fr", "Votre date de naissance ?", "Le 5 mai 1984.", "DATE_OF_BIRTH"),
    ("fr", "Quel est votre nom de famille ?", "kowalczyk", "NAME"),
]


@pytest.mark.parametrize(("language", "question", "answer", "label"), ASKED)
def test_the_question_decides_what_the_answer_is(language: str, question: str, answer: str, label: str) -> None:
    found = hidden(language, ("agent", question), ("customer", answer))
    assert [each for each, _ in found] == [label]


def test_a_question_about_an_amount_leaves_its_answer() -> None:
    assert hidden("en", ("agent", "How many do you need?"), ("customer", "4298")) == []


def test_a_number_broken_over_utterances_is_one_number() -> None:
    found = hidden(
        "en",
        ("agent", "Your card number?"),
        ("customer", "four one one one, one one one one"),
        ("agent", "Mm-hmm."),
        ("customer", "one one one one"),
        ("agent", "Go on."),
        ("customer", "one one"),
        ("customer", "one one."),
    )
    assert [label for label, _ in found] == ["CARD"] * 4
    assert [words for _, words in found][2:] == ["one one", "one one"]


def test_a_name_is_hidden_wherever_it_is_said_again() -> None:
    found = hidden(
        "en",
        ("customer", "my name is john smith"),
        ("agent", "Thank you, John. Is it Smith with an i?"),
        ("customer", "yes smith"),
    )
    assert found == [("NAME", "john smith"), ("NAME", "John"), ("NAME", "Smith"), ("NAME", "smith")]


def test_a_number_is_hidden_wherever_it_or_its_end_is_said_again() -> None:
    found = hidden(
        "en",
        ("customer", "my card number is 4111 1111 1111 4298"),
        ("agent", "So four two nine eight at the end."),
    )
    assert found == [("CARD", "4111 1111 1111 4298"), ("CARD", "four two nine eight")]


def test_the_words_of_a_secret_are_hidden_when_they_are_said_again() -> None:
    found = hidden(
        "en",
        ("agent", "Your temporary password is falcon marble three eight."),
        ("customer", "Falcon marble three nine, okay, I am typing it now."),
    )
    assert [label for label, _ in found] == ["PASSWORD", "PASSWORD"]
    assert found[1][1].startswith("Falcon marble three")


def test_an_answer_to_a_question_for_a_secret_may_be_no_secret() -> None:
    turns = (("agent", "I will set a password. Are you ready to write it down?"), ("customer", "Yes, I am ready."))
    assert hidden("en", *turns) == []


def test_a_language_without_words_of_its_own_is_read_as_english() -> None:
    assert hidden("fi", ("customer", "4111 1111 1111 1111")) == [("CARD", "4111 1111 1111 1111")]


def test_a_call_without_words_has_no_personal_data() -> None:
    assert hidden("en") == []
    assert hidden("en", ("customer", "")) == []
