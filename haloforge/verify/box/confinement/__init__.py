"""What a process of the sandbox gives up before it runs code that is not ours."""
