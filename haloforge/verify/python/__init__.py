"""How Python is judged."""
