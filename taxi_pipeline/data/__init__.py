"""The bundled trips."""
