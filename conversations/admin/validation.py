"""An organization's settings, checked before they are kept: an error says where it is."""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from conversations import words
from pipeline.documents import GENERALIZABLE, Document, RedactionPolicy, Taxonomy

MODES, MOST_PAD = ("silence", "beep"), 5.0
LANGUAGE, SLUG = re.compile(r"[a-z]{2,3}"), re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


def check_taxonomy(value: Any) -> None:
    """Raises ValidationError when a value is no taxonomy, or one with a tag twice."""
    taxonomy = convert(value, Taxonomy)
    seen: set[str] = set()
    for place, definition in enumerate(taxonomy.tags):
        if not SLUG.fullmatch(definition.tag):
            refuse(f"tags[{place}].tag", _("a tag is written with small letters, digits, - and _"))
        if definition.tag in seen:
            refuse(f"tags[{place}].tag", _("“%(tag)s” is there already") % {"tag": definition.tag})
        if not definition.name.strip():
            refuse(f"tags[{place}].name", _("a tag needs a name for people"))
        seen.add(definition.tag)


def check_redaction(value: Any) -> None:
    """Raises ValidationError when a value is no redaction policy that can be followed."""
    policy = convert(value, RedactionPolicy)
    if policy.mode not in MODES:
        refuse("mode", _("it is one of: %(words)s") % {"words": ", ".join(MODES)})
    if not 0 <= policy.pad <= MOST_PAD:
        refuse("pad", _("seconds from 0 to %(most)g") % {"most": MOST_PAD})
    for name in ("keep", "generalize"):
        for place, label in enumerate(getattr(policy, name)):
            if label not in words.REDACTED:
                refuse(f"{name}[{place}]", _("“%(label)s” is not a kind of redaction") % {"label": label})
    for place, label in enumerate(policy.generalize):
        if label not in GENERALIZABLE:
            text = _("“%(label)s” cannot be generalized: every part of it points to one person. Hide it or keep it")
            refuse(f"generalize[{place}]", text % {"label": label})
        if label in policy.keep:
            refuse(f"generalize[{place}]", _("“%(label)s” is kept already: choose one") % {"label": label})


def check_languages(value: Any) -> None:
    """Raises ValidationError when a value is no list of language codes."""
    for place, code in enumerate(convert(value, tuple[str, ...])):
        if not LANGUAGE.fullmatch(code):
            refuse(f"[{place}]", _("“%(code)s” is not a language code such as en") % {"code": code})


def convert(value: Any, kind: Any) -> Any:
    """A JSON value as a typed one. Raises ValidationError, also for a field that the type has not: a slip, likely."""
    try:
        typed = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _at, path = str(error).partition(" - at `$")
        refuse(path.rstrip("`").lstrip("."), what[:1].lower() + what[1:])
    if isinstance(typed, Document):
        for path in unknown_fields(value, msgspec.to_builtins(typed)):
            refuse(path, _("there is no such field"))
    return typed


def unknown_fields(given: Any, understood: Any, path: str = "") -> Iterator[str]:
    """The paths of what was given and not understood."""
    if isinstance(given, dict) and isinstance(understood, dict):
        for name, value in given.items():
            inner = f"{path}.{name}".lstrip(".")
            if name not in understood:
                yield inner
            else:
                yield from unknown_fields(value, understood[name], inner)
    elif isinstance(given, list):
        for place, (value, known) in enumerate(zip(given, understood, strict=True)):
            yield from unknown_fields(value, known, f"{path}[{place}]")


def refuse(path: str, what: str) -> NoReturn:
    """Raises ValidationError with a path such as ``tags[0].rules[1].any``."""
    if not path:
        raise ValidationError(_("Not right: %(what)s.") % {"what": what})
    raise ValidationError(_("Not right at %(path)s: %(what)s.") % {"path": path, "what": what})
