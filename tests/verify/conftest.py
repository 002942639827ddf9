"""Puts this folder on the path: the tests of its rooms share `cheats`, `hostile`, `processes`, `translated_rows`."""
