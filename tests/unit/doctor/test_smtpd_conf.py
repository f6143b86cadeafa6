import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authd.doctor.sight import Sight
from authd.doctor.smtpd_conf import known_places, parse, places_of_postfix

PATH = Path("/etc/postfix/sasl/smtpd.conf")


def test_lines_are_read_as_libsasl2_reads_them() -> None:
    conf = parse(PATH, "# a comment\n\n  PWCHECK_Method:saslauthd  \nmech_list:\tplain  login\nmech_list: GSSAPI\n")

    assert conf.options == {"pwcheck_method": "saslauthd", "mech_list": "plain  login"}
    assert conf.methods == ["saslauthd"]
    assert conf.mechanisms == ["PLAIN", "LOGIN"]
    assert conf.wrong_line is None


def test_an_empty_file_means_auxprop_and_every_mechanism() -> None:
    conf = parse(PATH, "")

    assert conf.methods == ["auxprop"]
    assert conf.mechanisms is None


def test_a_line_without_colon_or_value_spoils_the_file() -> None:
    for line in ("mech_list PLAIN", "mech_list:", "mech list: PLAIN", ": PLAIN", "mech_list : PLAIN"):
        conf = parse(PATH, f"pwcheck_method: saslauthd\n{line}\n")

        assert (conf.wrong_line, conf.options) == (2, {})


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    conf = parse(PATH, text)

    assert conf.wrong_line is None or not conf.options


values = st.text(st.characters(categories=["L", "N", "P"], max_codepoint=0x24F), min_size=1, max_size=10)
lines = st.sampled_from(["mech_list: GSSAPI", " Mech_List:LOGIN", "# mech_list: x", "pwcheck_method: auxprop", ""])


@settings(max_examples=25)
@given(st.lists(lines, max_size=4), values)
def test_the_command_makes_a_line_the_only_one_of_its_key(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], value: str
) -> None:
    path = tmp_path_factory.mktemp("conf") / "smtpd.conf"
    path.write_text("\n".join(before))
    conf = parse(path, path.read_text())

    subprocess.run(["sh", "-c", conf.set("mech_list", value)], check=True)

    assert parse(path, path.read_text()).options == {**conf.options, "mech_list": value}


def test_on_debian_two_places_count_for_postfix(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/debian_version").touch()
    sight = Sight(tmp_path)

    places = places_of_postfix(sight, Path("/etc/postfix"), "smtpd")

    assert places == [Path("/etc/postfix/sasl/smtpd.conf"), Path("/usr/lib/sasl/smtpd.conf")]
    assert set(places) < set(known_places(sight, Path("/etc/postfix"), "smtpd"))


def test_elsewhere_those_of_libsasl2_count_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)

    places = places_of_postfix(Sight(tmp_path), Path("/etc/postfix"), "smtpd")

    assert list(map(str, places)) == [
        "/etc/sasl2/smtpd.conf",
        "/etc/sasl/smtpd.conf",
        "/usr/lib/x86_64-linux-gnu/sasl2/smtpd.conf",
        "/usr/lib64/sasl2/smtpd.conf",
        "/usr/lib/sasl2/smtpd.conf",
    ]
