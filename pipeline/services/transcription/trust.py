"""What of a transcript can be trusted: where the model wrote over silence, repeats itself, or leaves speech out.

Whisper writes fluent sentences over silence, music and noise. What it wrote where nothing sounds is withheld and
counted. What is only doubtful is read again; what is doubtful still is published with a flag.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean

import msgspec
import numpy as np

from pipeline.documents import Flag, Utterance, Withheld
from pipeline.services.transcription.loudness import CLIPPED, FRAMES_PER_SECOND, QUIET, Frames, Loudness
from pipeline.services.transcription.speech import Chunk
from pipeline.services.transcription.timeline import SpokenWord

FAINTEST, LOUDEST_FLOOR = 10 ** (-35 / 20), 10 ** (-12 / 20)  # below the level of speech: between them lies the floor
ABOVE_HISS = 2.0  # times the hiss of the line
LEAST = 3e-4  # RMS, -70 dB of full scale: the steps of eight bits
NEAR = 0.3  # seconds on either side of a word that may hold its sound: Whisper does not place words better
FRAME_SECONDS = 1 / FRAMES_PER_SECOND
LOOP = 2.4  # how often shorter a text gets that repeats itself, as openai-whisper has it
LOOP_LENGTH = 60  # characters from which on that says something
UNLIKELY = 0.35  # mean probability of words below which few are right
FASTEST = 8.0  # words a second of sound: nobody speaks as fast
FEW = 5  # words, of which that says nothing
MISSED = 1.5  # seconds of sound without a word, after which one should listen again
A_WORD = 0.25  # seconds of sound that are a word, where there is a pause on either side
MUCH = 0.28  # share of a chunk without a word, from which on nothing of its reading is worth keeping


@dataclass(frozen=True, kw_only=True)
class Sound:
    """One channel by its loudness: ``frames`` of 10 ms (RMS), and the ``floor`` from which on one of them sounds."""

    frames: Frames
    floor: float

    def seconds(self, start: float, end: float) -> float:
        """How much sounds from one moment to another."""
        first, last = int(start * FRAMES_PER_SECOND), int(np.ceil(end * FRAMES_PER_SECOND))
        return int((self.frames[max(first, 0) : max(last, 0)] >= self.floor).sum()) / FRAMES_PER_SECOND

    def nearest(self, start: float, end: float) -> float | None:
        """A moment of sound between two, or the one nearest to them, if one is near."""
        first = max(int((start - NEAR) * FRAMES_PER_SECOND), 0)
        last = int(np.ceil((end + NEAR) * FRAMES_PER_SECOND))
        moments = (first + np.flatnonzero(self.frames[first:last] >= self.floor)) / FRAMES_PER_SECOND
        if not len(moments):
            return None
        away = np.maximum(np.maximum(start - moments, moments + FRAME_SECONDS - end), 0)
        return float(moments[int(away.argmin())])


def sound_of(frames: Frames, speech: Sequence[Chunk]) -> Sound:
    """The sound of a channel in which somebody speaks in these chunks: what is neither hiss nor far below speech."""
    talking = np.zeros(len(frames), bool)
    for first, last in (span for chunk in speech for span in chunk.frames()):
        talking[first:last] = True
    if not talking.any():
        return Sound(frames=frames, floor=LEAST)
    level = float(np.percentile(frames[talking], 95))
    hiss = float(np.percentile(frames[~talking], 50)) if (~talking).sum() >= FRAMES_PER_SECOND else 0.0
    floor = min(max(ABOVE_HISS * hiss, FAINTEST * level), LOUDEST_FLOOR * level)
    return Sound(frames=frames, floor=max(floor, LEAST))


def doubtful(words: Sequence[SpokenWord], chunk: Chunk, sound: Sound) -> list[Chunk]:
    """What of a chunk should be read again: all of it if that was hardly said, else where it leaves out speech."""
    parts = [chunk.part(start, end) for start, end in gaps(words, chunk) if left_out(chunk, sound, start, end)]
    much = sum(part.duration for part in parts) >= MUCH * chunk.duration
    guessed = unlikely(words) and not chunk.short  # of a word or two, another guess is no better
    return [chunk] if much or guessed or not_said(words, chunk, sound) else parts


def mended(
    words: Sequence[SpokenWord], chunk: Chunk, again: Sequence[SpokenWord], part: Chunk, sound: Sound
) -> Sequence[SpokenWord]:
    """The words of a chunk, of which a part was read again: all of it, or a stretch that had no word."""
    if part.spans == chunk.spans:
        return better(words, again, chunk, sound)
    if unlikely(again) or not_said(again, part, sound):
        return words
    return sorted([*words, *again], key=lambda word: word.start)


def better(
    first: Sequence[SpokenWord], second: Sequence[SpokenWord], chunk: Chunk, sound: Sound
) -> Sequence[SpokenWord]:
    """Of two readings the one that can have been said; else the one that leaves out less."""

    def faults(words: Sequence[SpokenWord]) -> tuple[bool, float]:
        return not_said(words, chunk, sound), missed(words, chunk, sound)

    return second if faults(second) <= faults(first) else first


def unlikely(words: Sequence[SpokenWord]) -> bool:
    """Whether hardly any word of a reading is probable."""
    return bool(words) and fmean(word.probability for word in words) < UNLIKELY


def not_said(words: Sequence[SpokenWord], chunk: Chunk, sound: Sound) -> bool:
    """Whether a reading repeats itself, or has more words than anybody says in that time."""
    too_fast = len(words) > max(FEW, FASTEST * sounding(chunk, sound, chunk.start, chunk.end))
    return too_fast or repeats_itself(text_of(words))


def missed(words: Sequence[SpokenWord], chunk: Chunk, sound: Sound) -> float:
    """The most seconds of sound at once for which a reading has no word."""
    return max(sounding(chunk, sound, start, end) for start, end in gaps(words, chunk))


def gaps(words: Sequence[SpokenWord], chunk: Chunk) -> list[tuple[float, float]]:
    """What lies between words, before the first and after the last, in seconds of the call."""
    ends = [chunk.start, *(word.end for word in words)]
    starts = [*(word.start for word in words), chunk.end]
    return list(zip(ends, starts, strict=True))


def left_out(chunk: Chunk, sound: Sound, start: float, end: float) -> bool:
    """Whether a gap between words is too long to be one: of much sound, or with all of what one says between pauses."""
    return sounding(chunk, sound, start, end) >= MISSED or any(
        start <= first and last <= end and sound.seconds(first, last) >= A_WORD for first, last in chunk.seconds()
    )


def sounding(chunk: Chunk, sound: Sound, start: float, end: float) -> float:
    """How much sounds from one moment to another, of what the chunk has of them."""
    return sum(
        sound.seconds(max(start, first), min(end, last)) for first, last in chunk.seconds() if last > start < end
    )


def over_sound(words: Sequence[SpokenWord], chunk: Chunk, sound: Sound) -> tuple[list[SpokenWord], list[Withheld]]:
    """The words of a chunk over which something sounds, and the stretches of those over which nothing does."""
    kept: list[SpokenWord] = []
    withheld: list[Withheld] = []
    for sounds, group in groupby(words, lambda word: sound.nearest(word.start, word.end) is not None):
        found = list(group)
        if sounds:
            for word in found:
                kept.append(placed(word, sound, kept[-1].start if kept else 0.0))
        else:
            start, end = round(found[0].start, 3), round(found[-1].end, 3)
            withheld.append(
                Withheld(channel=chunk.channel, start=start, end=end, words=len(found), reason=Flag.HALLUCINATION)
            )
    return kept, withheld


def placed(word: SpokenWord, sound: Sound, earliest: float) -> SpokenWord:
    """The word where it sounds: moved, if the model placed it beside that, but not before the word that it follows."""
    moment = sound.nearest(word.start, word.end)
    by = 0.0
    if moment is not None and not word.start <= moment < word.end:
        by = moment - word.start if moment < word.start else moment + FRAME_SECONDS - word.end
    start = max(word.start + by, earliest)
    return replace(word, start=start, end=max(word.end + by, start))


def flagged(utterance: Utterance, loudness: Loudness) -> Utterance:
    """The utterance with what else makes it doubtful."""
    first, last = int(utterance.start * FRAMES_PER_SECOND), int(utterance.end * FRAMES_PER_SECOND) + 1
    rms, full = loudness.rms[utterance.channel, first:last], loudness.full[utterance.channel, first:last]
    doubts = {
        Flag.HALLUCINATION: utterance.confidence < UNLIKELY or repeats_itself(utterance.text),
        Flag.CLIPPED: float(full.mean()) >= CLIPPED if len(full) else False,
        Flag.QUIET: float(np.percentile(rms, 95)) < QUIET if len(rms) else False,
    }
    found = (flag for flag, holds in doubts.items() if holds)
    return msgspec.structs.replace(utterance, flags=tuple(dict.fromkeys([*utterance.flags, *found])))


def repeats_itself(text: str) -> bool:
    """Whether a text is one phrase over and over, which is how Whisper gets stuck."""
    data = text.encode()
    return len(data) >= LOOP_LENGTH and len(data) / len(zlib.compress(data)) > LOOP


def text_of(words: Sequence[SpokenWord]) -> str:
    """What is said, as one text."""
    return " ".join(word.text for word in words)
