"""Boxes of the page as pure functions: rows in, markup out."""
