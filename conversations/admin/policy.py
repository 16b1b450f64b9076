"""The redaction policy as a form: a row for each kind of personal data, and how the rest is done."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations import words
from conversations.admin.validation import MODES, MOST_PAD, check_redaction
from pipeline.documents import GENERALIZABLE, RedactionPolicy

HIDDEN, KEPT, GENERALIZED = "hidden", "kept", "generalized"
TREATMENTS = {HIDDEN: gettext_lazy("hidden"), KEPT: gettext_lazy("kept"), GENERALIZED: gettext_lazy("generalized")}
FIELDS = {KEPT: "keep", GENERALIZED: "generalize"}
MODE_NAMES = {"silence": gettext_lazy("silence"), "beep": gettext_lazy("a beep")}
GENERAL = {
    "ADDRESS": gettext_lazy("the town stays, street and postcode go"),
    "DATE_OF_BIRTH": gettext_lazy("the year stays, day and month go"),
    "EMAIL": gettext_lazy("a host that everybody has (gmail.com) stays, the name goes"),
}


class PolicyWidget(forms.Widget):
    """A table of kinds with a choice each, then the other settings. Its value is the policy as JSON values."""

    template_name = "admin/conversations/organization/policy.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """What the template shows."""
        context = super().get_context(name, value, attrs)
        policy = value if isinstance(value, Mapping) else {}
        settings = msgspec.to_builtins(RedactionPolicy()) | dict(policy)
        context |= {
            "rows": [row_of(name, label, settings) for label in words.REDACTED],
            "settings": settings,
            "modes": [(mode, MODE_NAMES[mode]) for mode in MODES],
            "most_pad": MOST_PAD,
        }
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, Any]:
        """The policy that was chosen, not yet checked."""
        policy: dict[str, Any] = {field: [] for field in FIELDS.values()}
        for label in words.REDACTED:
            chosen = data.get(f"{name}-{label}", HIDDEN)
            if chosen != HIDDEN:
                policy.setdefault(FIELDS.get(chosen, chosen), []).append(label)
        policy |= {setting: data.get(f"{name}-{setting}", "") for setting in ("mode", "pad")}
        policy["agent_name"] = f"{name}-agent_name" in data
        policy["doubt"] = data.get(f"{name}-doubt", HIDDEN) == HIDDEN
        return policy

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Whether the form was sent without it."""
        return not any(key.startswith(f"{name}-") for key in data)

    def id_for_label(self, id_: str) -> str:
        """Each of its parts has a label of its own."""
        return ""


class PolicyField(forms.Field):
    """A redaction policy; its value is the JSON of one that can be followed."""

    widget = PolicyWidget

    def clean(self, value: Any) -> dict[str, Any]:
        """Raises ValidationError."""
        policy = dict(value)
        for chosen in policy.keys() - msgspec.to_builtins(RedactionPolicy()).keys():
            text = _("“%(chosen)s” is no choice for %(labels)s.")
            raise forms.ValidationError(text % {"chosen": chosen, "labels": ", ".join(policy[chosen])})
        try:
            policy["pad"] = float(str(policy["pad"]).replace(",", "."))
        except ValueError:
            raise forms.ValidationError(_("Give the margin as seconds, such as 0.15.")) from None
        check_redaction(policy)
        return policy

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the policy is another one."""
        return bool(changes_of(initial, data))


def row_of(name: str, label: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A kind of personal data, and what may be done with it."""
    chosen = next((treatment for treatment, field in FIELDS.items() if label in settings[field]), HIDDEN)
    treatments = [each for each in TREATMENTS if each != GENERALIZED or label in GENERALIZABLE]
    return {
        "name": f"{name}-{label}",
        "kind": capfirst(words.label_name(label)),
        "choices": [(each, capfirst(TREATMENTS[each]), each == chosen) for each in treatments],
        "help": GENERAL.get(label, ""),
    }


def changes_of(before: Any, after: Any) -> list[str]:
    """What differs between two policies, for the log: "NAME: kept", "pad: 0.3". Both as JSON values."""
    old, new = (readable(policy) for policy in (before, after))
    return [f"{name}: {new[name]}" for name in new if old.get(name) != new[name]]


def readable(policy: Any) -> dict[str, str]:
    """Each setting of a policy as a word or a number."""
    settings = msgspec.to_builtins(RedactionPolicy()) | dict(policy or {})
    said = dict.fromkeys(words.REDACTED, HIDDEN)
    for treatment, field in FIELDS.items():
        said |= dict.fromkeys(settings[field], treatment)
    return said | {name: f"{settings[name]}" for name in ("mode", "pad", "agent_name", "doubt")}
