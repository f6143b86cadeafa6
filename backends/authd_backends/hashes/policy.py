"""What a backend's options say of the stored passwords in it."""

from dataclasses import dataclass

from authd_backends.hashes.names import check_scheme


@dataclass(frozen=True, slots=True)
class Policy:
    """The options `default_scheme` and `weak_schemes`, which every backend that holds hashes has.

    Raises OptionError for a scheme that no value could have.
    """

    default_scheme: str | None = None  # of values that name none and whose form tells none
    weak_schemes: bool = False  # accept what is guessed at millions a second: see docs/hashes.md

    def __post_init__(self) -> None:
        if self.default_scheme is not None:
            check_scheme(self.default_scheme, "default_scheme")
