"""Comparisons as documents: what is on the Compare page and in a file that opens without a server."""
