"""The French catalogue has every word of the code, and what is read at run time is what the catalogue says."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

CONVERSATIONS = Path(__file__).resolve().parents[2] / "conversations"
CATALOGUE = CONVERSATIONS / "locale" / "fr" / "LC_MESSAGES" / "django.po"
ASKS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
STRING = r'"((?:[^"\\]|\\.)*)"'
LITERAL = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
SAID_IN_TEMPLATE = re.compile(rf"\bgettext\({LITERAL}\)|\bngettext\({LITERAL},")


def entries() -> Iterator[tuple[str, list[str], str]]:
    """Each message of the catalogue, its translations, and the lines of its entry."""
    for entry in CATALOGUE.read_text(encoding="utf-8").strip().split("\n\n")[1:]:
        joined = re.sub(r'"\n"', "", entry)
        (message,) = re.findall(rf"^msgid {STRING}", joined, re.MULTILINE)
        said = re.findall(rf"^msgstr(?:\[\d\])? {STRING}", joined, re.MULTILINE)
        yield ast.literal_eval(f'"{message}"'), [ast.literal_eval(f'"{each}"') for each in said], entry


def messages_of_code() -> Iterator[str]:
    """What the modules ask to have translated."""
    for path in CONVERSATIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(message)), *_]) if name in ASKS:
                    yield message


def messages_of_templates() -> Iterator[str]:
    """What the templates ask to have translated, as Django turns them into code for gettext."""
    for path in (CONVERSATIONS / "templates").rglob("*.html"):
        for one, several in SAID_IN_TEMPLATE.findall(templatize(path.read_text(encoding="utf-8"), origin=str(path))):
            yield ast.literal_eval(one or several)


def test_every_message_is_translated_and_none_is_doubtful() -> None:
    assert [message for message, said, _entry in entries() if not all(said)] == []
    assert [message for message, _said, entry in entries() if "fuzzy" in entry or entry.startswith("#~")] == []


def test_every_word_of_the_code_is_in_the_catalogue() -> None:
    known = {message for message, _said, _entry in entries()}
    asked = {*messages_of_code(), *messages_of_templates()}
    assert len(asked) > 300
    assert sorted(asked - known) == []


def test_what_is_read_at_run_time_is_what_the_catalogue_says() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message, said, entry in entries():
        if "msgctxt" not in entry:
            numbers = (1, 2) if len(said) > 1 else ()
            read = [compiled.ngettext(message, "", number) for number in numbers] or [compiled.gettext(message)]
            assert read == said
