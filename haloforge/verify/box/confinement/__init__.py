"""What a process of the sandbox gives up before it runs anything it was given."""
