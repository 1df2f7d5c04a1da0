"""The version of the package; part of the keys of what is stored."""

__version__ = "0.1.0"
