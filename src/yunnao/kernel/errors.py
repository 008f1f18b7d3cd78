"""One root for every expected error.

An error carries a public code and parameters; its sentence is looked up in the catalogue of
messages (`kernel/messages`), in the language of whoever reads it. RFC 9457 names the form in
which the API states it.
"""

from typing import Any, ClassVar


class YunnaoError(Exception):
    """An expected error: a status (HTTP), a public code, parameters for its sentence."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"{self.code}({told})"


class InvalidInput(YunnaoError):
    """What came in breaks a rule; the sender can mend it."""

    status = 422


class Unauthenticated(YunnaoError):
    """Nobody is signed in, or the proof of it has expired."""

    status = 401


class Forbidden(YunnaoError):
    """The party is known and has no right to do this."""

    status = 403


class NotFound(YunnaoError):
    """There is no such thing, or none that this party may know of."""

    status = 404


class Conflict(YunnaoError):
    """The thing's present state does not allow this."""

    status = 409


class TooLarge(YunnaoError):
    """A named limit of size was passed."""

    status = 413


class TooMany(YunnaoError):
    """A named limit of rate was passed."""

    status = 429


class Unavailable(YunnaoError):
    """A part that is needed does not answer; trying again later may help."""

    status = 503


class Unsupported(YunnaoError):
    """The platform does not do this, of anything."""

    status = 501
