"""Debian's slapd in a box: a few users, the password policy, and TLS where there is a certificate."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from signal import SIGCONT, SIGSTOP

from tests.servers.box import Box
from tests.servers.certificates import Authority
from tests.servers.process import wait_until

SUFFIX = "dc=example,dc=org"
PEOPLE = f"ou=people,{SUFFIX}"
SERVICE, SERVICE_PASSWORD = f"cn=authd,{SUFFIX}", "the service's own"
ROOT, ROOT_PASSWORD = f"cn=root,{SUFFIX}", "root's own"
STRICT = f"cn=strict,{SUFFIX}"  # a policy: a password that somebody else has set must be changed
GROUP = f"cn=mail,ou=groups,{SUFFIX}"

_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile /run/{name}/pid
{global_lines}
database mdb
suffix "{suffix}"
rootdn "{root}"
rootpw "{root_password}"
directory /run/{name}/data
maxsize 67108864
dbnosync
index objectClass,uid,mail eq
overlay ppolicy
ppolicy_default "cn=policy,{suffix}"
ppolicy_use_lockout
access to attrs=userPassword by dn.exact="{service}" read by anonymous auth by * none
access to * by dn.exact="{service}" read by anonymous auth by * none
"""

_TLS = """
TLSCACertificateFile {authority}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
TLSVerifyClient allow
"""

_TREE = f"""
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{SUFFIX}
objectClass: organizationalUnit
ou: groups

dn: cn=policy,{SUFFIX}
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdMaxAge: 31536000
pwdLockout: TRUE
pwdMaxFailure: 0

dn: {STRICT}
objectClass: device
objectClass: pwdPolicy
cn: strict
pwdAttribute: userPassword
pwdMustChange: TRUE
"""


def entry(dn: str, *lines: str) -> str:
    """Write an entry as LDIF; a value that is not plain goes as base64 (RFC 2849)."""
    return "".join(f"{line}\n" for line in ("", _ldif("dn", dn), *(_ldif(*line.split(": ", 1)) for line in lines)))


def person(uid: str, password: str = "", *further: str) -> str:
    """Write a user, with an {SSHA} password where one is given."""
    secret = [f"userPassword: {ssha(password)}"] if password else []
    return entry(
        f"uid={escaped(uid)},{PEOPLE}",
        "objectClass: inetOrgPerson",
        f"uid: {uid}",
        f"mail: {uid}@example.org",
        f"cn: {uid}",
        f"sn: {uid}",
        *secret,
        *further,
    )


def group(dn: str, members: Iterable[str]) -> str:
    return entry(dn, "objectClass: groupOfNames", *(f"member: {member}" for member in members))


def ssha(password: str, salt: bytes = b"salt") -> str:
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def escaped(value: str) -> str:
    """Escape a value for a DN, on ways of its own."""
    return "".join(f"\\{character}" if character in ',+"\\<>;=#' else character for character in value)


class Slapd:
    """A server at port 389 of an address, 636 too where it has a certificate, and at a socket."""

    def __init__(
        self,
        box: Box,
        entries: str,
        *,
        address: str = "127.0.0.1",
        authority: Authority | None = None,
        names: Sequence[str] = (),
        descriptors: int = 1024,
        log_level: str = "stats",
    ) -> None:
        """`authority` issues a certificate for `names`; `descriptors` is how many it may have open, connections too."""
        self.box = box
        self.address = address
        self.name = f"slapd-{address}"
        self.uri = f"ldap://{address}"
        self.socket_uri = f"ldapi://%2Frun%2F{self.name}%2Fldapi"
        box.run(["rm", "-rf", f"/run/{self.name}"])
        box.make_directory(f"/run/{self.name}/data")
        self._log_level = log_level
        self._limit = f"--nofile={descriptors}:{descriptors}"
        client = f'authz-regexp "^cn=authd-client$" "{SERVICE}"\n'
        external = f'authz-regexp "gidNumber=0.uidNumber=0,cn=peercred,cn=external,cn=auth" "{SERVICE}"\n'
        tls = _tls(authority, names) if authority else ""
        configuration = _CONFIGURATION.format(
            name=self.name,
            suffix=SUFFIX,
            service=SERVICE,
            root=ROOT,
            root_password=ROOT_PASSWORD,
            global_lines=tls + client + external,
        )
        box.write(self._configuration, configuration)
        service = entry(
            SERVICE,
            "objectClass: organizationalRole",
            "objectClass: simpleSecurityObject",
            f"userPassword: {ssha(SERVICE_PASSWORD)}",
        )
        box.run(["slapadd", "-q", "-f", self._configuration], input=_TREE + service + entries)
        self._listeners = f"{self.socket_uri} {self.uri}" + (f" ldaps://{address}" if authority else "")
        self._last_port = 636 if authority else 389

    @property
    def _configuration(self) -> str:
        return f"/etc/{self.name}.conf"

    def start(self) -> None:
        """Return when it answers."""
        command = [
            "prlimit",
            self._limit,
            "slapd",
            "-d",
            self._log_level,
            "-f",
            self._configuration,
            "-h",
            self._listeners,
        ]
        self.process = self.box.start(command)
        self.process.wait_for_output("slapd starting")  # and it does not listen yet, which it does in their order
        wait_until(lambda: self.box.listens(self._last_port, self.address), f"{self.name}: its last port")

    def stop(self) -> None:
        self.process.stop()

    def freeze(self) -> None:
        """Let it take connections, as the kernel does for it, and do nothing further."""
        self.process.send(SIGSTOP)

    def thaw(self) -> None:
        self.process.send(SIGCONT)

    @property
    def log(self) -> str:
        """What it says of connections, operations and results."""
        return self.process.output

    def set_password(self, uid: str, password: str) -> None:
        """Store another one, as root of the directory."""
        self.modify(
            f"dn: uid={uid},{PEOPLE}\nchangetype: modify\nreplace: userPassword\nuserPassword: {ssha(password)}"
        )

    def modify(self, ldif: str) -> None:
        """Change entries, with ldapmodify(1)."""
        bind = ["-x", "-D", ROOT, "-w", ROOT_PASSWORD]
        self.box.run(["ldapmodify", "-H", self.socket_uri, *bind], input=ldif + "\n")


def wait_until_logged(server: Slapd, text: str, times: int = 1) -> None:
    wait_until(lambda: server.log.count(text) >= times, f"{server.name}: {text!r}")


def _tls(authority: Authority, names: Sequence[str]) -> str:
    issued = authority.issue(*names)
    return _TLS.format(authority=authority.file, certificate=issued.certificate, key=issued.key)


def _ldif(name: str, value: str) -> str:
    plain = value.isascii() and value.isprintable() and value[:1] not in (" ", ":", "<") and not value.endswith(" ")
    return f"{name}: {value}" if plain else f"{name}:: {base64.b64encode(value.encode()).decode()}"
