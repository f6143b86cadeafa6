"""authd measured beside Debian's C saslauthd, in one run on one machine: ``python -m bench``."""
