"""What runs the tests and makes the verdict."""
