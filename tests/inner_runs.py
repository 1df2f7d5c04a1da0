"""What pytest is told wherever tests run it inside a test."""

INNER = ("-p", "no:randomly", "-p", "no:hypothesispytest", "-p", "no:rerunfailures")
"""In the order in which tests are written. Hypothesis would be imported anew, which takes longer than most of these
runs; what pytest-rerunfailures listens with stays in this process, and up to 16.6 it keeps a processor busy for ever.
"""
