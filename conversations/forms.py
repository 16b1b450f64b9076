"""Forms that the pages and the admin share."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations import words
from conversations.models import Organization, RawAccess
from conversations.services.choices import Choices
from conversations.services.raw_data import LONGEST_REASON
from conversations.services.vocabulary import VocabularyRefused, phrases_of
from pipeline.config import config

AS_SENT, DETECT = "", "detect"


class VocabularyField(forms.CharField):
    """Words and phrases, one a line; its value is the list of them."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        """The lines of a list; what was typed stays as it is."""
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[str]:
        """The phrases. Raises ValidationError."""
        text = super().clean(value)
        try:
            return list(phrases_of(text.splitlines()))
        except VocabularyRefused as refusal:
            raise forms.ValidationError(str(refusal)) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the lines are other ones."""
        return bool(super().has_changed(self.prepare_value(initial), data))


class ReprocessForm(forms.Form):
    """With what calls are to be processed again. Left as it is, it says: with the settings of today."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    model = forms.ChoiceField(label=gettext_lazy("Speech model"), required=False)
    vocabulary = VocabularyField(
        label=gettext_lazy("More words to know"), required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "For this run, before those of the organization: products, agents, places; one a line. The model takes in "
            "some 65 phrases of two words, or 100 words, in all. No personal data of customers."
        ),
    )  # fmt: skip

    def __init__(self, organization: Organization, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        languages = [(code, capfirst(words.language_name(code))) for code in organization.spoken]
        self.fields["language"].choices = [(AS_SENT, _("As the sender said")), (DETECT, _("Detect it")), *languages]
        models = [(name, name) for name in config().asr_models]
        self.fields["model"].choices = [("", _("The usual one")), *models]

    def choices(self) -> Choices:
        """What was chosen."""
        chosen = self.cleaned_data
        language = {AS_SENT: None, DETECT: ""}.get(chosen["language"], chosen["language"])
        return Choices(language=language, model=chosen["model"], vocabulary=tuple(chosen["vocabulary"]))


class RawForm(forms.Form):
    """Which raw data somebody wants to open, and why."""

    what = forms.ChoiceField(
        label=gettext_lazy("What to open"), choices=RawAccess.What.choices, widget=forms.RadioSelect
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text=gettext_lazy("It is kept in the audit log, sealed like the call itself."),
        error_messages={"required": gettext_lazy("Give a reason: it is kept in the audit log.")},
    )  # fmt: skip
