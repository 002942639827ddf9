"""How two processes of the sandbox talk: messages in frames, and the values in them."""
