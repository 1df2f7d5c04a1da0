"""What was made once and is found again: artefacts on disk, their keys, who may write there, what is dropped."""
