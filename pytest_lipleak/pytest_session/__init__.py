"""One session of pytest: which tests judge, what they measured, how it ended; what workers tell each other."""
