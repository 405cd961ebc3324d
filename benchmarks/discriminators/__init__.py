"""Kinds of discriminators, beside autoencoders alone."""
