"""Manual pages, the reference of keys and the shells' completion, made of parsers and the configuration's types."""
