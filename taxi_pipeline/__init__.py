"""Chicago taxi trips from raw rows to a judged, served model: an application of ``components``."""
