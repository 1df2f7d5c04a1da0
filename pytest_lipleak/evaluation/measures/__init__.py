"""What is measured beyond sync scores, and only when asked for."""
