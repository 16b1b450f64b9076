"""With what a call is to be processed again, and whether that can be."""

import msgspec
from django.utils.translation import gettext as _
from msgspec import structs

from conversations import words
from conversations.models import Conversation
from conversations.services.vocabulary import VocabularyRefused, phrases_of
from pipeline.config import config

ENGLISH, ENGLISH_ONLY = "en", ".en"  # how the names of such models end, whoever converted them


class Choices(msgspec.Struct, kw_only=True, frozen=True):
    """What a run is to be done with in place of the settings of today.

    ``language`` None is what the sender said, "" is to be detected. ``model`` "" is the worker's own. ``vocabulary``
    comes before the organization's.
    """

    language: str | None = None
    model: str = ""
    vocabulary: tuple[str, ...] = ()


TODAY = Choices()
"""Nothing chosen."""


class ReprocessingRefused(Exception):
    """Raised when a call cannot be processed again as was chosen; the message says why."""


def checked(choices: Choices, conversation: Conversation) -> Choices:
    """The choices, if a run of a call can be done so. Raises ReprocessingRefused."""
    spoken, models = conversation.organization.spoken, config().asr_models
    if choices.model and choices.model not in models:
        text = _("There is no such model to choose. There are: %(models)s.")
        raise ReprocessingRefused(text % {"models": ", ".join(models)})
    if choices.language and choices.language not in spoken:
        text = _("The language is none that your organization has chosen. There are: %(languages)s.")
        raise ReprocessingRefused(text % {"languages": ", ".join(spoken)})
    language = language_of(choices, conversation)
    if choices.model.endswith(ENGLISH_ONLY) and language != ENGLISH:
        text = _("The model %(model)s reads English only, and this call is in %(language)s. Choose another model.")
        raise ReprocessingRefused(text % {"model": choices.model, "language": words.language_name(language)})
    try:
        return structs.replace(choices, vocabulary=phrases_of(choices.vocabulary))
    except VocabularyRefused as refusal:
        raise ReprocessingRefused(str(refusal)) from None


def language_of(choices: Choices, conversation: Conversation) -> str:
    """The language that a run will be in as far as one can tell: as chosen, as sent, or as heard before."""
    given = conversation.requested_language if choices.language is None else choices.language
    return given or conversation.language or ENGLISH
