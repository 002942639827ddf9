"""What a warm process is: one module per role, and only that of the process is loaded."""
