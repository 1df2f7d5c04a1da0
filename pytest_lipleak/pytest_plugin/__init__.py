"""The plugin inside a run of pytest: the tests that judge, how they ended, what workers tell each other."""
