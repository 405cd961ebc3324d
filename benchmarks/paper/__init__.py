"""The tables and figures of the CASS paper, measured anew beside its own figures."""
