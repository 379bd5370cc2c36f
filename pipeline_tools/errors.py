"""The errors a person is meant to read."""


class InputError(ValueError):
    """What was given cannot be used: a file, a row, a column, a parameter or a module.

    The message names it and says how to mend it. Runners print the message alone; the traceback is in the step's log.
    """
