"""The control socket: what an operator asks of the running daemon. It is handed what it shows."""
