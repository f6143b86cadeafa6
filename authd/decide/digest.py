"""Passwords as keyed digests: what is remembered of them, and all that is."""

from hashlib import blake2b

from authd_backends.contract import Client, Request

KEY_BYTES = 32
DIGEST_BYTES = 16
LONGEST_NAMES = 384  # characters of user, realm and service together: an address has 320 at most (RFC 5321)

Identity = tuple[bytes, str, str, str, Client | None]


class Digester:
    """Digests under a random key of this start: of no use to another process, and gone with this one."""

    def __init__(self, key: bytes) -> None:
        self._base = blake2b(key=key, digest_size=DIGEST_BYTES)

    def digest_of(self, data: bytes | memoryview) -> bytes:
        """The digest of a request's bytes."""
        digest = self._base.copy()
        digest.update(data)
        return digest.digest()

    def digest(self, identity: Identity, request: Request) -> bytes:
        """The digest of the password as it was sent by this user on this route, and from there where that counts."""
        digest = self._base.copy()
        fingerprint, user, realm, service, client = identity
        address = client.address if client else ""
        names = f"{user}\0{realm}\0{service}\0{address}\0"  # no codec lets a NUL into a name
        digest.update(fingerprint + names.encode("utf-8", "surrogateescape") + request.password.reveal())
        return digest.digest()


def is_overlong(identity: Identity) -> bool:
    """Whether the names are longer than any user's: who makes up such is not to fill the memory with them."""
    _, user, realm, service, _ = identity
    return len(user) + len(realm) + len(service) > LONGEST_NAMES


def identity(fingerprint: bytes, request: Request, *, with_client: bool) -> Identity:
    """Who is asking for what, by a route of this fingerprint (all of one length): the key of all that is remembered."""
    client = Client(request.client.address) if with_client and request.client else None
    return fingerprint, request.user, request.realm, request.service, client
