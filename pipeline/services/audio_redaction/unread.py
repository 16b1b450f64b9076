"""Answers that nobody read: what sounds after a question for personal data, where the transcript has no word.

A recognizer leaves out whole answers, digits above all (3.8 s of a phone number, in one built call of 24). What is not
in the transcript cannot be found in it, so in doubt its sound is hidden.
"""

from collections.abc import Iterator, Sequence
from math import floor

import numpy as np

from pipeline.documents import Cause, Cut, RedactionPolicy, Transcript, Utterance, is_protected, without_placeholders
from pipeline.services.anonymization import asked_for
from pipeline.services.audio_redaction.edges import ABOVE_HISS, AROUND, FRAMES_PER_SECOND, floor_of
from pipeline.services.audio_redaction.samples import Recording

ANSWER = 10.0  # seconds after a question in which its answer is said
LEAST = 0.5  # seconds of sound that may be an answer: a breath or a click is shorter
EARLY = 0.5  # seconds before the end of a question from which on what is said answers it
BEYOND = 0.1  # seconds before and after the sound, for a soft beginning or end


def unread(transcript: Transcript, recording: Recording, policy: RedactionPolicy) -> list[Cut]:
    """The stretches that sound on another channel than the question, until a word of that channel is read.

    None where one channel carries everybody, or the policy leaves doubtful things, or what was asked for, in the clear.
    """
    told_apart = transcript.channels == recording.channels > 1
    if not told_apart or not policy.doubt or not is_protected(transcript):
        return []
    said = transcript.utterances
    asked = asked_for([(each.speaker, without_placeholders(each.text)) for each in said], transcript.language)
    cuts: list[Cut] = []
    for question, label in zip(said, asked, strict=True):
        for channel in range(recording.channels) if label and label not in policy.keep else ():
            if channel != question.channel:
                found = _answer(question, label, channel, said, recording)
                cuts += (cut for cut in found if not _is_within(cut, cuts))  # a question may be asked twice
    return cuts


def _is_within(cut: Cut, cuts: Sequence[Cut]) -> bool:
    return any(each.channel == cut.channel and each.start <= cut.start and cut.end <= each.end for each in cuts)


def _answer(
    question: Utterance, label: str, channel: int, said: Sequence[Utterance], recording: Recording
) -> Iterator[Cut]:
    """The cut of what sounds on a channel after a question, if it is long enough to be an answer."""
    start = floor(question.end * FRAMES_PER_SECOND) / FRAMES_PER_SECOND
    read = (each.start for each in said if each.channel == channel and each.end > question.end - EARLY)
    stop = min(min(read, default=start + ANSWER), start + ANSWER)
    if stop - start < LEAST:
        return
    origin = max(0.0, start - AROUND)
    loudness = recording.loudness(channel, origin, stop + AROUND)
    least = max(floor_of(loudness), ABOVE_HISS * float(np.percentile(loudness, 10))) if len(loudness) else 0.0
    own = recording.loudness(channel, start, stop)
    others = [recording.loudness(other, start, stop) for other in range(recording.channels) if other != channel]
    sounding = np.flatnonzero((own >= least) & (own > np.max(others, axis=0)))  # louder elsewhere is from there
    if len(sounding) >= LEAST * FRAMES_PER_SECOND:
        first, last = (start + int(frame) / FRAMES_PER_SECOND for frame in (sounding[0], sounding[-1] + 1))
        end = min(last + BEYOND, stop)
        yield Cut(channel=channel, start=max(0.0, first - BEYOND), end=end, cause=Cause.UNREAD, label=label)
