"""What is wrong with a configuration, all of it at once."""


class ConfigError(Exception):
    """A configuration that cannot be used. `problems` holds a line each: ``FILE:LINE: key: expected …, got …``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
