"""What people read for what programs say: failure codes, flags, steps, labels. Every such word is here, once."""

import re

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import get_language_info, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from pipeline import events
from pipeline.documents import Cause, Flag
from pipeline.events import FailureCode, QuarantineReason

STAGES = {
    "transcription": _("Transcribed"),
    "entity_tagging": _("Names found"),
    "anonymization": _("Anonymized"),
    "audio_redaction": _("Audio redacted"),
    "qualification": _("Tagged"),
}
"""What a step has done, by service, in the order of the cascade."""

STEPS = {
    "transcription": _("transcription"),
    "entity_tagging": _("finding names"),
    "anonymization": _("anonymization"),
    "audio_redaction": _("redaction of the audio"),
    "qualification": _("tagging"),
}
"""What a step does, by service."""

FAILURES: dict[str, Promise] = {
    FailureCode.AUDIO_EMPTY: _("The file is empty. Check the recording, then upload it again."),
    FailureCode.AUDIO_UNREADABLE: _("The file is damaged, or is not audio. Check that it plays, then upload it again."),
    FailureCode.AUDIO_UNSUPPORTED: _(
        "The file is not audio, or of a kind that is not taken in. A recording without a header must be called what "
        "it is (.ulaw, .alaw, .gsm, .g722, .sln). Otherwise convert it to WAV, MP3, M4A, FLAC or Ogg, then upload it "
        "again."
    ),
    FailureCode.AUDIO_IS_PLAYLIST: _("The file is a playlist, which holds no sound. Upload the recording itself."),
    FailureCode.AUDIO_TOO_LONG: _(
        "The call is longer than is allowed. Split it, or ask your admin for a higher limit."
    ),
    FailureCode.AUDIO_TOO_MANY_CHANNELS: _(
        "The recording has more channels than can be told apart. Upload it with one channel for each speaker."
    ),
    FailureCode.AUDIO_RATE_TOO_HIGH: _(
        "The recording has more than 192,000 samples a second, more than speech has any use for. Convert it to 48,000 "
        "or fewer, then upload it again."
    ),
    FailureCode.AUDIO_TOO_LARGE: _(
        "The recording takes more time or room to decode than is allowed. Split it, or convert it to fewer channels or "
        "fewer samples a second, then upload it again."
    ),
    FailureCode.LANGUAGE_UNSUPPORTED: _(
        "The call is in a language that your organization has not chosen. Choose it in the settings, then try again."
    ),
    FailureCode.MODEL_UNSUPPORTED: _(
        "The call was to be transcribed with a model that is not offered here. Process it again with another one."
    ),
    FailureCode.MODEL_LACKS_LANGUAGE: _(
        "The model with which the call was to be transcribed reads English only. Process it again with another one."
    ),
    FailureCode.BLOB_MISSING: _("A file of this call is gone from the storage. Upload the recording again."),
    FailureCode.BLOB_CORRUPT: _("A file of this call is damaged in the storage. Upload the recording again."),
    FailureCode.KEY_UNUSABLE: _(
        "This call cannot be opened: the worker has another master key than the one it was sealed under. Tell your "
        "admin."
    ),
    FailureCode.LENGTHS_DIFFER: _(
        "The recording and its transcript are not of the same length, so it cannot be told where to cut. No file is "
        "damaged: process the call again."
    ),
    FailureCode.STORAGE_UNAVAILABLE: _("The storage could not be reached. Nothing is lost: try again later."),
    FailureCode.CRASHED: _(
        "Something went wrong in this step: %(step)s. Try again; if it fails again, tell your admin."
    ),
    FailureCode.WORKER_LOST: _(
        "The program at work on this call stopped in the middle of it (%(step)s). Try again; if it fails again, "
        "tell your admin."
    ),
    FailureCode.LEASE_EXPIRED: _(
        "The program at work on this call went silent (%(step)s). Try again; if it fails again, tell your admin."
    ),
    FailureCode.LOST_IN_TRANSIT: _("The call could not be handed to this step: %(step)s. Nothing is lost: try again."),
}

HAPPENED: dict[str, Promise] = {
    events.ConversationReceived.__name__: _("The call came in"),
    events.ConversationTranscribed.__name__: _("The call was written down"),
    events.EntitiesTagged.__name__: _("The names in it were found"),
    events.TranscriptAnonymized.__name__: _("The transcript was anonymized"),
    events.AudioRedacted.__name__: _("The audio was redacted"),
    events.ConversationQualified.__name__: _("Tags were given by the rules"),
    events.ConversationCompleted.__name__: _("All is done"),
    events.ConversationQuarantined.__name__: _("The call is kept for a reviewer"),
    events.ConversationFailed.__name__: _("The call failed at this step: %(step)s"),
    events.ConversationTagged.__name__: _("A person gave a tag"),
    events.ConversationUntagged.__name__: _("A person took a tag away"),
    events.ReprocessingRequested.__name__: _("A person asked to process the call again"),
    events.SpeakersSwapped.__name__: _("A person said who is agent and who is customer"),
    events.RedactionCorrected.__name__: _("A person corrected what is hidden"),
    events.ConversationReleased.__name__: _("A reviewer released the call"),
    events.RawDataPurged.__name__: _("The recording and raw transcript were deleted"),
    events.ConversationErased.__name__: _("The call was erased"),
}
"""What an event says has happened, by its class."""

MOMENTS: dict[str, Promise] = {
    "owed": _("Due: %(step)s"),
    "replayed": _("Replayed by a person: %(step)s"),
    "sent": _("Handed over: %(step)s, attempt %(attempt)d"),
    "started": _("Begun: %(step)s, attempt %(attempt)d"),
    "failed": _("Failed: %(step)s, attempt %(attempt)d"),
    "answered": _("Succeeded: %(step)s, attempt %(attempt)d"),
    "done": _("Done: %(step)s"),
    "dead": _("Failed for good: %(step)s"),
    "cancelled": _("Given up, never to be tried again: %(step)s"),
}
"""What happened to a step, by the kind of the moment (``conversations/timeline.py``)."""

FLAGS: dict[str, Promise] = {
    Flag.NO_SPEECH: _("Nobody speaks in this call."),
    Flag.SILENT_CHANNEL: _("One side of this call is silent."),
    Flag.DUAL_MONO: _("Both channels carry the same sound."),
    Flag.SPEAKERS_BY_VOICE: _("Who speaks was told by voice, and may be wrong in places."),
    Flag.UNSURE_LANGUAGE: _("The language may be another one."),
    Flag.HALLUCINATION: _("The model may have written what nobody said."),
    Flag.MUSIC: _("There is hold music or a recorded menu in this call."),
    Flag.CLIPPED: _("The sound is distorted: it was recorded too loud."),
    Flag.QUIET: _("The sound is very quiet."),
    Flag.DAMAGED: _("A part of the recording could not be read: the file is damaged, or cut short."),
}

UTTERANCE_FLAGS: dict[str, Promise] = {
    Flag.HALLUCINATION: _("Perhaps nobody said this: the model may have made it up."),
    Flag.MUSIC: _("Hold music, or a recorded menu."),
    Flag.CLIPPED: _("Distorted here: recorded too loud."),
    Flag.QUIET: _("Very quiet here."),
}
"""What a flag says about an utterance, where it is not what it says about a call."""

REDACTED: dict[str, Promise] = {
    "NAME": _("name"),
    "PHONE": _("phone number"),
    "EMAIL": _("e-mail address"),
    "ADDRESS": _("address"),
    "CARD": _("card number"),
    "CARD_EXPIRY": _("card expiry date"),
    "CVV": _("card security code"),
    "PIN": _("PIN or one-time code"),
    "IBAN": _("bank account (IBAN)"),
    "SSN": _("social security number"),
    "NIR": _("French social security number"),
    "DATE_OF_BIRTH": _("date of birth"),
    "ACCOUNT": _("account or customer number"),
    "BOOKING": _("booking code"),
    "USERNAME": _("user name"),
    "PASSWORD": _("password"),
    "URL": _("web address"),
    "MISC": _("other"),
}
"""Labels of redactions: the kinds of personal data."""

LABELS: dict[str, Promise] = {
    **REDACTED,
    # What entities are (spaCy's labels); those of people are redacted.
    "PERSON": _("person"),
    "ORG": _("organization"),
    "GPE": _("country or city"),
    "LOC": _("place"),
    "FAC": _("building"),
    "PRODUCT": _("product"),
    "EVENT": _("event"),
    "NORP": _("nationality or group"),
    "LANGUAGE": _("language"),
    "LAW": _("law"),
    "WORK_OF_ART": _("title"),
    "DATE": _("date"),
    "TIME": _("time"),
    "MONEY": _("amount"),
    "QUANTITY": _("quantity"),
    "PERCENT": _("percentage"),
    "CARDINAL": _("number"),
    "ORDINAL": _("rank"),
}
"""Labels of redactions and of entities."""

QUARANTINES: dict[str, Promise] = {
    QuarantineReason.STILL_HEARD: _(
        "Personal data could still be told when the redacted audio was heard again, and could not be silenced."
    ),
    QuarantineReason.UNPROVEN: _("The redacted audio could not be heard again, so it is not known whether it is safe."),
    QuarantineReason.LANGUAGE_UNPROTECTED: _(
        "Personal data is looked for in English and French only, and this call is in another language: much of it may "
        "be in the clear."
    ),
}
"""Why a call is kept from all but reviewers."""

CAUSES: dict[str, Promise] = {
    Cause.WORDS: _("its words are hidden"),
    Cause.UTTERANCE: _("hidden words without times: all of the utterance"),
    Cause.ECHO: _("heard from the other channel"),
    Cause.PERSON: _("hidden by a person in an earlier run"),
    Cause.PROOF: _("heard in the proof"),
    Cause.UNREAD: _("sounds after a question for it, and no word was read"),
}
"""Why a stretch of audio is hidden."""

SPEAKERS = {
    "agent": _("Agent"), "customer": _("Customer"), "speaker": _("Speaker"), "supervisor": _("Supervisor"),
    "interpreter": _("Interpreter"), "ivr": _("Recorded menu"), "other": _("Somebody else"),
}  # fmt: skip


def failure_sentence(code: str, service: str = "") -> str:
    """What happened, what it means for the call, and what to do."""
    known = FAILURES.get(code, FAILURES[FailureCode.CRASHED])
    return str(known) % {"step": step_name(service)}


def event_sentence(type: str, service: str = "") -> str:
    """What an event says has happened; one that joined later goes by its own name, as words."""
    known = str(HAPPENED.get(type, capfirst(re.sub(r"(?<=.)([A-Z])", r" \1", type).lower())))
    return known % {"step": step_name(service)}


def moment_sentence(kind: str, service: str, attempt: int = 0) -> str:
    """What happened to a step: "Handed over: transcription, attempt 2"."""
    return str(MOMENTS[kind]) % {"step": step_name(service), "attempt": attempt}


def flag_sentence(flag: str) -> str:
    """What a flag says about a call."""
    return str(FLAGS.get(flag, capfirst(spelled_out(flag))))


def utterance_flag_sentence(flag: str) -> str:
    """What a flag says about an utterance."""
    return str(UTTERANCE_FLAGS.get(flag, flag_sentence(flag)))


def stage_name(service: str) -> str:
    """What a step has done: "Transcribed". A service that joined later goes by its own name."""
    return str(STAGES.get(service, capfirst(spelled_out(service))))


def step_name(service: str) -> str:
    """What a step does: "transcription". A service that joined later goes by its own name."""
    return str(STEPS.get(service, spelled_out(service)))


def time_left(seconds: float | None) -> str:
    """How long it takes, as people say it; "" when there is nothing to guess from."""
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    if minutes < 1:
        return gettext("less than a minute left")
    if minutes < 90:
        return ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes) % {"n": minutes}
    hours = round(minutes / 60)
    return ngettext("about %(n)d hour left", "about %(n)d hours left", hours) % {"n": hours}


def quarantine_sentence(reason: str) -> str:
    """Why a call is kept from all but reviewers."""
    return str(QUARANTINES.get(reason, QUARANTINES[QuarantineReason.UNPROVEN]))


def closed_sentence(reason: str) -> str:
    """Why a call is closed to who is no reviewer, and what to do; without a ``reason``, more of it is being hidden."""
    if reason:
        return gettext("This call is quarantined: personal data may be left in it. Ask a supervisor to review it.")
    return gettext("Words of this call were marked as personal data and are being taken out of it. Try again shortly.")


def cause_name(cause: str) -> str:
    """Why a stretch of audio is hidden."""
    return str(CAUSES.get(cause, spelled_out(cause)))


def label_name(label: str) -> str:
    """The kind of a redaction or an entity: "phone number"."""
    return str(LABELS.get(label, spelled_out(label.lower())))


def speaker_name(speaker: str) -> str:
    """Who speaks: "Agent", "Speaker 2"."""
    if numbered := re.fullmatch(r"speaker (\d+)", speaker):
        return gettext("Speaker %(number)s") % {"number": numbered[1]}
    return str(SPEAKERS.get(speaker, capfirst(spelled_out(speaker))))


def language_name(code: str) -> str:
    """The name of a language in the reader's: "French" for ``fr``; an unknown code stays itself."""
    try:
        return str(get_language_info(code)["name_translated"]) if code else ""
    except KeyError:
        return code


def spelled_out(name: str) -> str:
    """A name for programs as words."""
    return name.replace("_", " ").replace("-", " ")
