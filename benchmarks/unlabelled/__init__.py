"""Learning from mixtures that nobody has separated, beside known components."""
