"""Ready queries for the tables of well-known mail systems, by the value of ``schema``.

Each looks the user up under his address in small letters: the login, and where that has no ``@`` the realm too. The
flags and the conditions are those of the query that the project itself gives to Dovecot or Exim.
"""

from enum import Enum

from authd_backends.errors import OptionError


class Dialect(Enum):
    """What the server speaks; MariaDB speaks MySQL."""

    MYSQL = "mysql"
    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


def schema_query(schema: str, dialect: Dialect) -> str:
    """Give the query of a schema. Raises OptionError for a name that is unknown or not of this kind of server."""
    query = _QUERIES.get((schema, dialect))
    if query is None:
        known = ", ".join(schemas(dialect))
        raise OptionError(f"schema: expected one of {known}, got {schema!r}", "schema")
    expires = _EXPIRES if schema.endswith("-expiring") else ""
    return query.format(address=_ADDRESS[dialect], service="LOWER(:service)", expires=expires).strip()


def schemas(dialect: Dialect) -> tuple[str, ...]:
    """Give the names that `schema_query` knows for a kind of server."""
    return tuple(name for name, spoken in _QUERIES if spoken is dialect)


_JOINED = {
    Dialect.MYSQL: "CONCAT(:login, '@', :realm)",
    Dialect.POSTGRESQL: ":login || '@' || :realm",
    Dialect.SQLITE: ":login || '@' || :realm",
}
_ADDRESS = {
    dialect: f"LOWER(CASE WHEN :realm = '' OR :login LIKE '%@%' THEN :login ELSE {joined} END)"
    for dialect, joined in _JOINED.items()
}

# The layout of the tutorials of workaround.org (ISPmail) and Linode: a row is an active user.
_VIRTUAL_USERS = """
SELECT email AS user, password
FROM virtual_users
WHERE email = {address}
"""


# PostfixAdmin's DOCUMENTS/DOVECOT.txt
_POSTFIXADMIN = """
SELECT m.username AS user, m.password AS password, m.active AND d.active AS active{expires}
FROM mailbox m JOIN domain d ON d.domain = m.domain
WHERE m.username = {address}
"""

# Version 4 has smtp_active, and passwords of applications. Their column and that of the others have different character
# sets in MySQL, which UNION does not mix.
_POSTFIXADMIN_4 = """
SELECT m.username AS user, CAST(m.password AS CHAR(255)) AS password,
  CASE WHEN {service} IN ('smtp', 'submission') THEN m.smtp_active ELSE m.active END
    AND m.active AND d.active AS active{expires}
FROM mailbox m JOIN domain d ON d.domain = m.domain
WHERE m.username = {address}
UNION ALL
SELECT m.username AS user, CAST(a.password_hash AS CHAR(255)) AS password,
  CASE WHEN {service} IN ('smtp', 'submission') THEN m.smtp_active ELSE m.active END
    AND m.active AND d.active AS active{expires}
FROM mailbox m JOIN domain d ON d.domain = m.domain JOIN mailbox_app_password a ON a.username = m.username
WHERE m.username = {address}
"""

# Its DOCUMENTS/Password_Expiration.md: an administrator chooses whether expiry counts, by the query for Dovecot.
_EXPIRES = ", CASE WHEN d.password_expiry > 0 THEN m.password_expiry END AS expires"

# vexim2's docs/debian-conf.d/auth/30_vexim_authenticators. A catch-all, a rejected name and the administrator of the
# site have a row, but no mailbox.
_VEXIM = """
SELECT u.username AS user, u.crypt AS password,
  CASE WHEN u.enabled = 1 AND d.enabled = 1 THEN 1 ELSE 0 END AS active
FROM users u JOIN domains d ON d.domain_id = u.domain_id
WHERE u.username = {address} AND u.type NOT IN ('catch', 'fail', 'site')
"""

# ISPConfig's install/tpl/debian_dovecot-sql.conf.master. A login of one's own choice must not be another's address.
_ISPCONFIG = """
SELECT m.email AS user, m.password,
  CASE WHEN {service} IN ('smtp', 'submission') THEN m.disablesmtp
    WHEN {service} = 'imap' THEN m.disableimap
    WHEN {service} IN ('pop', 'pop3') THEN m.disablepop3
    WHEN {service} IN ('sieve', 'managesieve') THEN m.disablesieve
    ELSE 'n' END = 'n'
  AND NOT EXISTS (SELECT 1 FROM mail_domain d
    WHERE d.domain = SUBSTRING_INDEX(m.email, '@', -1) AND d.active = 'n') AS active
FROM mail_user m
WHERE m.email = {address} OR (m.login = {address}
  AND NOT EXISTS (SELECT 1 FROM mail_user owner WHERE owner.email = {address}))
"""

# mailcow's data/web/inc/functions.auth.inc.php. The user's own password counts only where mailcow itself keeps it; an
# application's password only for the services that it was made for.
_MAILCOW = """
SELECT m.username AS user, m.password AS password, m.active = 1 AND d.active = 1
  AND COALESCE(JSON_VALUE(m.attributes, CASE WHEN {service} IN ('smtp', 'submission') THEN '$.smtp_access'
    WHEN {service} = 'imap' THEN '$.imap_access'
    WHEN {service} IN ('pop', 'pop3') THEN '$.pop3_access'
    WHEN {service} IN ('sieve', 'managesieve') THEN '$.sieve_access'
    ELSE '$.none' END), '1') = '1' AS active
FROM mailbox m JOIN domain d ON d.domain = m.domain
WHERE m.username = {address} AND m.authsource = 'mailcow' AND m.kind NOT REGEXP 'location|thing|group'
UNION ALL
SELECT m.username AS user, a.password AS password, m.active = 1 AND d.active = 1 AS active
FROM app_passwd a JOIN mailbox m ON m.username = a.mailbox JOIN domain d ON d.domain = m.domain
WHERE m.username = {address} AND a.active = 1 AND m.kind NOT REGEXP 'location|thing|group'
  AND CASE WHEN {service} IN ('smtp', 'submission') THEN a.smtp_access
    WHEN {service} = 'imap' THEN a.imap_access
    WHEN {service} IN ('pop', 'pop3') THEN a.pop3_access
    WHEN {service} IN ('sieve', 'managesieve') THEN a.sieve_access
    ELSE 0 END = 1
"""

# Modoboa's doc-ng/installation/dovecot.md.
_MODOBOA = """
SELECT u.email AS user, u.password,
  u.is_active AND d.enabled AND NOT (m.is_send_only AND {service} IN ('imap', 'pop', 'pop3')) AS active
FROM core_user u JOIN admin_mailbox m ON m.user_id = u.id JOIN admin_domain d ON d.id = m.domain_id
WHERE u.email = {address}
"""

# iRedMail's samples/dovecot/dovecot-sql.conf, whose Postfix offers AUTH under TLS only: the columns …secured decide.
# allow_nets is a list of networks that no query can compare on both servers: who has one is not let in.
_IREDMAIL = """
SELECT m.username AS user, m.password, m.expired AS expires,
  CASE WHEN m.active = 1 AND d.active = 1 AND d.backupmx = 0 AND COALESCE(m.allow_nets, '') = ''
    AND CASE WHEN {service} IN ('smtp', 'submission') THEN m.enablesmtpsecured
      WHEN {service} = 'imap' THEN m.enableimapsecured
      WHEN {service} IN ('pop', 'pop3') THEN m.enablepop3secured
      WHEN {service} IN ('sieve', 'managesieve') THEN m.enablesievesecured
      ELSE 1 END = 1
  THEN 1 ELSE 0 END AS active
FROM mailbox m JOIN domain d ON d.domain = m.domain
WHERE m.username = {address}
"""

# Froxlor's lib/configfiles/bookworm.xml; deactivating a customer clears these flags. As with ISPConfig, an address
# goes before a user name.
_FROXLOR = """
SELECT m.username AS user, m.password_enc AS password,
  CASE WHEN {service} IN ('smtp', 'submission', 'sieve', 'managesieve') THEN m.postfix = 'Y'
    WHEN {service} = 'imap' THEN m.imap = 1
    WHEN {service} IN ('pop', 'pop3') THEN m.pop3 = 1
    ELSE m.imap = 1 OR m.pop3 = 1 END AS active
FROM mail_users m
WHERE m.email = {address} OR (m.username = {address}
  AND NOT EXISTS (SELECT 1 FROM mail_users owner WHERE owner.email = {address}))
"""

_ALL = tuple(Dialect)
_SERVERS = (Dialect.MYSQL, Dialect.POSTGRESQL)
_QUERIES = {
    (name, dialect): query
    for name, query, dialects in (
        ("postfixadmin", _POSTFIXADMIN, _ALL),
        ("postfixadmin-expiring", _POSTFIXADMIN, _ALL),
        ("postfixadmin-4", _POSTFIXADMIN_4, _ALL),
        ("postfixadmin-4-expiring", _POSTFIXADMIN_4, _ALL),
        ("virtual-users", _VIRTUAL_USERS, _ALL),
        ("vexim", _VEXIM, _SERVERS),
        ("ispconfig", _ISPCONFIG, (Dialect.MYSQL,)),
        ("mailcow", _MAILCOW, (Dialect.MYSQL,)),
        ("modoboa", _MODOBOA, _ALL),
        ("iredmail", _IREDMAIL, _SERVERS),
        ("froxlor", _FROXLOR, (Dialect.MYSQL,)),
    )
    for dialect in dialects
}
