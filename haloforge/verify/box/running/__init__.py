"""What runs model-written Python."""
