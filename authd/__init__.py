"""authd: a login daemon that speaks the saslauthd protocol."""

__version__ = "0.1.0"
