"""Tools for those who write separators of their own."""
