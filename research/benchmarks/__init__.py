"""Speed and memory against the reference way: ``python -m research.benchmarks`` (see docs/performance.md)."""
