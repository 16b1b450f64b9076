"""A recording is read by an engine, what is doubtful a second time, and what can hardly have been said is marked."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.documents import Flag, Settings
from pipeline.services import transcription
from pipeline.services.transcription.engine import HeardWord
from pipeline.services.transcription.faster_whisper_engine import FasterWhisper
from pipeline.services.transcription.loudness import FRAMES_PER_SECOND, loudness_of
from pipeline.services.transcription.progress import COSTS, Progress, Step
from pipeline.services.transcription.reading import words_of_channels, words_of_chunks
from pipeline.services.transcription.recording import Recording, listen
from pipeline.services.transcription.speech import SAMPLE_RATE, Chunk, Samples
from pipeline.services.transcription.timeline import SpokenWord, utterances_of
from pipeline.services.transcription.trust import Sound, flagged
from tests.recorded import recorded

RECORDING = Path(__file__).parents[1] / "data" / "two_speakers.flac"


SILENT = Progress(lambda done, total: None, 1.0, Step)


class Engine:
    """Hears nothing the first time, and a word the second."""

    multilingual = True

    def __init__(self, *, rereads: bool) -> None:
        self.rereads = rereads
        self.known = list[Sequence[str]]()

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        return {}

    def tokens_of(self, vocabulary: Sequence[str]) -> int:
        return sum(map(len, vocabulary))

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        self.known.append(vocabulary)
        yield from ((chunk, []) for chunk in chunks)

    def hear_again(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        self.known.append(vocabulary)
        yield from ((chunk, [HeardWord(text=" so", start=0.5, end=0.9, probability=0.9)]) for chunk in chunks)


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    with listen(RECORDING, (), 60.0) as recording:
        yield recording


@pytest.mark.parametrize("rereads", [True, False])
def test_what_is_doubtful_is_read_again_if_the_engine_would_read_it_otherwise(
    recording: Recording, rereads: bool
) -> None:
    read = words_of_chunks(recording, "en", (), Engine(rereads=rereads), SILENT)
    assert len(read) == len(recording.chunks)
    assert [bool(words) for _, words in read] == [rereads] * len(read)


class Overhearing(Engine):
    """Hears "so" at the end of every stretch the second time only, and nothing else."""

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        for chunk in chunks:
            end = chunk.spans[0][1] - chunk.spans[0][0]
            yield chunk, [HeardWord(text=" long", start=0.0, end=end / SAMPLE_RATE, probability=0.9)]

    def hear_again(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        self.stretches = [len(chunk.spans) for chunk in chunks]
        for chunk in chunks:
            at = np.cumsum([last - first for first, last in chunk.spans]) / SAMPLE_RATE
            yield chunk, [HeardWord(text=" so", start=end - 0.2, end=end - 0.1, probability=0.9) for end in at]


def test_what_two_chunks_left_out_is_read_at_once_and_put_where_it_was_said() -> None:
    audio = recorded(np.random.default_rng(1).normal(0, 0.1, 70 * SAMPLE_RATE))
    chunks = tuple(
        Chunk(audio=audio, channel=0, spans=tuple((SAMPLE_RATE * a, SAMPLE_RATE * b) for a, b in spans))
        for spans in (((0, 20), (25, 26)), ((30, 50), (60, 61)))
    )
    sound = Sound(frames=np.full(70 * FRAMES_PER_SECOND, 0.1, np.float32), floor=0.01)
    recording = Recording(
        duration=70.0, speakers=("agent",), chunks=chunks, loudness=loudness_of(audio), sounds=(sound,), flags=()
    )
    engine = Overhearing(rereads=True)
    read = words_of_chunks(recording, "en", (), engine, SILENT)
    assert engine.stretches == [2]
    assert [[(word.text, round(word.end, 1)) for word in words] for _, words in read] == [
        [("long", 20.0), ("so", 25.9)], [("long", 50.0), ("so", 60.9)]
    ]  # fmt: skip


class Failing(Engine):
    """Breaks down after the last chunk of a channel, while that is read again."""

    reader: threading.Thread

    def __init__(self, *, rereads: bool) -> None:
        super().__init__(rereads=rereads)
        self.failed = threading.Event()
        self.ended = False

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        yield from ((chunk, []) for chunk in chunks)
        self.failed.set()
        raise RuntimeError("no memory")

    def hear_again(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        self.reader = threading.current_thread()
        self.failed.wait(10)
        self.ended = True
        yield from ()


def test_no_reading_goes_on_when_another_failed(recording: Recording) -> None:
    engine = Failing(rereads=True)
    with pytest.raises(RuntimeError, match="no memory"):
        words_of_chunks(recording, "en", (), engine, SILENT)
    assert engine.ended
    assert not engine.reader.is_alive()


def test_each_reading_has_its_share_of_the_progress(recording: Recording) -> None:
    told = list[float]()
    progress = Progress(lambda done, total: told.append(done), sum(COSTS.values()), Step)
    words_of_chunks(recording, "en", (), Engine(rereads=True), progress)
    chunks = len(recording.chunks)
    assert len(told) == 2 * chunks
    assert told == sorted(told)
    assert told[chunks - 1] == pytest.approx(COSTS[Step.LISTENING] + COSTS[Step.READING])
    assert told[-1] == pytest.approx(sum(COSTS.values()) - COSTS[Step.VOICES])


@pytest.mark.parametrize(
    ("vocabulary", "known"),
    [
        ((), ()),
        (("x" * 100, "y" * 123), ("x" * 100, "y" * 123)),
        (("x" * 100, "y" * 124, "z"), ("x" * 100,)),
        (("x" * 224,), ()),
    ],
)
def test_of_a_vocabulary_the_first_whole_phrases_that_fit_are_known_in_both_readings(
    recording: Recording, vocabulary: tuple[str, ...], known: tuple[str, ...]
) -> None:
    engine = Engine(rereads=True)
    words_of_chunks(recording, "en", vocabulary, engine, SILENT)
    assert engine.known == [known] * (1 + len(recording.speakers))


def spoken(texts: Sequence[str], pause: float) -> list[SpokenWord]:
    """Words of 0.3 s, with a pause after each that ends a sentence."""
    words, at = list[SpokenWord](), 0.0
    for text in texts:
        words.append(SpokenWord(text=text, start=at, end=at + 0.3, probability=0.9))
        at += 0.3 + pause * text.endswith(".")
    return words


@pytest.mark.parametrize(
    ("texts", "flags"),
    [
        (["Thank", "you."] * 15, {(Flag.HALLUCINATION,)}),
        ([f"Word{number}." if number % 2 else f"say{number}" for number in range(30)], {()}),
    ],
    ids=["a loop", "sentences"],
)
def test_a_loop_is_flagged_also_where_pauses_cut_it_into_utterances(
    texts: list[str], flags: set[tuple[str, ...]]
) -> None:
    words = spoken(texts, pause=1.1)
    seconds = int(words[-1].end) + 1
    audio = recorded(np.random.default_rng(1).normal(0, 0.1, seconds * SAMPLE_RATE))
    chunk = Chunk(audio=audio, channel=0, spans=((0, seconds * SAMPLE_RATE),))
    sound = Sound(frames=np.full(seconds * FRAMES_PER_SECOND, 0.1, np.float32), floor=0.01)
    recording = Recording(
        duration=seconds, speakers=("agent",), chunks=(chunk,), loudness=loudness_of(audio), sounds=(sound,), flags=()
    )
    kept, _ = words_of_channels([(chunk, words)], recording)
    utterances = [flagged(each, recording.loudness) for each in utterances_of(kept, recording.speakers)]
    assert len(utterances) == 15
    assert {each.flags for each in utterances} == flags


class Inventive(Engine):
    """Writes a word over the silence behind what is said."""

    def hear(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        for chunk in chunks:
            end = chunk.duration - 0.02
            yield chunk, [HeardWord(text=" so", start=end - 0.1, end=end, probability=0.9)]


def test_a_call_of_which_words_are_withheld_is_flagged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transcription.ENGINES, "inventive", lambda model, machine, cache: Inventive(rereads=False))
    transcript = transcription.transcribe(
        RECORDING, settings=Settings(languages=("en",)), cache=tmp_path, engine="inventive"
    )
    assert transcript.withheld
    assert Flag.HALLUCINATION in transcript.flags


def test_words_alone_are_read_first_then_the_channel_with_the_most_stretches_by_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audio = recorded(np.zeros((2, 0)))

    def chunk(channel: int, *seconds: int) -> Chunk:
        spans = tuple(
            (SAMPLE_RATE * 30 * place, SAMPLE_RATE * (30 * place + each)) for place, each in enumerate(seconds)
        )
        return Chunk(audio=audio, channel=channel, spans=spans)

    agent, brief, talk, less, word = chunk(0, 25), chunk(0, 10), chunk(1, 9, 8, 5), chunk(1, 15), chunk(0, 1)
    batches = list[list[Chunk]]()

    def hear_batch(self: FasterWhisper, chunks: list[Chunk], *told: object) -> list[list[HeardWord]]:
        batches.append(chunks)
        return [[] for _ in chunks]

    monkeypatch.setattr(FasterWhisper, "_hear_batch", hear_batch)
    engine = FasterWhisper.__new__(FasterWhisper)
    engine._workers, engine._batch = 1, 2
    read = [each for each, _ in engine.hear([brief, agent, word, less, talk], "en", ())]
    assert read == [word, talk, less, agent, brief]
    assert batches == [[word], [talk, less], [agent, brief]]
