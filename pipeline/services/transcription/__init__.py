"""From a recording to a transcript in timed words.

The recording is decoded channel by channel, cut at its pauses, read by a Whisper model, and put together again as
one conversation.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.documents import Flag, Settings, Transcript, Withheld
from pipeline.events import FailureCode
from pipeline.services.errors import ExpectedFailure
from pipeline.services.transcription.engine import Engine
from pipeline.services.transcription.faster_whisper_engine import FasterWhisper
from pipeline.services.transcription.music import announcements_flagged
from pipeline.services.transcription.openai_whisper_engine import OpenaiWhisper
from pipeline.services.transcription.recording import Recording, listen
from pipeline.services.transcription.speech import Chunk, longest
from pipeline.services.transcription.timeline import SpokenWord, utterances_of, words_of
from pipeline.services.transcription.trust import better, flagged, is_doubtful, over_sound

ENGINES: dict[str, Callable[[str, str, Path], Engine]] = {
    "faster-whisper": FasterWhisper,
    "openai-whisper": OpenaiWhisper,
}
DEFAULT_ENGINE = "faster-whisper"
DEFAULT_MODEL = "base"
LANGUAGE_SAMPLE = 15.0  # seconds of speech to tell a language by
SURE = 0.6  # probability of a language, below which it may well be another


def transcribe(
    path: Path,
    *,
    settings: Settings,
    cache: Path,
    hint: str = "",
    language: str = "",
    channels: Sequence[str] = (),
    engine: str = DEFAULT_ENGINE,
    model: str = DEFAULT_MODEL,
    device: str = "cpu",
    on_progress: Callable[[float, float], None] = lambda done, total: None,
) -> Transcript:
    """Write down a recording.

    ``language`` is a code ("" = detect, among those of the settings), ``channels`` names the speaker of each channel
    (empty = agent and customer), ``cache`` is a folder for models. ``hint`` is the media type that the file's name
    suggests. ``on_progress`` is told the seconds of speech done and in all (0 while not yet known).

    Raises ExpectedFailure: LANGUAGE_UNSUPPORTED, or for a recording that cannot be read (see ``media.decoded``).
    """
    recognizer = load(engine, model, device, cache)
    allowed = _allowed_languages(language, settings, recognizer)
    on_progress(0.0, 0.0)
    with listen(path, channels, settings.max_duration, hint) as recording:
        code, probability = _language(recording, allowed, recognizer)
        written = _words(recording, code, settings.vocabulary, recognizer, on_progress)
    spoken, withheld = _over_sound(written, recording)
    utterances = announcements_flagged(utterances_of(spoken, recording.speakers))
    unsure = (Flag.UNSURE_LANGUAGE,) if probability < SURE else ()
    return Transcript(
        language=code,
        language_probability=round(probability, 4),
        duration=round(recording.duration, 3),
        utterances=tuple(flagged(utterance, recording.loudness) for utterance in utterances),
        channels=len(recording.speakers),
        engine=engine,
        model=model,
        flags=(*recording.flags, *unsure),
        withheld=tuple(withheld),
    )


def warm(engine: str, model: str, device: str, cache: Path) -> None:
    """Load what transcription needs, so that the first call does not wait for it."""
    from faster_whisper.vad import get_vad_model

    load(engine, model, device, cache)
    get_vad_model()


@functools.cache
def load(engine: str, model: str, device: str, cache: Path) -> Engine:
    """The recognizer of a name, loaded once a process. Raises ValueError for an engine that there is not."""
    if engine not in ENGINES:
        raise ValueError(f"There is no engine {engine!r}; there are {', '.join(ENGINES)}.")
    return ENGINES[engine](model, device, cache)


def _allowed_languages(given: str, settings: Settings, recognizer: Engine) -> tuple[str, ...]:
    """The languages that a call may be in; one if it was given. A regional code (``fr-CA``) counts as its language."""
    code = given.lower().replace("_", "-").split("-")[0]
    readable = settings.languages if recognizer.multilingual else tuple({"en"} & set(settings.languages))
    if not readable or (code and code not in readable):
        raise ExpectedFailure(
            FailureCode.LANGUAGE_UNSUPPORTED, f"The language is none of {', '.join(readable) or 'the model’s'}."
        )
    return (code,) if code else readable


def _language(recording: Recording, allowed: Sequence[str], recognizer: Engine) -> tuple[str, float]:
    """The likeliest of the allowed languages, and how likely it is among all that the model knows."""
    if len(allowed) == 1 or not recording.chunks:
        return allowed[0], 1.0
    probabilities = recognizer.language_probabilities(longest(recording.chunks, LANGUAGE_SAMPLE))
    code = max(allowed, key=lambda code: probabilities.get(code, 0.0))
    return code, probabilities.get(code, 0.0)


def _words(
    recording: Recording,
    language: str,
    vocabulary: Sequence[str],
    recognizer: Engine,
    on_progress: Callable[[float, float], None],
) -> list[tuple[Chunk, Sequence[SpokenWord]]]:
    """The words of each chunk, in order; what is doubtful is read a second time."""
    total = sum(chunk.duration for chunk in recording.chunks)
    done = 0.0
    on_progress(done, total)
    read: dict[Chunk, Sequence[SpokenWord]] = {}
    for chunk, heard in recognizer.hear(recording.chunks, language, vocabulary):
        read[chunk] = words_of(chunk, heard, language)
        done += chunk.duration
        on_progress(done, total)
    doubtful = [chunk for chunk, words in read.items() if is_doubtful(words, chunk, recording.sounds[chunk.channel])]
    for chunk, heard in recognizer.hear_again(doubtful, language, vocabulary):
        read[chunk] = better(read[chunk], words_of(chunk, heard, language), chunk, recording.sounds[chunk.channel])
        on_progress(done, total)
    return sorted(read.items(), key=lambda item: item[0].start)


def _over_sound(
    read: Sequence[tuple[Chunk, Sequence[SpokenWord]]], recording: Recording
) -> tuple[list[list[SpokenWord]], list[Withheld]]:
    """The words of each channel without those written over silence, and where these were."""
    kept: list[list[SpokenWord]] = [[] for _ in recording.speakers]
    withheld: list[Withheld] = []
    for chunk, words in read:
        real, unreal = over_sound(words, chunk, recording.sounds[chunk.channel])
        kept[chunk.channel] += real
        withheld += unreal
    return kept, withheld
