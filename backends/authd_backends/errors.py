"""The one family of errors of this package."""


class BackendError(Exception):
    """Something a backend needs is not as it has to be; the text says where, expected and got."""


class OptionError(BackendError):
    """The configuration cannot work: the start ends here. `option` names the key where one is to blame."""

    def __init__(self, message: str, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option


class MissingLibraryError(OptionError):
    """A library of an extra is not installed; the text says how to get it."""


class Unavailable(BackendError):  # noqa: N818  # what it says of the store, as in errno's EAGAIN
    """The store cannot answer now and may answer later."""
