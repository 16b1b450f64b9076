"""What of a transcript can be trusted: where the model wrote over silence, repeats itself, or could hardly hear.

Whisper writes fluent sentences over silence, music and noise. What it wrote where nothing sounds is withheld and
counted; what is only doubtful is published with a flag.
"""

import zlib
from collections.abc import Sequence
from itertools import groupby

import msgspec
import numpy as np

from pipeline.documents import Flag, Utterance, Withheld
from pipeline.services.transcription.loudness import CLIPPED, FRAMES_PER_SECOND, QUIET, Frames, Loudness
from pipeline.services.transcription.timeline import SpokenWord

FAINTEST, LOUDEST_FLOOR = 10 ** (-35 / 20), 10 ** (-12 / 20)  # below the level of speech: between them lies the floor
ABOVE_HISS = 2.0  # times the hiss of the line
LEAST = 3e-4  # RMS, -70 dB of full scale: the steps of eight bits
NEAR = 5  # frames on either side of a word that may hold its sound: Whisper places words to 20 ms, and not always well
LOOP = 2.4  # how often shorter a text gets that repeats itself, as openai-whisper has it
LOOP_LENGTH = 60  # characters from which on that says something
UNLIKELY = 0.35  # mean probability of the words of an utterance below which few are right


def floor_of(frames: Frames, speech: Sequence[tuple[int, int]]) -> float:
    """The RMS above which a frame of a channel sounds. ``speech``: the frames in which somebody speaks."""
    talking = np.zeros(len(frames), bool)
    for first, last in speech:
        talking[first:last] = True
    if not talking.any():
        return LEAST
    level = float(np.percentile(frames[talking], 95))
    hiss = float(np.percentile(frames[~talking], 50)) if (~talking).sum() >= FRAMES_PER_SECOND else 0.0
    return max(min(max(ABOVE_HISS * hiss, FAINTEST * level), LOUDEST_FLOOR * level), LEAST)


def sounding(
    words: Sequence[SpokenWord], frames: Frames, floor: float, channel: int
) -> tuple[list[SpokenWord], list[Withheld]]:
    """The words of a channel over which something sounds, and the stretches of those over which nothing does."""
    kept: list[SpokenWord] = []
    withheld: list[Withheld] = []
    for sounds, group in groupby(words, lambda word: _sounds(word, frames, floor)):
        found = list(group)
        if sounds:
            kept += found
        else:
            start, end = round(found[0].start, 3), round(found[-1].end, 3)
            withheld.append(
                Withheld(channel=channel, start=start, end=end, words=len(found), reason=Flag.HALLUCINATION)
            )
    return kept, withheld


def flagged(utterance: Utterance, loudness: Loudness) -> Utterance:
    """The utterance with what makes it doubtful."""
    first, last = int(utterance.start * FRAMES_PER_SECOND), int(utterance.end * FRAMES_PER_SECOND) + 1
    rms, full = loudness.rms[utterance.channel, first:last], loudness.full[utterance.channel, first:last]
    doubts = {
        Flag.HALLUCINATION: utterance.confidence < UNLIKELY or repeats_itself(utterance.text),
        Flag.CLIPPED: float(full.mean()) >= CLIPPED if len(full) else False,
        Flag.QUIET: float(np.percentile(rms, 95)) < QUIET if len(rms) else False,
    }
    return msgspec.structs.replace(utterance, flags=tuple(flag for flag, holds in doubts.items() if holds))


def repeats_itself(text: str) -> bool:
    """Whether a text is one phrase over and over, which is how Whisper gets stuck."""
    data = text.encode()
    return len(data) >= LOOP_LENGTH and len(data) / len(zlib.compress(data)) > LOOP


def _sounds(word: SpokenWord, frames: Frames, floor: float) -> bool:
    first = int(word.start * FRAMES_PER_SECOND) - NEAR
    last = int(word.end * FRAMES_PER_SECOND) + 1 + NEAR
    return bool((frames[max(first, 0) : last] >= floor).any())
