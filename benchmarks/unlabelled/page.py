"""The page of the records."""
