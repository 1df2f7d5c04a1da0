"""Plain data: clips, conditions, scores, metrics, verdicts. No I/O, nothing of the package imported."""
