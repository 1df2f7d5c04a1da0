"""What is measured beyond sync scores: small files of plain functions on arrays, and those that take them to clips."""
