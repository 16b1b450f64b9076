"""A call's transcript as a document: JSON, text, and subtitles. It holds anonymized text only."""

from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import msgspec
import pysubs2

from conversations import words
from conversations.models import Conversation
from pipeline import documents

UTTERANCE = ("index", "speaker", "channel", "start", "end", "text", "confidence", "flags", "words")
REDACTION = ("label", "placeholder", "utterance", "start", "end")
MUCH = 0.1  # of the seconds in which somebody speaks: one loud hello is no distorted call
LONGEST_CUE_CHARS, LONGEST_CUE_SECONDS = 84, 7.0  # two lines of 42, and no longer than is read with ease


def document_of(conversation: Conversation) -> dict[str, Any]:
    """The transcript as JSON values. Times are seconds from the start of the call."""
    return {
        "conversation": str(conversation.id),
        "language": conversation.language,
        "language_probability": conversation.language_probability,
        "duration": conversation.duration,
        "utterances": list(conversation.utterances.values(*UTTERANCE)),
        "redactions": list(conversation.redactions.values(*REDACTION)),
        "withheld": conversation.withheld,
    }


def document_of_run(conversation: Conversation, transcript: documents.Transcript) -> dict[str, Any]:
    """The same of any run of a call, from its own document."""
    whole = msgspec.to_builtins(transcript)
    spoken = {each.index: each for each in transcript.utterances}
    redactions = [with_times(each, spoken[each.utterance]) for each in transcript.redactions]
    return {
        "conversation": str(conversation.id),
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "duration": transcript.duration,
        "utterances": [{name: each[name] for name in UTTERANCE} for each in whole["utterances"]],
        "redactions": [{name: each[name] for name in REDACTION} for each in redactions],
        "withheld": whole["withheld"],
    }


def with_times(redaction: documents.Redaction, utterance: documents.Utterance) -> dict[str, Any]:
    """The fields of a redaction; without times of its own it has those of its utterance."""
    fields: dict[str, Any] = msgspec.to_builtins(redaction)
    if redaction.start is None or redaction.end is None:
        fields |= {"start": utterance.start, "end": utterance.end}
    return fields


def flags_of(transcript: documents.Transcript) -> list[str]:
    """The flags of a call: its own, and those that hold for ``MUCH`` of what is said in it."""
    spoken = sum(each.end - each.start for each in transcript.utterances)
    flagged: Counter[str] = Counter()
    for each in transcript.utterances:
        flagged.update(dict.fromkeys(each.flags, each.end - each.start))
    return list(dict.fromkeys([*transcript.flags, *(flag for flag in flagged if flagged[flag] >= MUCH * spoken)]))


def flags_within(transcript: documents.Transcript) -> list[str]:
    """The flags that only a few utterances of a call have: who looks for a flag finds the call all the same."""
    of_call = flags_of(transcript)
    of_utterances = dict.fromkeys(flag for each in transcript.utterances for flag in each.flags)
    return [flag for flag in of_utterances if flag not in of_call]


def as_text(document: Mapping[str, Any]) -> str:
    """One line an utterance: when, who, what."""
    return "".join(
        f"[{clock(each['start'])}] {words.speaker_name(each['speaker'])}: {each['text']}\n"
        for each in document["utterances"]
    )


def as_subtitles(document: Mapping[str, Any], kind: str) -> str:
    """Subtitles, as ``srt`` or ``vtt``; long utterances in several cues."""
    subtitles = pysubs2.SSAFile()
    for each in document["utterances"]:
        speaker = f"{words.speaker_name(each['speaker'])}: "
        for start, end, text in cues(each):
            spoken = speaker + text
            subtitles.append(
                pysubs2.SSAEvent(
                    start=pysubs2.make_time(s=start),
                    end=pysubs2.make_time(s=end),
                    text=escape(spoken, quote=False) if kind == "vtt" else spoken,
                )
            )
            speaker = ""
    # What looks like a tag in the text is text.
    return str(subtitles.to_string(kind, keep_ssa_tags=True))


def cues(utterance: Mapping[str, Any]) -> Iterator[tuple[float, float, str]]:
    """Start, end and text of each cue of an utterance."""
    begin, last = utterance["start"], utterance["end"]
    said: list[str] = []
    for word in utterance["words"] or [{"text": utterance["text"]}]:
        start = word.get("start")
        long = len(" ".join(said)) + 1 + len(word["text"]) > LONGEST_CUE_CHARS
        if said and start is not None and (long or start - begin > LONGEST_CUE_SECONDS):
            yield begin, start, " ".join(said)
            begin, said = start, []
        said.append(word["text"])
    yield begin, last, " ".join(said)


def clock(seconds: float) -> str:
    """A moment in a call, as 4:05 or 1:04:05."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
