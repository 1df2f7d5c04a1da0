"""What pytest alone has: the session with its run, the tests that judge, how it ended, what workers tell each other."""
