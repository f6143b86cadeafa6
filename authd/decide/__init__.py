"""From a request to its decision. Knows no sockets."""
