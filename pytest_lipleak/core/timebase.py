"""The one time base of the package: 25 frames and 16,000 samples a second."""

FRAME_RATE = 25
"""Video frames per second; SyncNet was trained at this rate."""

SAMPLE_RATE = 16_000
"""Audio samples per second."""

SAMPLES_PER_FRAME = SAMPLE_RATE // FRAME_RATE
"""640 audio samples pass during one video frame."""
