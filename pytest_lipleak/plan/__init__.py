"""What is to be made: the user's choices, pairs, references, and what the model is given."""
