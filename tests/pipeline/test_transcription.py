"""From a recording to a transcript, by real models."""

import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.documents import Flag, Settings, Transcript, decode, encode
from pipeline.events import FailureCode
from pipeline.services import media, transcription
from pipeline.services.errors import ExpectedFailure
from pipeline.services.transcription import faster_whisper_engine, speech
from pipeline.services.transcription.engine import Machine
from pipeline.services.transcription.faster_whisper_engine import FasterWhisper
from pipeline.services.transcription.openai_whisper_engine import OpenaiWhisper
from tests.recorded import recorded

TWO_SPEAKERS = Path(__file__).parents[1] / "data" / "two_speakers.flac"
ENGLISH = Settings(languages=("en",))
RATE = 8000

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # openai-whisper's vocabulary

Samples = npt.NDArray[np.float32]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def transcribe(cache: Path, tmp_path: Path) -> Callable[..., Transcript]:
    """Transcribe samples, given as (channels, samples) at 8 kHz, quickly."""

    def run(samples: Samples, **options: object) -> Transcript:
        path = tmp_path / "call.au"
        header = media.AU_HEADER.pack(b".snd", media.AU_HEADER.size, 0xFFFFFFFF, 6, RATE, len(samples))  # 6: float
        path.write_bytes(header + samples.T.astype(">f4").tobytes())
        options = {"settings": ENGLISH, "cache": cache, "model": "tiny.en", **options}
        return transcription.transcribe(path, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def call() -> Samples:
    """The call of two speakers: agent, customer."""
    return np.array(media.decode(TWO_SPEAKERS, sample_rate=RATE))


@pytest.fixture(scope="module", params=["faster-whisper", "openai-whisper"])
def transcript(request: pytest.FixtureRequest, cache: Path) -> Iterator[Transcript]:
    """The call of two speakers, by each engine with the same weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_DISABLE_JIT", "1")  # openai-whisper's word times: compiling them takes longer than running
        patch.setenv("OMP_NUM_THREADS", "1")  # torch's threads wait for each other when other tests run beside them
        yield transcription.transcribe(
            TWO_SPEAKERS, settings=ENGLISH, cache=cache, engine=request.param, model="tiny.en"
        )


@pytest.mark.parametrize("engine", transcription.ENGINES)
def test_an_engine_reads_again_whatever_it_is_given_in_order(
    engine: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof of redacted audio hears by nothing else."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    audio = recorded(media.decode(TWO_SPEAKERS)[0])
    chunks = [
        speech.Chunk(audio=audio, channel=0, spans=((first * 16000, last * 16000),)) for first, last in ((6, 9), (0, 4))
    ]
    again = list(transcription.load(engine, "tiny.en", transcription.CPU, cache).hear_again(chunks, "en", ()))
    assert [chunk for chunk, _ in again] == chunks
    said = [plain("".join(word.text for word in heard)).strip() for _, heard in again]
    assert said == ["i am sorry about that", "thank you for calling how can i help you today"]


@pytest.mark.parametrize("engine", transcription.ENGINES)
def test_an_engine_counts_the_tokens_of_a_vocabulary(engine: str, cache: Path) -> None:
    recognizer = transcription.load(engine, "tiny.en", transcription.CPU, cache)
    two, four = (recognizer.tokens_of(["Blue Wave"] * count) for count in (2, 4))
    assert 4 <= two <= 6
    assert 2 * two <= four <= 2 * two + 1  # a comma more


def plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ")


def test_two_channels_are_two_speakers_who_take_turns(transcript: Transcript) -> None:
    said = [(utterance.speaker, utterance.channel, plain(utterance.text)) for utterance in transcript.utterances]
    assert said == [
        ("agent", 0, "thank you for calling how can i help you today"),
        ("customer", 1, "my washing machine is broken and it leaks"),
        ("agent", 0, "i am sorry about that"),
    ]


def test_a_transcript_says_what_it_is_of(transcript: Transcript) -> None:
    assert transcript.duration == pytest.approx(9.0, abs=0.01)
    assert (transcript.language, transcript.channels, transcript.model) == ("en", 2, "tiny.en")
    assert transcript.engine in transcription.ENGINES
    assert transcript.flags == ()


def test_words_are_where_they_are_said(transcript: Transcript) -> None:
    """The recording was put together from three sentences, whose starts are in ``make_two_speakers.sh``."""
    starts = [utterance.start for utterance in transcript.utterances]
    assert starts == pytest.approx([0.2, 3.3, 7.0], abs=0.4)
    for utterance in transcript.utterances:
        assert utterance.text == " ".join(word.text for word in utterance.words)
        assert utterance.start == utterance.words[0].start
        assert utterance.end == utterance.words[-1].end
        assert 0 < utterance.confidence <= 1
        for word in utterance.words:
            assert word.start is not None
            assert word.end is not None
            assert 0 <= word.start <= word.end <= transcript.duration
            assert 0 <= word.probability <= 1
        assert all((a.start or 0) <= (b.start or 0) for a, b in pairwise(utterance.words))


def test_a_transcript_travels_as_json(transcript: Transcript) -> None:
    assert decode(encode(transcript), Transcript) == transcript


def test_the_upload_names_the_speakers(transcribe: Callable[..., Transcript], call: Samples) -> None:
    result = transcribe(call, channels=("Jo", "Sam"))
    assert {utterance.speaker for utterance in result.utterances} == {"Jo", "Sam"}


@pytest.mark.parametrize(
    "samples", [lambda call: call, lambda call: call[:1], lambda call: 0 * call], ids=["stereo", "mono", "silence"]
)
def test_progress_is_told_up_to_the_end(
    transcribe: Callable[..., Transcript], call: Samples, samples: Callable[[Samples], Samples]
) -> None:
    told: list[tuple[float, float]] = []
    transcribe(samples(call), on_progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[0] == (0.0, 0.0)
    assert told[-1] == pytest.approx((9.0, 9.0), abs=0.01)
    assert told[-1][0] == told[-1][1]


def test_a_mono_call_has_one_speaker(transcribe: Callable[..., Transcript], call: Samples) -> None:
    result = transcribe(call[:1])
    assert {utterance.speaker for utterance in result.utterances} == {"speaker"}
    assert (result.channels, result.flags) == (1, ())


def test_two_people_on_one_channel_are_told_apart_by_voice(
    transcribe: Callable[..., Transcript], call: Samples
) -> None:
    result = transcribe(np.tile(call.sum(axis=0, keepdims=True), 2))
    said = [(utterance.speaker, utterance.channel, plain(utterance.text)) for utterance in result.utterances]
    assert said[:2] == [
        ("speaker 1", 0, "thank you for calling how can i help you today"),
        ("speaker 2", 0, "my washing machine is broken and it leaks"),
    ]
    assert (result.channels, result.flags) == (1, (Flag.SPEAKERS_BY_VOICE,))


def test_a_mono_call_whose_speaker_is_named_has_one(transcribe: Callable[..., Transcript], call: Samples) -> None:
    result = transcribe(call.sum(axis=0, keepdims=True), channels=("Jo",))
    assert {utterance.speaker for utterance in result.utterances} == {"Jo"}


def test_two_channels_with_the_same_sound_are_one_speaker(transcribe: Callable[..., Transcript], call: Samples) -> None:
    result = transcribe(np.stack([call[0], call[0] / 2]))
    assert {utterance.speaker for utterance in result.utterances} == {"speaker"}
    assert result.flags == (Flag.DUAL_MONO,)
    assert result.channels == 1


@pytest.mark.parametrize("noise", [0.0, 1e-4], ids=["digital silence", "a hiss"])
def test_a_silent_channel_is_said_to_be_silent(
    transcribe: Callable[..., Transcript], call: Samples, noise: float
) -> None:
    call = call.copy()
    call[1] = np.random.default_rng(1).normal(0, noise, call.shape[1]) + 0.05  # an offset is no sound
    result = transcribe(call)
    assert result.flags == (Flag.SILENT_CHANNEL,)
    assert {utterance.speaker for utterance in result.utterances} == {"agent"}


def seconds(count: float) -> Samples:
    return np.arange(int(count * RATE)) / RATE  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("sound", "flags"),
    [
        (0 * seconds(5), {Flag.NO_SPEECH, Flag.SILENT_CHANNEL}),
        (0 * seconds(0.05), {Flag.NO_SPEECH, Flag.SILENT_CHANNEL}),
        (np.random.default_rng(1).normal(0, 0.1, 5 * RATE), {Flag.NO_SPEECH}),
        (0.3 * np.sin(2 * np.pi * 440 * seconds(5)), {Flag.NO_SPEECH}),
        (0.3 * np.sin(2 * np.pi * 350 * seconds(5)) + 0.3 * np.sin(2 * np.pi * 440 * seconds(5)), {Flag.NO_SPEECH}),
    ],
    ids=["silence", "a twentieth of a second", "white noise", "a beep", "a dial tone"],
)
def test_where_nobody_speaks_nothing_is_written(
    transcribe: Callable[..., Transcript], sound: Samples, flags: set[Flag]
) -> None:
    result = transcribe(sound[np.newaxis])
    assert result.utterances == ()
    assert set(result.flags) == flags


@pytest.mark.parametrize(
    ("given", "languages", "code"),
    [
        ("de", ("en", "fr"), FailureCode.LANGUAGE_UNSUPPORTED),
        ("en", ("fr",), FailureCode.LANGUAGE_UNSUPPORTED),
        ("fr", ("en", "fr"), FailureCode.MODEL_LACKS_LANGUAGE),  # the settings have it
        ("", ("fr",), FailureCode.MODEL_LACKS_LANGUAGE),
    ],
)
def test_a_language_is_refused_that_the_settings_or_the_model_do_not_have(
    transcribe: Callable[..., Transcript], given: str, languages: tuple[str, ...], code: FailureCode
) -> None:
    with pytest.raises(ExpectedFailure) as failure:
        transcribe(np.zeros((1, RATE)), language=given, settings=Settings(languages=languages), model="tiny.en")
    assert failure.value.code == code


@pytest.mark.parametrize(
    ("sound", "options", "told", "flags"),
    [
        (1.0, {"model": "tiny.en", "language": "en"}, ("en", 1.0), ()),
        (1.0, {"model": "tiny.en"}, ("en", 0.0), (Flag.UNSURE_LANGUAGE,)),
        (0.0, {"model": "tiny.en"}, ("en", 0.0), (Flag.SILENT_CHANNEL, Flag.NO_SPEECH)),
        (0.0, {"model": "base"}, ("fr", 0.0), (Flag.SILENT_CHANNEL, Flag.NO_SPEECH)),
    ],
    ids=["given", "a model that reads no other", "that, of silence", "silence"],
)
def test_a_language_that_was_not_heard_is_not_claimed(
    transcribe: Callable[..., Transcript], call: Samples, sound: float, options: dict[str, str],
    told: tuple[str, float], flags: tuple[Flag, ...],
) -> None:  # fmt: skip
    result = transcribe(sound * call[:1, : 3 * RATE], settings=Settings(languages=("fr", "en")), **options)
    assert (result.language, result.language_probability) == told
    assert result.flags == flags


@pytest.mark.parametrize("code", ["en", "en-GB", "EN_us"])
def test_a_regional_code_stands_for_its_language(
    transcribe: Callable[..., Transcript], call: Samples, code: str
) -> None:
    assert transcribe(call[:, : 3 * RATE], language=code).language == "en"


@pytest.mark.parametrize(
    ("languages", "found", "likely"),
    [(("fr", "en"), {"en"}, True), (("fr", "ja"), {"fr", "ja"}, False)],
    ids=["among those supported", "only among those supported"],
)
def test_the_language_is_detected(
    transcribe: Callable[..., Transcript], call: Samples, languages: tuple[str, ...], found: set[str], likely: bool
) -> None:
    result = transcribe(call, settings=Settings(languages=languages), model="base")
    assert result.language in found
    assert (result.language_probability > 0.5) == likely


def test_a_recording_longer_than_the_setting_is_refused(transcribe: Callable[..., Transcript]) -> None:
    with pytest.raises(ExpectedFailure) as failure:
        transcribe(np.zeros((1, 3 * RATE)), settings=Settings(languages=("en",), max_duration=2.0))
    assert failure.value.code == FailureCode.AUDIO_TOO_LONG


def test_a_word_or_two_are_read_behind_silence_and_keep_their_times(cache: Path) -> None:
    audio = recorded(media.decode(TWO_SPEAKERS)[0])
    rate = speech.SAMPLE_RATE
    short, long = (speech.Chunk(audio=audio, channel=0, spans=((0, seconds * rate // 2),)) for seconds in (3, 6))
    assert (short.short, long.short) == (True, False)
    recognizer = transcription.load("faster-whisper", "tiny.en", transcription.CPU, cache)
    read = dict(recognizer.hear([long, short], "en", ()))
    times = {chunk: [(word.text, word.start) for word in words[:3]] for chunk, words in read.items()}
    assert [text for text, _ in times[short]] == [text for text, _ in times[long]]
    assert [start for _, start in times[short]] == pytest.approx([start for _, start in times[long]], abs=0.3)


def test_the_absence_of_openai_whisper_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "whisper", None)
    with pytest.raises(RuntimeError, match=r"requirements-gpu\.txt"):
        OpenaiWhisper("tiny.en", transcription.CPU, tmp_path)


def test_an_engine_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="faster-whisper, openai-whisper"):
        transcription.warm("siri", "base", transcription.CPU, tmp_path)


@pytest.mark.parametrize(
    ("machine", "known", "chosen"),
    [
        (Machine(), {"float16"}, {"device": "cpu", "compute_type": "int8", "num_workers": 2}),
        (Machine(device="cuda"), {"float16", "int8_float32"}, {"device": "cuda", "compute_type": "float16", "num_workers": 1}),
        (Machine(device="cuda"), {"int8_float32", "float32"}, {"device": "cuda", "compute_type": "int8_float32"}),
        (Machine(device="cuda", threads=3, compute_type="int8"), set(), {"compute_type": "int8", "num_workers": 3}),
    ],
    ids=["a processor", "a card", "a card without fast halves", "as it is set"],
)  # fmt: skip
def test_what_a_model_runs_on_is_chosen_from_the_machine_unless_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: Machine, known: set[str], chosen: dict[str, object]
) -> None:
    loaded: dict[str, object] = {}

    class Loaded:
        def __init__(self, _folder: str, **options: object) -> None:
            loaded.update(options)
            self.model = type("Model", (), {"is_multilingual": True})

    monkeypatch.setattr("faster_whisper.WhisperModel", Loaded)
    monkeypatch.setattr("ctranslate2.get_supported_compute_types", lambda _device: known)
    monkeypatch.setattr(faster_whisper_engine, "cores", lambda: 2)
    FasterWhisper("tiny.en", machine, tmp_path)
    assert loaded.items() >= chosen.items()


@pytest.mark.parametrize(
    ("machine", "threads", "half"),
    [
        (Machine(), [], False),
        (Machine(threads=3, compute_type="float16"), [3], False),  # a processor has no halves
        (Machine(device="cuda"), [], True),
        (Machine(device="cuda", compute_type="float32"), [], False),
    ],
)
def test_openai_whisper_runs_on_what_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: Machine, threads: list[int], half: bool
) -> None:
    asked: list[object] = []

    class Loaded:
        is_multilingual = True

        def transcribe(self, samples: Samples, **options: object) -> dict[str, list[object]]:
            asked.append(options["fp16"])
            return {"segments": []}

    chosen: list[int] = []
    monkeypatch.setattr("torch.set_num_threads", chosen.append)
    monkeypatch.setattr("whisper.load_model", lambda _name, **_options: Loaded())
    chunk = speech.Chunk(audio=recorded(np.zeros(16000)), channel=0, spans=((0, 16000),))
    list(OpenaiWhisper("large-v3", machine, tmp_path).hear([chunk], "en", ()))
    assert (chosen, asked) == (threads, [half])


@pytest.mark.parametrize(
    ("asked", "usual", "offered", "read"),
    [("tiny.en", "base", ("tiny.en",), True), ("large", "tiny.en", ("base",), False)],
)
def test_a_run_may_ask_for_a_model_that_is_offered(
    transcribe: Callable[..., Transcript], call: Samples, asked: str, usual: str, offered: tuple[str, ...], read: bool
) -> None:
    options = {"settings": Settings(languages=("en",), model=asked), "model": usual, "models": offered}
    if read:
        assert transcribe(call[:1, : 2 * RATE], **options).model == asked
    else:
        with pytest.raises(ExpectedFailure) as failure:
            transcribe(call[:1, : 2 * RATE], **options)
        assert failure.value.code == FailureCode.MODEL_UNSUPPORTED
