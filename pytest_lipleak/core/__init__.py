"""Plain data: clips, conditions, scores, metrics. No I/O, nothing of the package imported."""
