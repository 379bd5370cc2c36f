"""The modules that the source of a Python component imports."""

from __future__ import annotations

import ast
import sys

from pipeline_tools.errors import InputError


def imported_modules(source: str, *, nested: bool) -> list[str]:
    """Find the modules outside the standard library that a Python source imports, in the order of the text.

    Args:
        source: The text of a module.
        nested: Whether to look into functions and classes too. What is in a ``try`` is left out: it is prepared for
            the module to be missing.

    Returns:
        Their dotted names.

    Raises:
        InputError: The source is not Python.
    """
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append(node.module)
        elif isinstance(node, ast.Try):
            return
        elif nested or isinstance(node, ast.Module):
            for child in ast.iter_child_nodes(node):
                visit(child)

    try:
        visit(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        raise InputError(f"the source of its function is not Python{where}: {error.args[0]}") from None
    return [name for name in dict.fromkeys(found) if name.partition(".")[0] not in sys.stdlib_module_names]


__all__ = ["imported_modules"]
