"""Video and audio in and out of arrays."""
