"""The proof of a redaction: by the smallest real model, on a sample call of which personal data is left on purpose."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from pipeline.documents import Cause, Cut, Redaction, RedactionPolicy, Settings, Transcript, Utterance, Word, encode
from pipeline.events import QuarantineReason
from pipeline.services import anonymization, entity_tagging, media, redaction_proof, transcription
from pipeline.services.anonymization import Span
from pipeline.services.audio_redaction import CutRecording, Recording, RedactedAudio, beep, redact, silence
from pipeline.services.redaction_proof import hearing
from pipeline.services.redaction_proof.hearing import Window, windows_of
from pipeline.services.transcription import speech
from pipeline.services.transcription.engine import Engine, HeardWord
from pipeline.services.transcription.speech import Chunk
from pipeline.services.transcription.weights import CARRIED, digest_of
from tests.pipeline.recordings import ffmpeg

pytestmark = [  # of openai-whisper: its vocabulary, and its beams that do not come to an end
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

SAMPLE = Path(__file__).parents[2] / "conversations" / "samples" / "billing-refund.flac"
POLICY = RedactionPolicy()
MODEL = "tiny.en"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module", params=["faster-whisper", "openai-whisper"])
def engine(request: pytest.FixtureRequest, cache: Path) -> Iterator[Engine]:
    """Each recognizer that there is, with the same weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_DISABLE_JIT", "1")  # openai-whisper's word times: compiling them takes longer than running
        patch.setenv("OMP_NUM_THREADS", "1")
        yield transcription.load(request.param, MODEL, transcription.CPU, cache)


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of a sample call, in which a name and an account number are said."""
    path = tmp_path_factory.mktemp("calls") / "call.flac"
    ffmpeg("-i", SAMPLE, "-ss", "15", "-t", "14", path)
    return path


@pytest.fixture(scope="module")
def safe(call: Path, cache: Path) -> Transcript:
    """What anonymization leaves of it."""
    english = Settings(languages=("en",))
    raw = transcription.transcribe(call, settings=english, cache=cache, language="en", model=MODEL)
    safe = anonymization.anonymize(raw, entity_tagging.tag_entities(raw), POLICY).transcript
    assert {"NAME", "ACCOUNT"} <= {redaction.label for redaction in safe.redactions}
    return safe


@pytest.fixture
def proved(call: Path, engine: Engine, tmp_path: Path) -> Callable[..., redaction_proof.Proven]:
    def prove(safe: Transcript, **options: object) -> redaction_proof.Proven:
        options = {"engine": lambda: engine, "proof_model": MODEL, "out": tmp_path, **options}
        return redaction_proof.redact(call, safe, Settings(redaction=POLICY), **options)  # type: ignore[arg-type]

    return prove


def account(safe: Transcript) -> Redaction:
    return next(redaction for redaction in safe.redactions if redaction.label == "ACCOUNT")


def test_a_call_that_is_redacted_well_passes_with_a_receipt_of_all_that_was_done(
    call: Path, safe: Transcript, proved: Callable[..., redaction_proof.Proven]
) -> None:
    weights = partial(digest_of, MODEL, call.parent)
    made = proved(safe, proof_weights=weights, settings_sha256="f" * 64)
    receipt = made.receipt
    assert (receipt.proof_sha256, receipt.settings_sha256) == (CARRIED[MODEL].sha256, "f" * 64)
    learned = Path(anonymization.__file__).with_name("weights.en.npz")
    assert receipt.detector_sha256 == hashlib.sha256(learned.read_bytes()).hexdigest()
    assert (receipt.verdict, receipt.reason, receipt.left) == ("passed", "", ())
    assert receipt.cuts == made.audio.cuts
    assert {cut.label for cut in receipt.cuts} == {redaction.label for redaction in safe.redactions}
    assert 0 < receipt.heard < safe.duration
    assert (receipt.pad, receipt.mode, receipt.proof_model) == (POLICY.pad, "silence", MODEL)
    assert receipt.model == "faster-whisper/tiny.en"
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (call, made.audio.master, made.audio.player)]
    assert [receipt.raw_sha256, receipt.master_sha256, receipt.player_sha256] == hashes
    assert b"Wellington" not in encode(receipt)


def test_a_beep_is_no_leak(call: Path, safe: Transcript, engine: Engine, tmp_path: Path) -> None:
    settings = Settings(redaction=RedactionPolicy(mode="beep"))
    made = redaction_proof.redact(call, safe, settings, out=tmp_path, engine=lambda: engine, proof_model=MODEL)
    assert (made.receipt.verdict, made.receipt.widened) == ("passed", ())


def test_a_stretch_left_uncut_is_found_and_cut(safe: Transcript, proved: Callable[..., redaction_proof.Proven]) -> None:
    """The transcript has the placeholder, but nobody told redaction of it."""
    hidden = account(safe)
    forgotten = msgspec.structs.replace(safe, redactions=tuple(each for each in safe.redactions if each != hidden))
    made = proved(forgotten)
    assert made.receipt.verdict == "passed"
    assert "ACCOUNT" in {doubt.label for doubt in made.receipt.widened}
    assert Cause.PROOF in {cut.cause for cut in made.receipt.cuts}
    samples = media.decode(made.audio.master, sample_rate=8000)[hidden.channel]
    assert hidden.start is not None
    assert hidden.end is not None
    assert not samples[int(hidden.start * 8000) : int(hidden.end * 8000)].any()


@pytest.mark.parametrize("left", ["beginning", "end"])
def test_a_number_of_which_half_is_left_is_heard(
    left: str, call: Path, safe: Transcript, engine: Engine, tmp_path: Path
) -> None:
    """As if the words' times were wrong, and nothing in the sound had told so."""
    hidden = account(safe)
    cut = next(cut for cut in redact(call, safe, POLICY, out=tmp_path).cuts if cut.label == "ACCOUNT")
    middle = (cut.start + cut.end) / 2
    half = {"beginning": (middle, cut.end), "end": (cut.start, middle)}[left]
    short = msgspec.structs.replace(cut, start=half[0], end=half[1])
    with with_cuts(call, [short], tmp_path) as recording:
        proof = redaction_proof.prove(recording, moved(safe, hidden, half), [short], POLICY, engine=engine)
    found = [doubt for doubt in proof.doubts if cut.start - 0.5 < doubt.start < cut.end + 0.5]
    assert found


@contextmanager
def with_cuts(call: Path, cuts: Sequence[Cut], folder: Path) -> Iterator[Recording]:
    """The recording with exactly these cuts."""
    pcm = folder / "pcm"
    info = media.write_samples(call, pcm)
    with closing(Recording(pcm, info.channels, info.sample_rate)) as recording:
        for cut in cuts:
            recording.hide(cut, silence)
        yield recording


def moved(safe: Transcript, hidden: Redaction, times: tuple[float, float]) -> Transcript:
    """A transcript with one redaction alone, at other times."""
    start, end = times
    words = (Word(text=hidden.placeholder, start=start, end=end),)
    said = msgspec.structs.replace(
        safe.utterances[hidden.utterance], words=words, text=hidden.placeholder, start=start, end=end
    )
    utterances = tuple(said if each.index == said.index else each for each in safe.utterances)
    others = tuple(each for each in utterances if each.index == said.index or each.channel != said.channel)
    redaction = msgspec.structs.replace(hidden, start=start, end=end, start_char=0)
    return msgspec.structs.replace(safe, utterances=others, redactions=(redaction,))


def test_what_is_still_found_in_the_last_round_puts_the_call_in_quarantine(
    safe: Transcript, proved: Callable[..., redaction_proof.Proven], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction_proof, "SHARES", redaction_proof.SHARES[:1])  # two rounds silence a call this short

    def everything(utterances: Sequence[tuple[str, str]], language: str) -> list[Span]:
        return [Span(len(utterances) - 1, 0, 10_000, "EMAIL", "test", 1.0)]

    unlike = msgspec.structs.replace(safe, utterances=tuple(with_other_words(each) for each in safe.utterances))
    receipt = proved(unlike, detect=everything).receipt
    assert (receipt.verdict, receipt.reason) == ("quarantined", QuarantineReason.STILL_HEARD)
    assert receipt.left


def test_a_call_in_a_language_without_detection_is_quarantined_unless_nobody_speaks(
    safe: Transcript, proved: Callable[..., redaction_proof.Proven]
) -> None:
    german = msgspec.structs.replace(safe, language="de", redactions=())
    unread = msgspec.structs.replace(
        german, utterances=tuple(msgspec.structs.replace(each, words=()) for each in safe.utterances)
    )
    for said, verdict in ((unread, "quarantined"), (msgspec.structs.replace(unread, utterances=()), "passed")):
        receipt = proved(said, engine=lambda: pytest.fail("The model was loaded.")).receipt
        assert receipt.verdict == verdict
        assert receipt.reason == (QuarantineReason.LANGUAGE_UNPROTECTED if verdict == "quarantined" else "")


class Deaf:
    """An engine that reads all that it is asked for but the last, or nothing of it."""

    multilingual = False

    def __init__(self, engine: Engine, *, wholly: bool) -> None:
        self.engine, self.wholly = engine, wholly
        self.language_probabilities, self.hear = engine.language_probabilities, engine.hear

    def hear_again(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        return self.engine.hear_again([] if self.wholly else chunks[:-1], language, vocabulary)


@pytest.mark.parametrize("wholly", [True, False])
def test_what_was_not_heard_again_is_not_proven(
    wholly: bool,
    safe: Transcript,
    engine: Engine,
    proved: Callable[..., redaction_proof.Proven],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (hearing, speech):
        monkeypatch.setattr(module, "MAX_CHUNK", 5.0)  # several
    receipt = proved(safe, engine=lambda: Deaf(engine, wholly=wholly)).receipt
    assert (receipt.verdict, receipt.reason) == ("quarantined", QuarantineReason.UNPROVEN)
    assert (receipt.heard == 0.0) is wholly


def with_other_words(utterance: Utterance) -> Utterance:
    """An utterance of whose public words none is what is heard, in the same letters and at the same times."""
    words = tuple(
        word if word.text.startswith("[") else msgspec.structs.replace(word, text="z" * len(word.text))
        for word in utterance.words
    )
    return msgspec.structs.replace(utterance, words=words, text=" ".join(word.text for word in words))


def test_where_nothing_is_hidden_nothing_is_heard(
    safe: Transcript, proved: Callable[..., redaction_proof.Proven]
) -> None:
    plain = msgspec.structs.replace(
        safe, utterances=tuple(msgspec.structs.replace(each, words=()) for each in safe.utterances), redactions=()
    )
    receipt = proved(plain, engine=lambda: pytest.fail("The model was loaded.")).receipt
    assert (receipt.verdict, receipt.heard, receipt.cuts) == ("passed", 0.0, ())


def test_progress_is_told_up_to_the_end(safe: Transcript, proved: Callable[..., redaction_proof.Proven]) -> None:
    told: list[tuple[float, float]] = []
    proved(safe, on_progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


class Hallucinating(Deaf):
    """An engine that has a word for each second, whatever it reads."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, wholly=False)

    def hear_again(
        self, chunks: Sequence[Chunk], language: str, vocabulary: Sequence[str]
    ) -> Iterator[tuple[Chunk, list[HeardWord]]]:
        for chunk in chunks:
            times = [second + 0.2 for second in range(int(chunk.duration))]
            yield chunk, [HeardWord(text="Bark.", start=at, end=at + 0.5, probability=0.9) for at in times]


def test_the_hiss_of_a_line_is_no_sound(engine: Engine, tmp_path: Path) -> None:
    """Three seconds of a tone, the first of two that are cut, then hiss of -60 dB alone."""
    noise = "anoisesrc=r=8000:a=0.003:seed=1:d=10"
    tone = "sine=f=300:r=8000:d=3,volume=0.5[tone];[tone]apad=whole_dur=10"
    path = tmp_path / "call.wav"
    ffmpeg("-filter_complex", f"{noise}[hiss];{tone}[said];[hiss][said]amix=normalize=0", path)
    cut = Cut(channel=0, start=1.0, end=2.0, cause=Cause.WORDS, label="NAME")
    with with_cuts(path, [cut], tmp_path) as recording:
        windows = [Window(0, 0.0, 10.0)]
        with hearing.read(recording, [cut], windows, "silence") as redacted:
            heard = hearing.heard_in(redacted, windows, "en", Hallucinating(engine), lambda done, total: None)
    sounding = [word.start for word in heard.words if word.sounding]
    assert sounding == pytest.approx([0.2, 2.2])
    assert len(heard.words) == 10


@pytest.mark.parametrize("engine", ["faster-whisper"], indirect=True)
def test_the_files_are_made_once_of_the_samples_that_were_heard(
    safe: Transcript, proved: Callable[..., redaction_proof.Proven], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    write = CutRecording.write

    def other_samples(cut: CutRecording, out: Path) -> RedactedAudio:
        made.append(out)
        whole = write(cut, out)
        loud = Cut(channel=0, start=1.0, end=1.5, cause=Cause.WORDS)
        cut.recording.hide(loud, beep(cut.recording.sample_rate))
        return whole

    monkeypatch.setattr(CutRecording, "write", other_samples)
    forgotten = msgspec.structs.replace(safe, redactions=())  # so that more is cut
    receipt = proved(forgotten).receipt
    assert (receipt.verdict, receipt.reason) == ("quarantined", QuarantineReason.UNPROVEN)
    assert len(made) == 1
    assert receipt.widened


def test_both_edges_of_a_cut_are_heard_and_the_silence_between_is_not() -> None:
    short = Cut(channel=1, start=9.9, end=13.1, cause=Cause.WORDS, label="PHONE")
    long = msgspec.structs.replace(short, start=20.0, end=30.0)
    assert [(round(it.start, 3), round(it.end, 3)) for it in windows_of([long])] == [(17.5, 20.4), (29.6, 32.5)]
    assert [(round(it.start, 3), round(it.end, 3)) for it in windows_of([short, short])] == [(7.4, 10.3), (12.7, 15.6)]
