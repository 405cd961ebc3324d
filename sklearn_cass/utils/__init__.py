"""Utilities for developers of separators."""
