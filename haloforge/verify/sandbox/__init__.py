"""The engine's end of the sandbox: levels, warm processes, their streams and folders."""
