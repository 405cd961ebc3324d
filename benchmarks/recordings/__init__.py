"""Beats and breaths in recordings whose components nobody knows."""
