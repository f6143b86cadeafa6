"""One sasldb2 for all mechanisms of Postfix, as the HOWTOs have had it since 2004.

CRAM-MD5 and DIGEST-MD5 are libsasl2's own, through its auxprop plugin; PLAIN and LOGIN come to authd.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from smtplib import SMTP

import pytest

from tests.servers import sasl
from tests.servers.authd import Authd
from tests.servers.box import Box
from tests.servers.postfix import Postfix, authenticate

PACKAGES = ("postfix", "sasl2-bin", "libsasl2-modules")
REALM = "mail.example.org"
SMTPD_CONF = """\
pwcheck_method: saslauthd
auxprop_plugin: sasldb
sasldb_path: /etc/sasldb2
mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5
"""


@pytest.fixture(scope="module")
def postfix(box: Box) -> Iterator[Postfix]:
    authd = Authd(box, sasl.AUTHD)
    sasl.set_password(box, "alice", REALM, "secret")
    authd.start()
    postfix = Postfix(box, SMTPD_CONF, chroot=False, smtpd_sasl_local_domain=REALM)
    postfix.start()
    yield postfix
    postfix.stop()
    authd.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"])
def test_every_mechanism_takes_the_same_password_and_the_next_one(postfix: Postfix, mechanism: str) -> None:
    codes = []
    for current, other in ("secret", "changed"), ("changed", "secret"):
        sasl.set_password(postfix.box, "alice", REALM, current)
        with postfix.connect() as session:
            codes += [log_in(session, mechanism, other), log_in(session, mechanism, current)]

    assert codes == [535, 235, 535, 235]


def log_in(session: SMTP, mechanism: str, password: str) -> int:
    if mechanism == "DIGEST-MD5":
        return authenticate_digest_md5(session, "alice", password)
    return authenticate(session, mechanism, "alice", password)


def authenticate_digest_md5(session: SMTP, user: str, password: str) -> int:
    """Give the code of the server's answer to the whole exchange of RFC 2831."""
    _, challenge = session.docmd("AUTH", "DIGEST-MD5")
    answer, expected = digest_md5(b64decode(challenge).decode(), user, password)
    code, proof = session.docmd(b64encode(answer.encode()).decode())
    if code != 334:
        return code
    assert b64decode(proof).decode() == f"rspauth={expected}"
    return session.docmd("")[0]


def digest_md5(challenge: str, user: str, password: str) -> tuple[str, str]:
    """Give the answer to the challenge, and the proof that the server then owes (RFC 2831, 2.1.2 and 2.1.3)."""
    asked = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^",]+))', challenge)}
    realm, nonce, uri, cnonce = asked["realm"], asked["nonce"], f"smtp/{REALM}", "a nonce of the client"
    known = hashlib.md5(f"{user}:{realm}:{password}".encode()).digest() + f":{nonce}:{cnonce}".encode()

    def proof(method: str) -> str:
        return _md5(f"{_md5(known)}:{nonce}:00000001:{cnonce}:auth:{_md5(f'{method}:{uri}'.encode())}".encode())

    answer = (
        f'charset=utf-8,username="{user}",realm="{realm}",nonce="{nonce}",nc=00000001,cnonce="{cnonce}",'
        f'digest-uri="{uri}",response={proof("AUTHENTICATE")},qop=auth'
    )
    return answer, proof("")


def _md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()
