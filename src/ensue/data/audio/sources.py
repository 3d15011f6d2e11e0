"""Sound while it is heard: a pipe of raw samples or of a WAV file, and a microphone; in pieces, at the rate that is asked."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from ensue.data.audio.resampling import Samples, resampler
from ensue.errors import DataError, MissingExtraError

WIDTH = 2
"""Bytes of a sample."""
OTHERS = (b"fLaC", b"OggS", b"ID3")
"""How files begin that cannot be read as they come."""


def from_pipe(source: BinaryIO, rate: int | None, wanted: int, seconds: float = 0.1) -> Iterator[Samples]:
    """Samples of an open file at `wanted`, in pieces of about so many seconds, each as soon as it is there.

    Args:
        source: a WAV file of 16 bits, or raw samples: 16 bits, little-endian, one channel.
        rate: samples a second of raw ones; None: `wanted`.

    Raises `DataError` for what is empty or no such sound.
    """
    read: Any = source if hasattr(source, "peek") else io.BufferedReader(source)
    begin = read.peek(4)[:4]
    if not begin:
        raise DataError("Standard input is empty, expected a WAV file or raw 16-bit samples.")
    if begin.startswith(OTHERS):
        raise DataError(
            "Standard input is a compressed sound file, expected WAV or raw 16-bit samples: give the file's name, or take it "
            "apart, for example with ffmpeg -i FILE -f s16le -ac 1 -."
        )
    if begin == b"RIFF":
        yield from _of_wav(read, wanted, seconds)
    else:
        yield from _of_raw(read, rate or wanted, wanted, seconds)


def from_microphone(wanted: int, device: str | None = None, seconds: float = 0.1) -> Iterator[Samples]:
    """Samples of a microphone at `wanted`, in pieces of about so many seconds, for as long as they are asked for.

    Args:
        device: its number or a part of its name; None: the system's own.

    Raises `MissingExtraError` without sounddevice, and `DataError` where there is no microphone.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise MissingExtraError("Listening to a microphone", "sounddevice", "microphone") from error
    except OSError as error:  # the library is there, PortAudio is not
        raise DataError(
            f"No microphone can be used ({error}): install PortAudio, for example the package libportaudio2."
        ) from error
    chosen = int(device) if device is not None and device.isdecimal() else device
    try:
        rate = int(sounddevice.query_devices(chosen, "input")["default_samplerate"])
        size = max(1, round(seconds * rate))
        with sounddevice.InputStream(rate, size, chosen, channels=1, dtype="float32") as stream:
            resample = resampler(rate, wanted)
            while True:
                samples, _ = stream.read(size)
                yield resample(np.ascontiguousarray(samples[:, 0]), False)
    except (sounddevice.PortAudioError, ValueError) as error:
        name = "" if device is None else f" '{device}'"
        raise DataError(
            f"There is no microphone{name} that can be opened ({' '.join(str(error).split())}): check that it is plugged in "
            "and free, or give the number of another one."
        ) from error


def _of_raw(read: Any, rate: int, wanted: int, seconds: float) -> Iterator[Samples]:
    resample = resampler(rate, wanted)
    size, rest = WIDTH * max(1, round(seconds * rate)), b""
    while data := read.read1(size):
        data = rest + data
        whole = len(data) - len(data) % WIDTH
        rest = data[whole:]
        yield resample(_samples(data[:whole], 1), False)
    yield resample(np.zeros(0, np.float32), True)


def _of_wav(read: Any, wanted: int, seconds: float) -> Iterator[Samples]:
    try:
        file = wave.open(read, "rb")  # noqa: SIM115  # it is not ours to close
    except (wave.Error, EOFError) as error:
        raise DataError(
            f"Standard input is a WAV file that cannot be read ({error}), expected one of 16 bits."
        ) from error
    if file.getsampwidth() != WIDTH:
        raise DataError(
            f"Standard input is a WAV file of {8 * file.getsampwidth()} bits, expected 16: give the file's name instead."
        )
    resample, size = resampler(file.getframerate(), wanted), max(1, round(seconds * file.getframerate()))
    while data := file.readframes(size):
        yield resample(_samples(data, file.getnchannels()), False)
    yield resample(np.zeros(0, np.float32), True)


def _samples(data: bytes, channels: int) -> Samples:
    """Of 16 bits, from -1 to 1; channels are mixed to one."""
    whole = len(data) - len(data) % (WIDTH * channels)
    values = np.frombuffer(data[:whole], "<i2").reshape(-1, channels)  # samples x channels
    return np.asarray(values.mean(axis=1) / 32768, np.float32)
