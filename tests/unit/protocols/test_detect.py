import pytest

from authd.protocols.detect import PWCHECK, SASLAUTHD, codec_for


@pytest.mark.parametrize("first", [0x00, 0x01, 0x1F])
def test_the_high_byte_of_a_count_is_version_2(first: int) -> None:
    assert codec_for(first) is SASLAUTHD


@pytest.mark.parametrize("first", [0x20, ord("a"), 0xC3, 0xFF])
def test_a_letter_of_a_login_is_version_1(first: int) -> None:
    assert codec_for(first) is PWCHECK
