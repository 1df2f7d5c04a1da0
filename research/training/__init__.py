"""Training and evaluation of the embedded sync expert; not part of the package."""
