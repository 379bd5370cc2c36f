r"""Argo's expressions, and the encoding in which every parameter travels from step to step.

Argo replaces ``{{…}}`` in the text of a manifest, several times over, so a value that holds ``{{`` itself would be
replaced a second time, and a quote or a newline could end the string that it was put into. Therefore a parameter
always travels as one JSON text in which ``{{`` cannot occur (its second brace is written ``\u007b``), and every
hand-over is an expression tag, ``{{=…}}``, whose result Argo encodes itself.

The language is expr-lang as Argo configures it: https://argo-workflows.readthedocs.io/en/latest/variables/#expression.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.spec.conditions import parse_condition
from pipeline_tools.spec.text import text_of


def encode(value: Any) -> str:
    """Write a value as it travels: JSON in plain ASCII, without ``{{``.

    Args:
        value: What JSON can hold.

    Returns:
        The text.
    """
    return json.dumps(value).replace("{{", "{\\u007b")


def quote(text: str) -> str:
    """Write a string constant of the expression language, without a brace, so that it never ends or begins a tag."""
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character in "{}" or ord(character) < 0x20 or ord(character) == 0x7F:
        return f"\\u{ord(character):04x}"
    return character


def encoded(expression: str) -> str:
    """Give the expression for what `encode` does, of the value of another expression."""
    return f'replace(toJson({expression}), "\\u007b\\u007b", "\\u007b\\\\u007b")'


def joined(parts: list[str]) -> str:
    """Give the expression that joins texts."""
    return " + ".join(parts) if parts else '""'


@dataclass(frozen=True)
class Value:
    """Where a parameter comes from.

    Attributes:
        expression: An expression whose result is the encoded value.
        constant: The encoded value itself, where it is known.
    """

    expression: str
    constant: str | None = None

    @classmethod
    def of(cls, value: Any) -> Value:
        """Make the value of a constant."""
        text = encode(value)
        return cls(quote(text), text)

    @property
    def argument(self) -> str:
        """The `value` of an argument."""
        return self.constant if self.constant is not None else tag(self.expression)

    @property
    def decoded(self) -> str:
        """The expression for the value itself."""
        return f"fromJSON({self.expression})"

    @property
    def text(self) -> str:
        """The expression for the value as `pipeline_tools.spec.text.text_of` writes it into a text."""
        if self.constant is not None:
            return quote(text_of(json.loads(self.constant)))
        number = "(# == int(#) ? toJson(int(#)) : sprig.toString(#))"
        other = f'(type(#) == "nil" ? "" : type(#) == "float" ? {number} : toJson(#))'
        return f'map([{self.decoded}], type(#) == "string" ? # : {other})[0]'

    def unless_null(self, default: Value) -> Value:
        """Give the value, or another where it is null."""
        if self.constant is not None:
            return default if self.constant == encode(None) else self
        return Value(f"({self.expression} == {quote(encode(None))} ? {default.expression} : {self.expression})")

    def if_succeeded(self, task: str) -> Value:
        """Give the value, or null where the task that returns it did not succeed."""
        return Value(f"({succeeded(task)} ? {self.expression} : {quote(encode(None))})")


def tag(expression: str) -> str:
    """Make the tag that Argo replaces by an expression's result."""
    if "{{" in expression or "}}" in expression:
        raise InputError(f"the braces in {expression!r} would end Argo's tag: name things without them")
    return "{{=" + expression + "}}"


def input_parameter(name: str) -> str:
    """Give the expression for a parameter of the template around it."""
    return f"inputs.parameters[{quote(name)}]"


def workflow_parameter(name: str) -> str:
    """Give the expression for a parameter of the whole workflow."""
    return f"workflow.parameters[{quote(name)}]"


def output_parameter(task: str, name: str) -> str:
    """Give the expression for an output parameter of another task of the same DAG."""
    return f"tasks[{quote(task)}].outputs.parameters[{quote(name)}]"


def output_artifact(task: str, name: str) -> str:
    """Give the expression for an output artifact of another task of the same DAG."""
    return f"tasks[{quote(task)}].outputs.artifacts[{quote(name)}]"


def succeeded(task: str) -> str:
    """Give the expression for whether another task of the same DAG succeeded."""
    return f'tasks[{quote(task)}].status == "Succeeded"'


def literal(value: Any, leaf: Callable[[str], str]) -> str:
    """Write a nested constant as an expression, its strings through `leaf`.

    Args:
        value: What JSON can hold.
        leaf: Gives the expression of a string.

    Returns:
        The expression. Its braces keep their distance, so that no tag begins or ends in it.
    """
    if isinstance(value, str):
        return leaf(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quote(key)}: {literal(item, leaf)}" for key, item in sorted(value.items())) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(literal(item, leaf) for item in value) + "]"
    if value is None:
        return "nil"
    return json.dumps(value)


def condition(text: str, parameter: Callable[[str], Value]) -> str:
    """Translate a condition from the language that KFP writes (CEL) to Argo's.

    Args:
        text: For example ``int(inputs.parameter_values['pipelinechannel--n']) > 3``.
        parameter: Gives the value of a parameter of the task that has the condition.

    Returns:
        The expression.

    Raises:
        InputError: The KFP compiler writes no such condition.
    """
    out: list[str] = []
    for kind, token in parse_condition(text).tokens:
        if kind == "parameter":
            out.append(parameter(token).decoded)
        elif kind == "string":
            out.append(quote(token))
        else:
            out.append("float" if token == "double" else token)  # noqa: S105
    return " ".join(out)
