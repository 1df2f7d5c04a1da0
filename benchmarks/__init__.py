"""Speed and memory against the reference way of scoring: ``python -m benchmarks`` (see docs/performance.md)."""
