"""The words that an organization, or one run, wants to be known: names of products, agents, places."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

MOST_PHRASES, LONGEST_CHARS = 100, 60  # Whisper reads some 220 tokens of them, and forgets the rest


class VocabularyRefused(Exception):
    """Raised when phrases cannot be taken as a vocabulary; the message says which, and why."""


def phrases_of(lines: Iterable[str]) -> tuple[str, ...]:
    """The phrases among lines, each once, without spare spaces and empty lines. Raises VocabularyRefused."""
    phrases: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        phrase = " ".join(line.split())
        if len(phrase) > LONGEST_CHARS:
            text = _("Line %(line)d is longer than %(most)d characters. Give one word or short phrase a line.")
            raise VocabularyRefused(text % {"line": number, "most": LONGEST_CHARS})
        if not phrase.isprintable():
            raise VocabularyRefused(_("Line %(line)d has a character that cannot be said.") % {"line": number})
        if phrase:
            phrases[phrase] = None
    if len(phrases) > MOST_PHRASES:
        text = _("There are %(number)d words and phrases; %(most)d are the most. Keep those that are misheard most.")
        raise VocabularyRefused(text % {"number": len(phrases), "most": MOST_PHRASES})
    return tuple(phrases)
