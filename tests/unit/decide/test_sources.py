import pytest

from authd.decide.sources import Sources


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::", "2001:db8::/64"),
        ("127.1.2.3", None),
        ("::1", None),
    ],
)
def test_an_address_is_itself_a_customer_s_network_or_exempt(address: str, source: str | None) -> None:
    assert Sources(["127.0.0.0/8", "::1"])(address) == source


def test_what_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="alice"):
        Sources([])("alice")
