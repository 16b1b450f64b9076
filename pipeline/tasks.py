"""The architecture on one screen: one function an arrow, its signature is the edge.

A task fetches, calls a service, stores and answers. What it does is in ``services/``; when, how often and on which
machine is the ledger's affair.
"""

from functools import partial

from msgspec.structs import replace

from pipeline.bus import CPU, GPU
from pipeline.config import config
from pipeline.documents import Corrections, Entities, Settings, Transcript
from pipeline.events import (
    AudioRedacted,
    ConversationQualified,
    ConversationReceived,
    ConversationTranscribed,
    EntitiesTagged,
    RedactionCorrected,
    SpeakersSwapped,
    TranscriptAnonymized,
)
from pipeline.service import load, local_copy, report, save, save_file, scratch, service
from pipeline.services import (
    anonymization,
    audio_redaction,
    entity_tagging,
    naming,
    qualification,
    redaction_proof,
    transcription,
)
from pipeline.services.transcription.weights import digest_of

WARM_LANGUAGES = Settings().languages
ENGINE, MODEL, MACHINE, CACHE = (
    config().asr_engine,
    config().asr_model,
    transcription.Machine(**config().asr_machine),
    config().models,
)
write_down = partial(
    transcription.transcribe, engine=ENGINE, model=MODEL, models=config().asr_models, machine=MACHINE, cache=CACHE
)
hear_again = partial(
    transcription.load, ENGINE, config().proof_model, transcription.Machine(threads=config().proof_threads), CACHE
)
redact_and_prove = partial(
    redaction_proof.redact, engine=hear_again, proof_model=f"{ENGINE}/{config().proof_model}",
    proof_weights=partial(digest_of, config().proof_model, CACHE), on_progress=report,
)  # fmt: skip


@service("transcription", queue=GPU, window=2, warm=partial(transcription.warm, ENGINE, MODEL, MACHINE, CACHE))
def transcribe(event: ConversationReceived) -> ConversationTranscribed:
    """Write down what is said."""
    settings = load(event.settings, Settings)
    with local_copy(event.audio) as audio:
        transcript = write_down(
            audio, hint=event.audio.media_type, settings=settings, language=event.language, channels=event.channels,
            on_progress=report,
        )  # fmt: skip
    utterances = naming.named_by_voice(transcript.utterances, event.voices)
    return ConversationTranscribed(
        audio=event.audio, settings=event.settings, transcript=save("raw", replace(transcript, utterances=utterances)),
        language=transcript.language, duration=transcript.duration,
    )  # fmt: skip


@service("entity_tagging", queue=CPU, warm=partial(entity_tagging.warm, WARM_LANGUAGES))
def tag_entities(event: ConversationTranscribed) -> EntitiesTagged:
    """Find the named things in it."""
    entities = entity_tagging.tag_entities(load(event.transcript, Transcript))
    return EntitiesTagged(
        audio=event.audio, settings=event.settings, transcript=event.transcript, entities=save("raw", entities),
        language=event.language, duration=event.duration,
    )  # fmt: skip


@service("anonymization", queue=CPU, warm=partial(anonymization.warm, WARM_LANGUAGES))
def anonymize(event: EntitiesTagged | RedactionCorrected) -> TranscriptAnonymized:
    """Take personal data out of the words."""
    transcript, entities = load(event.transcript, Transcript), load(event.entities, Entities)
    corrections = load(event.corrections, Corrections) if isinstance(event, RedactionCorrected) else Corrections()
    settings = load(event.settings, Settings)
    safe = anonymization.anonymize(transcript, entities, settings.redaction, corrections, settings.hidden_before)
    return TranscriptAnonymized(
        audio=event.audio, settings=event.settings, transcript=save("safe", safe.transcript),
        entities=save("safe", safe.entities), language=event.language, duration=event.duration,
    )  # fmt: skip


@service("audio_redaction", queue=CPU, warm=partial(redaction_proof.warm, hear_again))
def redact_audio(event: TranscriptAnonymized) -> AudioRedacted:
    """Take personal data out of the sound, and hear whether it is gone."""
    transcript, settings = load(event.transcript, Transcript), load(event.settings, Settings)
    with local_copy(event.audio) as audio, scratch() as out:
        hint, stored = event.audio.media_type, event.settings.sha256
        proven = redact_and_prove(audio, transcript, settings, out=out, hint=hint, settings_sha256=stored)
        master = save_file(proven.audio.master, audio_redaction.MASTER_TYPE)
        player = save_file(proven.audio.player, audio_redaction.PLAYER_TYPE)
    peaks, receipt = save("safe", proven.audio.peaks), save("safe", proven.receipt)
    return AudioRedacted(master=master, player=player, peaks=peaks, receipt=receipt)


@service("qualification", queue=CPU)
def qualify(event: TranscriptAnonymized | SpeakersSwapped) -> ConversationQualified:
    """Say what it is about."""
    taxonomy = load(event.settings, Settings).taxonomy
    return ConversationQualified(tags=save("safe", qualification.qualify(load(event.transcript, Transcript), taxonomy)))
