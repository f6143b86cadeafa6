from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.doctor.main_cf import Postfix, Smtpd, read_postfix
from authd.doctor.sight import Sight

DIRECTORY = Path("/etc/postfix")
MAIN = """\
# smtpd_sasl_type = dovecot
mail_owner = first
mail_owner = postfix
smtpd_sasl_auth_enable =
   yes
# a comment within
base = /srv/spool
queue_directory = ${base}/$(name)
name=postfix
"""
MASTER = """\
# smtp inet n - n - - smtpd
smtp       inet  n       -       y       -       -       smtpd
submission inet  n       -       n       -       -       smtpd
  -o syslog_name=postfix/submission -o smtpd_sasl_type=dovecot
# within
  -o { smtpd_sasl_security_options = noanonymous, noplaintext }
  -o smtpd_sasl_auth_enable=no
smtps      inet  n       -       -       -       -       smtpd -osmtpd_tls_wrappermode=yes
smtp       unix  -       -       y       -       -       smtp
  -o smtpd_sasl_type=smtp
short      inet  n
"""


@pytest.fixture
def postfix(tmp_path: Path) -> Postfix:
    return read(tmp_path, MAIN, MASTER)


def read(root: Path, main: str, master: str = MASTER) -> Postfix:
    (root / "etc/postfix").mkdir(parents=True)
    (root / "etc/postfix/main.cf").write_text(main)
    (root / "etc/postfix/master.cf").write_text(master)
    found = read_postfix(Sight(root), DIRECTORY)
    assert found is not None
    return found


def service(postfix: Postfix, name: str) -> Smtpd:
    return next(each for each in postfix.services if each.name == name)


def test_lines_go_on_behind_white_space_and_the_last_of_a_name_counts(postfix: Postfix) -> None:
    assert postfix.settings["smtpd_sasl_auth_enable"] == "yes"
    assert postfix.settings["smtpd_sasl_type"] == "cyrus"
    assert postfix.owner == "postfix"


def test_references_are_put_in(postfix: Postfix) -> None:
    assert postfix.queue_directory == Path("/srv/spool/postfix")
    assert postfix.settings["smtpd_sasl_tls_security_options"] == "noanonymous"


def test_only_lines_that_run_smtpd_are_services(postfix: Postfix) -> None:
    assert [each.name for each in postfix.services] == ["smtp/inet", "submission/inet", "smtps/inet"]


def test_a_service_has_its_own_settings(postfix: Postfix) -> None:
    submission = service(postfix, "submission/inet")

    assert submission.settings["smtpd_sasl_type"] == "dovecot"
    assert submission.settings["smtpd_sasl_security_options"] == "noanonymous, noplaintext"
    assert not submission.has_auth
    assert service(postfix, "smtp/inet").has_auth
    assert service(postfix, "smtps/inet").settings["smtpd_tls_wrappermode"] == "yes"


@pytest.mark.parametrize(("level", "is_chrooted"), [("", True), ("0", True), ("1", False), ("3.6", False)])
def test_a_dash_means_chrooted_before_compatibility_level_1(tmp_path: Path, level: str, is_chrooted: bool) -> None:
    postfix = read(tmp_path, f"compatibility_level = {level}\n")

    assert service(postfix, "smtps/inet").is_chrooted == is_chrooted
    assert service(postfix, "smtp/inet").is_chrooted
    assert not service(postfix, "submission/inet").is_chrooted


def test_what_is_set_for_a_service_is_changed_there(postfix: Postfix) -> None:
    smtp, submission = service(postfix, "smtp/inet"), service(postfix, "submission/inet")

    here = postfix.set(submission, "smtpd_sasl_type", "cyrus")
    assert here == "postconf -P submission/inet/smtpd_sasl_type=cyrus && postfix reload"
    assert postfix.set(smtp, "smtpd_sasl_type", "cyrus") == "postconf -e smtpd_sasl_type=cyrus && postfix reload"


def test_another_instance_is_named_in_the_commands(postfix: Postfix) -> None:
    other = Postfix(Path("/etc/postfix out"), postfix.settings, postfix.services)

    assert other.leave_chroot(postfix.services[0]) == (
        "postconf -c '/etc/postfix out' -F smtp/inet/chroot=n && postfix -c '/etc/postfix out' reload"
    )


def test_without_a_main_cf_there_is_no_postfix(tmp_path: Path) -> None:
    assert read_postfix(Sight(tmp_path), DIRECTORY) is None


@pytest.mark.timeout(20)
def test_settings_that_refer_to_themselves_come_to_an_end(tmp_path: Path) -> None:
    postfix = read(tmp_path, "queue_directory = $a$a\na = $b$b$b$b\nb = $a$a$a$a\nmail_owner = $mail_owner\n")

    assert len(str(postfix.queue_directory)) <= 4096


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_read(tmp_path_factory: pytest.TempPathFactory, main: str, master: str) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / "etc/postfix").mkdir(parents=True)
    (root / "etc/postfix/main.cf").write_text(main, errors="surrogatepass")
    (root / "etc/postfix/master.cf").write_text(master, errors="surrogatepass")

    assert read_postfix(Sight(root), DIRECTORY) is not None
