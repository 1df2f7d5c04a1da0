"""Metrics: the table of families, names turned into formulas, groups that are measured together, default gates."""
