"""What an operator sees. It is handed what it shows."""
