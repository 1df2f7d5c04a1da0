"""How often intervals, p values and sequential verdicts err, by simulation."""
