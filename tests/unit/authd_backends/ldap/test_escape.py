import ldap.dn
from hypothesis import given
from hypothesis import strategies as st

from authd_backends.ldap.escape import in_dn, in_filter

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(names)
def test_a_value_in_a_dn_is_one_value_and_the_same(name: str) -> None:
    if "\0" in name:  # libldap's C strings; the protocols refuse it
        return
    (((_, value, _),), *rest) = ldap.dn.str2dn(f"uid={in_dn(name)},ou=people,dc=example")
    assert value == name
    assert len(rest) == 2


@given(names)
def test_a_value_in_a_filter_has_nothing_that_means_something_there(name: str) -> None:
    escaped = in_filter(name)
    assert not set("*()\0\n") & set(escaped)
    raw = escaped.encode()
    parts = raw.split(b"\\")
    assert b"".join([parts[0], *(bytes.fromhex(part[:2].decode()) + part[2:] for part in parts[1:])]) == name.encode()
