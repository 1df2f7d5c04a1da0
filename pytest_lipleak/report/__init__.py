"""What people read: terminal, JSON."""
