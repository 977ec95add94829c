"""What is raised when the user asked for something that can't be done.

The command line prints these without a traceback and exits with code 2. A check that
fails is no exception: it is a `Finding`, and exits with code 1.
"""


class RequestError(Exception):
    """A wrong request: the message names the place, the rule, what was got, what to do."""


class ConfigError(RequestError):
    """Every error of a config at once, one line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
