"""Plan, generate, score, aggregate."""
