"""One clip through many files, read by lipleak and by the ffmpeg program; ``python -m tests.media.conformance``."""
