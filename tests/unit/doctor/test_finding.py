import re
import subprocess
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from authd.doctor.finding import Check, Finding, Report, printable, word

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(texts)
def test_nothing_that_is_printed_can_move_a_terminals_cursor(text: str) -> None:
    report = Report((Finding(Check.UNIT, text, text, f"mv {word(text)}"),), (text,))

    assert all(line.isprintable() for line in report.lines())


@settings(max_examples=30)
@given(texts)
@example("-\x1f")
def test_a_quoted_word_prints_and_is_the_same_to_a_shell(text: str) -> None:
    quoted = word(text)
    said = subprocess.run(["sh", "-c", f"printf %s {quoted}"], capture_output=True, check=True).stdout

    assert quoted.isprintable()
    assert said == text.encode("utf-8", "surrogateescape").rstrip(b"\n")


def test_a_path_of_any_bytes_is_the_same_to_a_shell() -> None:
    hostile = b"/run/\xff\x1b[2J'$(reboot)`\\\"\n%s".decode("utf-8", "surrogateescape")

    said = subprocess.run(["sh", "-c", f"printf %s {word(hostile)}"], capture_output=True, check=True).stdout

    assert said == hostile.encode("utf-8", "surrogateescape")


def test_a_finding_has_a_line_each_for_what_why_and_how() -> None:
    report = Report((Finding(Check.GROUP, "what", "why", "how"),), ("/etc/x: Permission denied",))

    assert list(report.lines()) == [
        "group: what",
        "  why:  why",
        "  mend: how",
        "not seen: /etc/x: Permission denied",
    ]


def test_without_findings_the_report_says_whether_all_was_seen() -> None:
    assert list(Report((), ()).lines()) == ["nothing is wrong"]
    assert list(Report((), ("x: no",)).lines()) == ["not seen: x: no", "nothing is wrong with what could be seen"]


def test_what_prints_stays_as_it_is() -> None:
    assert printable("Zoë: /etc/postfix/main.cf") == "Zoë: /etc/postfix/main.cf"


def test_every_check_is_documented() -> None:
    document = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text()
    rows = [line.split("|")[1] for line in document.splitlines() if line.startswith("| `")]

    assert sorted(name for row in rows for name in re.findall(r"`([a-z-]+)`", row)) == sorted(Check)
