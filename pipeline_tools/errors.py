"""The errors that a person is meant to read, in one hierarchy. Importing this module costs nothing."""

from __future__ import annotations


class PipelineToolsError(Exception):
    """Base of every error that the toolkit and the components raise themselves.

    The message is enough to act on: runners and commands print it alone; the traceback is in the step's log.
    """


class InputError(PipelineToolsError, ValueError):
    """Something given cannot be used: a file, a row, a column, a parameter or a module.

    The message names it and says how to fix it.
    """


class ServiceError(InputError):
    """A service could not be reached, or did not do what it was asked.

    Attributes:
        status: The HTTP status it answered with; None where it did not answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class MissingExtraError(PipelineToolsError, ImportError):
    """A module of an optional dependency is not installed; the message names the extra to install."""
