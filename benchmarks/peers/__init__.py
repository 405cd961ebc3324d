"""Separation models of other packages beside this one, at equal CPU seconds."""
