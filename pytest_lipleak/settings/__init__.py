"""What people may set: every option in one row, and how command line, environment and ini file become settings."""
