"""What people fill in about partners, keys and money."""
