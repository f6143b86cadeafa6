"""The life of the processes."""
