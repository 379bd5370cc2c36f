"""The command line: a frame in which each package registers its commands."""
