"""The tables and figures of the CASS paper, reproduced beside its own numbers."""
