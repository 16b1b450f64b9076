"""From a recording to a transcript in timed words.

The recording is decoded channel by channel, cut at its pauses, read by a Whisper model, and put together again as
one conversation.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.documents import Flag, Settings, Transcript, Withheld
from pipeline.events import FailureCode
from pipeline.services.errors import ExpectedFailure
from pipeline.services.transcription import voice_encoder
from pipeline.services.transcription.engine import Engine, Machine
from pipeline.services.transcription.faster_whisper_engine import FasterWhisper
from pipeline.services.transcription.language import ENGLISH, SURE, tell_language
from pipeline.services.transcription.music import announcements_flagged
from pipeline.services.transcription.openai_whisper_engine import OpenaiWhisper
from pipeline.services.transcription.progress import Progress, Step
from pipeline.services.transcription.reading import words_of_channels, words_of_chunks
from pipeline.services.transcription.recording import Recording, listen
from pipeline.services.transcription.timeline import SpokenWord, utterances_of
from pipeline.services.transcription.trust import flagged
from pipeline.services.transcription.voices import by_voice, turns_in

__all__ = ["CPU", "ENGINES", "Machine", "load", "transcribe", "warm"]

ENGINES: dict[str, Callable[[str, Machine, Path], Engine]] = {
    "faster-whisper": FasterWhisper,
    "openai-whisper": OpenaiWhisper,
}
DEFAULT_ENGINE = "faster-whisper"
DEFAULT_MODEL = "base"
CPU = Machine()
TWO_VOICES = ("speaker 1", "speaker 2")


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
    models: Sequence[str] = (),
    machine: Machine = CPU,
    on_progress: Callable[[float, float], None] = lambda done, total: None,
) -> Transcript:
    """Write down a recording.

    ``language`` is a code ("" = detect, among those of the settings), ``channels`` names the speaker of each channel
    (empty = agent and customer), ``cache`` is a folder for models. ``hint`` is the media type that the file's name
    suggests. ``on_progress`` is told the seconds of it done and in all (0 while not yet known).

    ``model`` is the usual one; the settings may ask for one of ``models`` instead.

    Raises ExpectedFailure: LANGUAGE_UNSUPPORTED, MODEL_UNSUPPORTED, MODEL_LACKS_LANGUAGE, or as ``media.decoded`` for
    what cannot be read.
    """
    model = _allowed_model(settings.model, model, models)
    recognizer = load(engine, model, machine, cache)
    allowed = _allowed_languages(language, settings, recognizer)
    on_progress(0.0, 0.0)
    with listen(path, channels, settings.max_duration, hint) as recording:
        unnamed = len(recording.speakers) == 1 and len(channels) != 1
        progress = _progress(recording, on_progress, again=recognizer.rereads, voices=unnamed)
        code, probability = tell_language(recording, allowed, recognizer)
        read = words_of_chunks(recording, code, settings.vocabulary, recognizer, progress)
        spoken, withheld = words_of_channels(read, recording)
        if unnamed:
            spoken = by_voice(spoken[0], turns_in(recording.chunks, functools.partial(progress.add, Step.VOICES)))
        progress.end()
    told = {"language": code, "language_probability": round(probability, 4), "engine": engine, "model": model}
    return _written_down(recording, spoken, withheld, told)


def _progress(
    recording: Recording, on_progress: Callable[[float, float], None], *, again: bool, voices: bool
) -> Progress:
    """The progress of a recording that has been listened to: only then is known how long it is."""
    taken = {Step.READING_AGAIN: again, Step.VOICES: voices}
    progress = Progress(on_progress, recording.duration, [step for step in Step if taken.get(step, True)])
    progress.add(Step.LISTENING, 1.0)
    return progress


def _written_down(
    recording: Recording, spoken: Sequence[Sequence[SpokenWord]], withheld: Sequence[Withheld], told: dict[str, Any]
) -> Transcript:
    """The transcript of what each speaker says; ``told`` is what is known beside that."""
    two = len(spoken) > len(recording.speakers)
    utterances = utterances_of(spoken, TWO_VOICES if two else recording.speakers, one_channel=two)
    found = {
        Flag.SPEAKERS_BY_VOICE: two,
        Flag.UNSURE_LANGUAGE: bool(recording.chunks) and told["language_probability"] < SURE,
        Flag.HALLUCINATION: bool(withheld),
    }
    return Transcript(
        duration=round(recording.duration, 3),
        utterances=tuple(
            announcements_flagged([flagged(each, recording.loudness) for each in utterances], recording.loudness)
        ),
        channels=len(recording.speakers),
        flags=(*recording.flags, *(flag for flag, holds in found.items() if holds)),
        withheld=tuple(withheld),
        **told,
    )


def warm(engine: str, model: str, machine: Machine, cache: Path) -> None:
    """Load what transcription needs, so that the first call does not wait for it."""
    from faster_whisper.vad import get_vad_model

    load(engine, model, machine, cache)
    get_vad_model()
    voice_encoder.load()


@functools.cache
def load(engine: str, model: str, machine: Machine, cache: Path) -> Engine:
    """The recognizer of a name, loaded once a process. Raises ValueError for an engine that there is not."""
    if engine not in ENGINES:
        raise ValueError(f"There is no engine {engine!r}; there are {', '.join(ENGINES)}.")
    return ENGINES[engine](model, machine, cache)


def _allowed_model(asked: str, usual: str, models: Sequence[str]) -> str:
    """The model that a run is done with."""
    if asked and asked not in (usual, *models):
        raise ExpectedFailure(FailureCode.MODEL_UNSUPPORTED, "The model is none of those that this worker may load.")
    return asked or usual


def _allowed_languages(given: str, settings: Settings, recognizer: Engine) -> tuple[str, ...]:
    """The languages that a call may be in; one if it was given. A regional code (``fr-CA``) counts as its language."""
    code = given.lower().replace("_", "-").split("-")[0]
    if code and code not in settings.languages:
        raise ExpectedFailure(
            FailureCode.LANGUAGE_UNSUPPORTED, f"The language is none of {', '.join(settings.languages)}."
        )
    allowed = (code,) if code else settings.languages
    if not recognizer.multilingual and ENGLISH not in allowed:
        raise ExpectedFailure(FailureCode.MODEL_LACKS_LANGUAGE, f"The model reads English only, not {allowed[0]}.")
    return allowed
