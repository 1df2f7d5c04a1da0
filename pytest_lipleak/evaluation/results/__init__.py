"""From the scores of single videos to values, and what they rest on."""
