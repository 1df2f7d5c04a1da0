"""Probes: what is changed in the reference or the input, and how much of it arrives in the lips of the output."""
