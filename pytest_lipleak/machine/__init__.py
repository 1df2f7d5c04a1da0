"""What the machine gives and keeps: shipped data, fetched files, folders, libraries, the end of a process."""
