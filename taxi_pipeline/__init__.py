"""Chicago taxi trips from raw rows to an evaluated, served model: an application of ``components``."""
