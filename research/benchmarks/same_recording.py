"""How surely one recording is found again in another file, and how far other speech stays from it.

python -m research.benchmarks.same_recording FOLDER [--changed 150]
"""

import argparse
import io
from collections import Counter
from pathlib import Path

import av
import numpy as np

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.media import same_recordings
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.media.same_recordings import Fingerprint, Shape, fingerprint, shared_recordings

CODECS = {
    "MP3 32 kbit/s": ("mp3", "mp3", 32_000, 16_000),
    "MP3 16 kbit/s": ("mp3", "mp3", 16_000, 16_000),
    "AAC 24 kbit/s": ("aac", "adts", 24_000, 16_000),
    "Opus 24 kbit/s": ("libopus", "ogg", 24_000, 48_000),
    "Opus 10 kbit/s": ("libopus", "ogg", 10_000, 48_000),
    "PCM at 8 kHz": ("pcm_s16le", "wav", 0, 8_000),
    "PCM at 16 kHz": ("pcm_s16le", "wav", 0, 16_000),
}


def recoded(audio: Audio, codec: str, container: str, bits: int, rate: int) -> Audio:
    """Encode a recording and decode it again; int16 (N,) at 16 kHz."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = bits
        frame = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        resampler = av.AudioResampler(stream.format.name, "mono", rate)
        pieces = av.AudioFifo()
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            piece.pts = None
            pieces.write(piece)
        written = 0
        while pieces.samples:
            piece = pieces.read(stream.codec_context.frame_size or 1024, partial=True)
            piece.pts, piece.sample_rate = written, rate
            written += piece.samples
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    file.seek(0)
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(file) as source:
        frames = [piece for decoded in source.decode(audio=0) for piece in resampler.resample(decoded)]
        return np.concatenate([piece.to_ndarray()[0] for piece in [*frames, *resampler.resample(None)]])


def changed(audio: Audio, generator: np.random.Generator) -> Audio:
    """Cut up to 30 % at the front and 20 % at the end, -12 to 4 dB; a third with noise of -20 dB."""
    begin, end = int(generator.uniform(0, 0.3) * len(audio)), int(generator.uniform(0.8, 1) * len(audio))
    samples = audio[begin:end] * 10 ** (generator.uniform(-12, 4) / 20)
    if generator.random() < 1 / 3:
        samples = samples + generator.normal(0, samples.std() * 0.1, len(samples))
    return np.clip(samples, -32_767, 32_767).astype(np.int16)


def highest_other(prints: list[Fingerprint], same: set[tuple[int, int]]) -> float:
    """The highest correlation of candidates that are not the same."""
    found = [-1.0]
    for one, other, lag in same_recordings.candidates(prints):
        if (one, other) not in same:
            a, b = Shape.of(prints[one]), Shape.of(prints[other])
            found += [a.agreement(b, at) for at in range(lag - 2, lag + 3)]
    return max(found)


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--changed", type=int, default=150, help="recordings that are changed and sought (default 150)"
    )
    options = parser.parse_args()
    clips = open_clips(options.folder)
    generator = np.random.default_rng(0)
    audios = [clips.speech(name) for name in clips]
    prints = [fingerprint(audio) for audio in audios]
    same = {(one, other) for one, other, _ in shared_recordings(prints)}
    print(
        f"{len(prints)} recordings, {len(prints) * (len(prints) - 1) // 2} pairs: {len(same)} are said to be one"
    )
    for one, other in sorted(same)[:20]:
        print(f"  {list(clips)[one]} and {list(clips)[other]}")
    print(
        f"highest correlation of the others {highest_other(prints, same):.3f}, threshold {same_recordings.SAME}"
    )
    sought, hits = Counter[str](), Counter[str]()
    for index in generator.permutation(len(audios))[: options.changed]:
        codec = list(CODECS)[sum(sought.values()) % len(CODECS)]
        again = fingerprint(recoded(changed(audios[index], generator), *CODECS[codec]))
        sought[codec] += 1
        hits[codec] += any(True for _ in shared_recordings([prints[index], again]))
    for codec, count in sought.items():
        print(f"{codec}: {hits[codec]} of {count} found again")


if __name__ == "__main__":
    main()
