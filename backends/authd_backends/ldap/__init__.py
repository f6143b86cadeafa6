"""The backend `ldap`."""
