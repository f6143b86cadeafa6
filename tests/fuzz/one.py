"""``python -m tests.fuzz.one HARNESS [LIBFUZZER-OPTION | FOLDER | FILE]…``: one harness under atheris, in one process.

A FILE alone is given to the harness once, as after a failure.
"""

import sys


def main(name: str, *options: str) -> None:
    import atheris  # of the dependency group "fuzz"

    atheris.enabled_hooks.add("str")
    with atheris.instrument_imports(include=["authd", "authd_backends", "tomllib"]):
        from tests.fuzz.harnesses import HARNESSES
    harness = HARNESSES[name]
    again = f"{sys.executable} -m tests.fuzz.one {name}"  # which libFuzzer starts to merge
    atheris.Setup([again, f"-max_len={harness.longest}", *options], harness.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
