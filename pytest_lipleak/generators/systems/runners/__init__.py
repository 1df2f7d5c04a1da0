"""Small programs that run in a system's own environment and change which frame its reference is."""
