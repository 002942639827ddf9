"""The engine's end of the sandbox: levels of isolation, warm processes, their streams and their folders."""
