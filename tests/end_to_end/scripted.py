"""The real services, but for transcription: what it hears is written in the recording, so no model is needed.

A scripted recording is a WAV file of noise with a chunk of its own, which holds who says what. All that follows is the
real thing: entities, anonymization, redaction, tags.
"""

import io
import json
import struct
import wave

import numpy as np

from pipeline import bus, tasks
from pipeline.bus import GPU
from pipeline.documents import Settings, Transcript, Utterance, Word
from pipeline.events import ConversationReceived, ConversationTranscribed
from pipeline.service import load, local_copy, save, service

app = bus.app()
assert tasks.WARM_LANGUAGES  # the five are registered; one is replaced below
SPEAKERS, RATE, SECONDS_A_WORD, CHUNK = ("agent", "customer"), 8000, 0.2, b"said"
Said = list[tuple[str, str]]


def recording(said: Said, title: str) -> bytes:
    """A two-channel WAV of noise, as long as what is said takes, with a title as recorders write it."""
    seconds = sum(len(text.split()) for _, text in said) * SECONDS_A_WORD + 1
    noise = np.random.default_rng(len(title)).integers(-3000, 3000, (int(seconds * RATE), 2), dtype=np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(2)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(noise.tobytes())
    content = file.getvalue() + chunk(b"LIST", b"INFO" + chunk(b"INAM", title.encode())) + chunk(CHUNK, packed(said))
    return content[:4] + struct.pack("<I", len(content) - 8) + content[8:]


def chunk(name: bytes, content: bytes) -> bytes:
    """A part of a RIFF file, of even length."""
    content += b"\0" * (len(content) % 2)
    return name + struct.pack("<I", len(content)) + content


def packed(said: Said) -> bytes:
    """What is said, as JSON."""
    return json.dumps(said).encode()


def script_in(content: bytes) -> Said:
    """What is said in a scripted recording. For what is none it crashes, with all of it in the error's text."""
    if CHUNK not in content:
        raise ValueError(content.decode("utf-8", "replace"))
    where = content.rindex(CHUNK)
    size = struct.unpack_from("<I", content, where + 4)[0]
    return [(speaker, text) for speaker, text in json.loads(content[where + 8 : where + 8 + size].rstrip(b"\0"))]


@service("transcription", queue=GPU)
def transcribe(event: ConversationReceived) -> ConversationTranscribed:
    """Write down what the recording says that it says."""
    load(event.settings, Settings)
    with local_copy(event.audio) as audio:
        said = script_in(audio.read_bytes())
    transcript = written_down(said, event.language or "en")
    return ConversationTranscribed(
        audio=event.audio, settings=event.settings, transcript=save("raw", transcript),
        language=transcript.language, duration=transcript.duration,
    )  # fmt: skip


def written_down(said: Said, language: str) -> Transcript:
    """The transcript of a script: one utterance after the other, each word as long as any."""
    utterances, now = [], 0.5
    for index, (speaker, text) in enumerate(said):
        starts = [now + SECONDS_A_WORD * place for place in range(len(text.split()))]
        words = tuple(
            Word(text=word, start=round(start, 3), end=round(start + SECONDS_A_WORD, 3))
            for start, word in zip(starts, text.split(), strict=True)
        )
        utterances.append(
            Utterance(
                index=index, speaker=speaker, channel=SPEAKERS.index(speaker), start=now, end=words[-1].end or now,
                text=text, words=words,
            )
        )  # fmt: skip
        now = words[-1].end or now
    return Transcript(
        language=language, duration=round(now + 0.5, 3), utterances=tuple(utterances), channels=2, engine="scripted"
    )
