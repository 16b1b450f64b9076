"""ffmpeg as a confined child process: its input may be written to attack it."""

import contextlib
import functools
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import ffmpeg
import imageio_ffmpeg

from pipeline.events import FailureCode
from pipeline.services.errors import ExpectedFailure

MOST_SAID = 1024**2  # bytes of what ffmpeg says
NO_ROOM = "No space left on device"  # ENOSPC, as ffmpeg says it
STOPPED = "received signal"  # ffmpeg ends as if all was well when it is told to end
ENDED = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # by somebody else, as by the kernel for memory
LOOK_SECONDS = 0.01
NEARLY = 0.9  # the kernel counts CPU for its limit by ticks, and for its accounts exactly

# Decoders that a recording may need. Left out are the video decoders, which ffmpeg would otherwise open to probe.
DECODERS = (
    "aac,aac_latm,ac3,eac3,alac,als,mp4als,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,ape,flac,"
    "g722,g723_1,g726,g726le,g729,gsm,gsm_ms,libgsm,libgsm_ms,ilbc,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,"
    "speex,libspeex,truespeech,vorbis,libvorbis,wavpack,wmav1,wmav2,wmapro,wmavoice,wmalossless,"
    "adpcm_ima_wav,adpcm_ima_qt,adpcm_ima_oki,adpcm_ms,adpcm_g722,adpcm_g726,adpcm_g726le,adpcm_swf,adpcm_yamaha,"
    "pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s8_planar,pcm_s16le,pcm_s16be,pcm_s16le_planar,pcm_s16be_planar,"
    "pcm_u16le,pcm_u16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be"
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run of ffmpeg may use: seconds of CPU and of wall clock, bytes of memory and of each file written."""

    cpu_seconds: int = 600
    wall_seconds: float = 1200.0
    memory_bytes: int = 2 * 1024**3
    file_bytes: int = 8 * 1024**3


class FfmpegError(Exception):
    """Raised when ffmpeg fails. ``stderr`` may quote the file's own metadata, so it is not in the message."""

    def __init__(self, returncode: int, stderr: str) -> None:
        super().__init__(f"ffmpeg ended with {returncode}")
        self.returncode = returncode
        self.stderr = stderr


class Container(NamedTuple):
    """What ffmpeg is told to read a file as: its demuxer, and what that must know of a file that does not say it."""

    demuxer: str
    options: Mapping[str, str | int] = MappingProxyType({})


def source(path: Path, container: Container) -> ffmpeg.nodes.FilterableStream:
    """The first audio stream of an untrusted file, to build an ffmpeg-python graph on."""
    confined = {"protocol_whitelist": "file", "codec_whitelist": DECODERS, "threads": 1, **container.options}
    if container.demuxer == "mov":  # an MP4 may name other files as its media
        confined |= {"enable_drefs": 0, "use_absolute_path": 0}
    return ffmpeg.input(f"file:{path.resolve()}", format=container.demuxer, **confined)["a:0"]


def run_ffmpeg(job: ffmpeg.nodes.OutputStream | Sequence[str], limits: Limits | None = None) -> str:
    """Run ffmpeg on a graph of ffmpeg-python's, or on an argument list without the program's name; what it said.

    It runs in a session of its own, without our environment, in an empty folder that is gone afterwards; paths in
    the job must be absolute.

    Raises ExpectedFailure: AUDIO_TOO_LARGE when it used up a limit (all its processes are killed then), WORKER_LOST
    when somebody else ended it; and FfmpegError when it failed otherwise.
    """
    limits = limits or Limits()
    arguments = list(job) if isinstance(job, Sequence) else job.get_args()
    command = [ffmpeg_program(), "-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-y", *arguments]
    with tempfile.TemporaryDirectory(prefix="ffmpeg-") as scratch:
        log = Path(scratch, "stderr")
        with log.open("wb") as stderr:
            returncode = _run_confined(command, scratch, stderr.fileno(), limits)
        said = _ends_of(log)
    if -returncode in ENDED or STOPPED in said:
        raise ExpectedFailure(FailureCode.WORKER_LOST, "ffmpeg was ended in the middle of its work.", permanent=False)
    if returncode:
        raise FfmpegError(returncode, said)
    return said


def run_as_far_as_it_goes(job: ffmpeg.nodes.OutputStream, limits: Limits) -> str:
    """Run ffmpeg on a file that may be broken: what was written before an error counts. What it said.

    Raises ExpectedFailure as ``run_ffmpeg`` does, and STORAGE_UNAVAILABLE on a full disk, which would make a long
    recording a short one.
    """
    try:
        return run_ffmpeg(job, limits)
    except FfmpegError as error:
        if NO_ROOM in error.stderr:
            raise ExpectedFailure(
                FailureCode.STORAGE_UNAVAILABLE, "There is no room for the decoded recording.", permanent=False
            ) from error
        return error.stderr


@functools.cache
def ffmpeg_program() -> str:
    """The system's ffmpeg, else the one from the imageio-ffmpeg wheel."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


def _run_confined(command: list[str], scratch: str, stderr: int, limits: Limits) -> int:
    """The exit code of a confined child; that of a signal is negative. Raises ExpectedFailure at a limit."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        cwd=scratch,
        env={"HOME": scratch, "TMPDIR": scratch},
        start_new_session=True,
    )
    try:
        _set_limits(process.pid, limits)
        cpu_seconds = _wait(process, limits.wall_seconds)
    except TimeoutError as error:
        raise too_large() from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    killed = -process.returncode
    if killed == signal.SIGXFSZ or (killed and cpu_seconds >= NEARLY * limits.cpu_seconds):
        raise too_large()
    return process.returncode


def _wait(process: subprocess.Popen[bytes], seconds: float) -> float:
    """Wait for a child; the seconds of CPU that it took, which alone tell our SIGKILL from that of a full memory.

    Raises TimeoutError.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        time.sleep(LOOK_SECONDS)
    raise TimeoutError


def _ends_of(log: Path) -> str:
    """What ffmpeg said, without the middle if it said very much."""
    with log.open("rb") as file:
        said = file.read(MOST_SAID)
        file.seek(max(log.stat().st_size - MOST_SAID, len(said)))
        return (said + file.read()).decode(errors="replace")


def _set_limits(pid: int, limits: Limits) -> None:
    """Limit a running child, on Linux only. Before it starts, it takes ``preexec_fn``, which is unsafe with threads."""
    if not hasattr(resource, "prlimit"):
        return
    for kind, limit in (
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.prlimit(pid, kind, (limit, limit))


def too_large() -> ExpectedFailure:
    """The failure of a recording that is too large once it is decoded."""
    return ExpectedFailure(FailureCode.AUDIO_TOO_LARGE, "The audio takes more time or space to decode than it may.")
