"""How two processes of the sandbox talk: frames, and the values in them."""
