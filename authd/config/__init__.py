"""authd.toml to typed settings, or to every error at once."""
