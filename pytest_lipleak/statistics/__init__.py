"""Intervals and tests over clips."""
