"""Stand-ins for the five services: their names, events, queues and blobs, without the models.

All around them is the real thing: tasks, heartbeats, memos, failures, sealing, storage.
"""

import os
import signal

import msgspec
from msgspec.structs import replace

from pipeline import bus
from pipeline.bus import CPU, GPU
from pipeline.documents import Entities, Entity, Peaks, Tag, Tags, Transcript, Utterance
from pipeline.events import (
    AudioRedacted,
    Blob,
    ConversationQualified,
    ConversationReceived,
    ConversationTranscribed,
    EntitiesTagged,
    TranscriptAnonymized,
)
from pipeline.service import load, local_copy, save, save_file, scratch, service
from tests.chaos.invented import LEASE, InventedCall, work_on

app = bus.app()


def listen(audio: Blob, name: str) -> InventedCall:
    """Read the call, and take the time of the service; or die of it."""
    with local_copy(audio) as path:
        call = msgspec.json.decode(path.read_bytes(), type=InventedCall)
    work_on(call, name)
    if call.poison == name:
        os.kill(os.getpid(), signal.SIGKILL)
    return call


@service("transcription", queue=GPU, lease=LEASE)
def transcribe(event: ConversationReceived) -> ConversationTranscribed:
    """Write down the number of the call and its canary."""
    call = listen(event.audio, "transcription")
    said = Utterance(index=0, speaker="agent", channel=0, start=0.0, end=1.0, text=f"call {call.number} {call.canary}")
    transcript = Transcript(language="en", duration=1.0, utterances=(said,))
    return ConversationTranscribed(
        audio=event.audio, settings=event.settings, transcript=save("raw", transcript), language="en", duration=1.0
    )


@service("entity_tagging", queue=CPU, lease=LEASE)
def tag_entities(event: ConversationTranscribed) -> EntitiesTagged:
    """Find one entity."""
    listen(event.audio, "entity_tagging")
    load(event.transcript, Transcript)
    entities = Entities(entities=(Entity(utterance=0, label="ORG", start_char=0, end_char=4),))
    return EntitiesTagged(
        audio=event.audio, settings=event.settings, transcript=event.transcript, entities=save("raw", entities),
        language=event.language, duration=event.duration,
    )  # fmt: skip


@service("anonymization", queue=CPU, lease=LEASE)
def anonymize(event: EntitiesTagged) -> TranscriptAnonymized:
    """Hide the canary."""
    call = listen(event.audio, "anonymization")
    transcript, entities = load(event.transcript, Transcript), load(event.entities, Entities)
    said = tuple(replace(each, text=each.text.replace(call.canary, "[NAME_1]")) for each in transcript.utterances)
    transcript = replace(transcript, utterances=said)
    return TranscriptAnonymized(
        audio=event.audio, settings=event.settings, transcript=save("safe", transcript),
        entities=save("safe", entities), language=event.language, duration=event.duration,
    )  # fmt: skip


@service("audio_redaction", queue=CPU, lease=LEASE)
def redact_audio(event: TranscriptAnonymized) -> AudioRedacted:
    """Make two files and a waveform."""
    call = listen(event.audio, "audio_redaction")
    load(event.transcript, Transcript)
    with scratch() as folder:
        (folder / "master").write_bytes(f"master of call {call.number} ".encode() * 100)
        (folder / "player").write_bytes(f"player of call {call.number} ".encode() * 10)
        master = save_file(folder / "master", "audio/flac")
        player = save_file(folder / "player", "audio/mpeg")
    return AudioRedacted(
        master=master, player=player, peaks=save("safe", Peaks(per_second=1, duration=1.0, channels=((0.5,),)))
    )


@service("qualification", queue=CPU, lease=LEASE)
def qualify(event: TranscriptAnonymized) -> ConversationQualified:
    """Give one tag."""
    call = listen(event.audio, "qualification")
    load(event.transcript, Transcript)
    tag = Tag(tag="invented", name=f"Invented {call.number}", provenance="rule:chaos")
    return ConversationQualified(tags=save("safe", Tags(tags=(tag,))))
