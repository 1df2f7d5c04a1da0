"""One utterance from libespeak-ng: ``python -m research.rendering.espeak '{"text": ...}'``, standard library only.

Writes one line of JSON (sample rate, phoneme marks) and then the int16 samples to standard output.
"""

from __future__ import annotations

import array
import ctypes
import ctypes.util
import json
import sys

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS = 1
_EVENT_PHONEME = 7
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1
_PARAMETERS = {"rate": 1, "pitch": 3, "range": 4}


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def espeak_library() -> ctypes.CDLL | None:
    """libespeak-ng, or None where it is not installed."""
    for name in ("libespeak-ng.so.1", ctypes.util.find_library("espeak-ng")):
        try:
            if name:
                return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def synthesise(request: dict[str, str | int]) -> tuple[int, list[tuple[int, str]], array.array[int]]:
    """Sample rate, (sample, phoneme mnemonic) marks and samples of ``request["text"]``."""
    library = espeak_library()
    if library is None:
        raise RuntimeError(
            "libespeak-ng was not found; install espeak-ng 1.51 or newer (Debian: apt install espeak-ng)"
        )
    # The breath noise comes from the C library's generator.
    ctypes.CDLL(None).srand(1)
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, None, _INITIALIZE_PHONEME_EVENTS)
    if rate <= 0:
        raise RuntimeError(
            f"espeak_Initialize returned {rate}, expected a sample rate; is espeak-ng-data installed?"
        )
    samples = array.array("h")
    marks: list[tuple[int, str]] = []

    def collect(wave, count, events):  # type: ignore[no-untyped-def]
        if wave and count > 0:
            samples.frombytes(ctypes.string_at(wave, 2 * count))
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == _EVENT_PHONEME:
                marks.append((event.sample, event.id.string.decode("utf-8", "replace")))
            index += 1
        return 0

    callback = _Callback(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(str(request["voice"]).encode()):
        raise RuntimeError(
            f"espeak-ng has no voice {request['voice']!r}; see espeak-ng --voices=en and --voices=variant"
        )
    for name, number in _PARAMETERS.items():
        library.espeak_SetParameter(number, int(request[name]), 0)
    data = str(request["text"]).encode()
    library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    return rate, marks, samples


if __name__ == "__main__":
    rate, phonemes, wave = synthesise(json.loads(sys.argv[1]))
    sys.stdout.buffer.write(
        json.dumps({"rate": rate, "phonemes": phonemes}).encode() + b"\n" + wave.tobytes()
    )
