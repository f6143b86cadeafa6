"""Cyrus SASL's own user database, `/etc/sasldb2`, as `saslpasswd2` keeps it."""
