"""What is said in calls, to be looked for everywhere: personal data of every kind, written and in words.

A ``Canary`` is a question, its answer, and what of it must be nowhere, in each way in which it may be written down.
``short`` is what numbers elsewhere may be by chance: it is looked for in the transcripts alone.
"""

from typing import NamedTuple


class Canary(NamedTuple):
    """Personal data of a label, as a call has it."""

    label: str
    asked: str
    answer: str
    nowhere: tuple[str, ...] = ()
    short: tuple[str, ...] = ()


ENGLISH = (
    Canary("NAME", "Thank you for calling. May I have your full name please?", "Yes, my name is Ottoline Pemberley.",
           ("ottoline", "pemberley")),
    Canary("NAME", "Could you spell your last name?", "P-E-M-B-E-R-L-E-Y.", ("P-E-M-B-E-R-L-E-Y",)),
    Canary("EMAIL", "Thank you Ottoline. What is your email address?", "It is ottoline dot pemberley at gmail dot com.",
           ("ottoline dot",)),
    Canary("EMAIL", "Is there another one?", "Yes, opem_1931@fastmail.com.", ("opem_1931", "opem_1931@fastmail.com")),
    Canary("PHONE", "And your phone number?", "It's four one five, five five five, oh one four two.",
           ("four one five", "five five five", "oh one four two", "4155550142")),
    Canary("PHONE", "And the one at work?", "415-555-0188.", ("415-555-0188", "4155550188", "555-0188")),
    Canary("CARD", "What is your card number?", "It is 4539 1488 0343 6467.",
           ("4539 1488", "0343 6467", "4539148803436467"), ("4539", "6467", "1488", "0343")),
    Canary("CARD", "And the other card number?", "Five one zero five, one zero five one, zero five one zero, five one zero zero.",
           ("five one zero five", "zero five one zero", "five one zero zero", "5105105105105100")),
    Canary("CARD_EXPIRY", "When does the card expire?", "The expiry date is 08/29.", ("08/29",)),
    Canary("CARD_EXPIRY", "And the other card, when does it expire?", "It expires in november twenty thirty one.",
           ("twenty thirty one", "november twenty")),
    Canary("CVV", "What is the security code on the back?", "The security code is 731.", (), ("731",)),
    Canary("CVV", "And the security code of the other card?", "The CVV is nine four six.", ("nine four six",)),
    Canary("PIN", "What is your PIN?", "My PIN is 8264.", (), ("8264",)),
    Canary("PIN", "I sent you a one-time code. What is it?", "The code is seven three nine one six two.",
           ("seven three nine", "nine one six two", "739162")),
    Canary("IBAN", "Which bank account is it?", "The IBAN is GB33 BUKB 2020 1555 5555 55.",
           ("GB33", "BUKB", "GB33BUKB20201555555555")),
    Canary("SSN", "What is your social security number?", "It is 536-22-8714.", ("536-22-8714", "536228714")),
    Canary("SSN", "Could you say your social security number again?", "Five three six, two two, eight seven one four.",
           ("five three six", "eight seven one four")),
    Canary("DATE_OF_BIRTH", "What is your date of birth?", "I was born on 17 March 1954.", ("17 March 1954", "March 1954")),
    Canary("DATE_OF_BIRTH", "And your husband's date of birth?", "He was born on the ninth of august nineteen forty nine.",
           ("ninth of august", "nineteen forty nine")),
    Canary("ADDRESS", "What is your address?", "I live at 2714 Wisteria Hollow Lane, Springfield.", ("wisteria",), ("2714",)),
    Canary("ADDRESS", "Where do we send it?", "To sixty eight Larkspur Avenue, please.", ("larkspur", "sixty eight")),
    Canary("ACCOUNT", "Your account number please?", "The account number is XK77Q29PL.", ("XK77Q29PL",)),
    Canary("ACCOUNT", "And your customer number?", "My customer number is four eight eight one nine three seven two.",
           ("four eight eight", "nine three seven two", "48819372")),
    Canary("BOOKING", "What is your booking reference?", "The booking reference is QZ7RWK.", ("QZ7RWK",)),
    Canary("BOOKING", "And the confirmation code of the other flight?", "It is victor kilo four juliet nine x-ray.",
           ("victor kilo", "juliet nine", "VK4J9X")),
    Canary("USERNAME", "What is your user name?", "My username is pembertwig88.", ("pembertwig88", "pembertwig")),
    Canary("PASSWORD", "And your password?", "My password is thistledown99.", ("thistledown99", "thistledown")),
    Canary("URL", "Do you have a web site?", "Yes, it is www.pemberley-tapestries.com.",
           ("www.pemberley-tapestries.com", "tapestries")),
    Canary("URL", "Is there another page?", "Yes, pemberquilts dot org slash shop.", ("pemberquilts",)),
)  # fmt: skip
FRENCH = (
    Canary("NAME", "Bonjour, quel est votre nom s'il vous plaît ?", "Je m'appelle Sidonie Vauquelin.",
           ("sidonie", "vauquelin")),
    Canary("NAME", "Pouvez-vous épeler votre nom ?", "V-A-U-Q-U-E-L-I-N.", ("V-A-U-Q-U-E-L-I-N",)),
    Canary("PHONE", "Quel est votre numéro de téléphone ?", "C'est le 06 12 34 56 78.",
           ("0612345678", "06 12 34 56 78")),
    Canary("PHONE", "Et votre numéro de portable ?", "C'est le zéro sept quarante-deux dix-neuf trente-trois soixante-cinq.",
           ("quarante-deux", "soixante-cinq", "0742193365")),
    Canary("EMAIL", "Et votre adresse e-mail ?", "sidonie point vauquelin arobase orange point fr", ("sidonie point",)),
    Canary("EMAIL", "Avez-vous une autre adresse mail ?", "Oui, svauq.1931@laposte.net.", ("svauq.1931", "svauq")),
    Canary("CARD", "Quel est le numéro de votre carte ?", "C'est le 4970 1012 3456 7890.", ("4970101234567890", "4970 1012", "3456 7890"), ("4970",)),
    Canary("CARD_EXPIRY", "Quelle est la date d'expiration ?", "Elle expire en 05/31.", ("05/31",)),
    Canary("CVV", "Et le cryptogramme au dos de la carte ?", "Le cryptogramme est huit cent douze.",
           ("huit cent douze",)),
    Canary("PIN", "Quel est votre code PIN ?", "Mon code PIN est 9375.", (), ("9375",)),
    Canary("IBAN", "Quel est votre IBAN ?", "FR14 2004 1010 0505 0001 3M02 606.", ("FR14", "3M02", "FR1420041010050500013M02606")),
    Canary("NIR", "Quel est votre numéro de sécurité sociale ?", "C'est le 2 69 05 49 588 157 80.",
           ("269054958815780", "2 69 05 49", "588 157")),
    Canary("NIR", "Et celui de votre mari ?", "Son numéro de sécurité sociale est un soixante-quatre zéro deux soixante-quinze cent seize zéro zéro un.",
           ("un soixante-quatre", "soixante-quinze cent")),
    Canary("DATE_OF_BIRTH", "Quelle est votre date de naissance ?", "Je suis née le 23 avril 1951.", ("23 avril 1951", "avril 1951")),
    Canary("DATE_OF_BIRTH", "Et la date de naissance de votre fils ?", "Il est né le douze juin mille neuf cent quatre-vingt-trois.",
           ("douze juin", "quatre-vingt-trois")),
    Canary("ADDRESS", "Quelle est votre adresse ?", "J'habite au 118 rue des Glycines, à Carcassonne.", ("glycines",)),
    Canary("ADDRESS", "Où devons-nous l'envoyer ?", "Au vingt-sept avenue des Pervenches.", ("pervenches",)),
    Canary("ACCOUNT", "Quel est votre numéro de client ?", "Mon numéro de client est le 7720419836.", ("7720419836",)),
    Canary("BOOKING", "Et votre référence de réservation ?", "La référence est WQ8LTX.", ("WQ8LTX",)),
    Canary("USERNAME", "Quel est votre identifiant ?", "Mon identifiant est vauquetine74.", ("vauquetine74", "vauquetine")),
    Canary("PASSWORD", "Et votre mot de passe ?", "Mon mot de passe est chardonneret52.", ("chardonneret52", "chardonneret")),
    Canary("URL", "Avez-vous un site ?", "Oui, c'est www.dentelles-vauquelin.fr.", ("www.dentelles-vauquelin.fr", "dentelles")),
)  # fmt: skip
CANARIES = {"en": ENGLISH, "fr": FRENCH}
ELSEWHERE = {"en": {"NIR"}, "fr": {"SSN"}}
"""The labels that people do not have who speak a language: there is a canary for every other."""

USUAL = {
    "en": [("agent", "How can I help?"), ("customer", "I was charged twice and I would like a refund.")],
    "fr": [("agent", "Comment puis-je vous aider ?"), ("customer", "Je voudrais être remboursée de la facture.")],
}
"""What is no canary, and so is to be found."""


def said_in(language: str) -> list[tuple[str, str]]:
    """A call in a language with all of its canaries, as who says what."""
    told = [line for each in CANARIES[language] for line in (("agent", each.asked), ("customer", each.answer))]
    return [*told, *USUAL[language]]
