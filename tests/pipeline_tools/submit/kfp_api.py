"""The API of Kubeflow Pipelines as its own description has it.

`kfp_server_api` is generated from the service's OpenAPI description, and carries all of it: paths, query parameters,
bodies and the types of every field. Here it is read back out of that package, to check requests with.
"""

from __future__ import annotations

import datetime
import inspect
import re
from dataclasses import dataclass
from typing import Any

import kfp_server_api
from kfp_server_api import api, models

INT64 = {"max_concurrency", "interval_second", "execution_id", "pipeline_context_id", "pipeline_run_context_id"}
"""JSON writes whole numbers of 64 bits as text, but reads them as numbers too; the generated types say ``str``."""


class ViolationError(AssertionError):
    """A request that the API does not have."""


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    query: dict[str, str]
    required: set[str]
    body: str | None
    files: set[str]
    response: str

    def match(self, method: str, path: str) -> dict[str, str] | None:
        pattern = re.sub(
            r"\\\{([\w.]+)\\\}", lambda hit: f"(?P<{hit[1].replace('.', '_')}>[^/:]+)", re.escape(self.path)
        )
        found = re.fullmatch(pattern, path) if method == self.method else None
        return found.groupdict() if found else None


def read_operations() -> list[Operation]:
    found = []
    for service in vars(api).values():
        if not inspect.isclass(service):
            continue
        for name, function in vars(service).items():
            if not name.endswith("_with_http_info"):
                continue
            source = inspect.getsource(function)
            path, method = re.search(r"call_api\(\s*'([^']+)', '([A-Z]+)'", source).groups()
            types = dict(re.findall(r":type (\w+): (.+)", source))
            body = re.search(r"body_params = local_var_params\['(\w+)'\]", source)
            found.append(
                Operation(
                    name.removesuffix("_with_http_info"),
                    method,
                    path,
                    {key: types[local] for key, local in re.findall(
                        r"query_params\.(?:append|extend)\(\('([\w.]+)', local_var_params\['(\w+)'\]", source)},
                    set(re.findall(r"Missing the required parameter `(\w+)`", source)),
                    types[body[1]] if body else None,
                    set(re.findall(r"local_var_files\['(\w+)'\] =", source)),
                    re.search(r"response_type='([^']+)'", source)[1],
                )
            )  # fmt: skip
    assert len(found) > 35
    return found


OPERATIONS = read_operations()


def find_operation(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    for operation in OPERATIONS:
        found = operation.match(method, path)
        if found is not None:
            return operation, found
    raise ViolationError(f"the API has no {method} {path}")


def check_query(operation: Operation, query: dict[str, str]) -> None:
    for name, value in query.items():
        if name not in operation.query:
            raise ViolationError(f"{operation.name}: no query parameter {name!r}; it has {sorted(operation.query)}")
        if operation.query[name] == "int" and not value.isdigit():
            raise ViolationError(f"{operation.name}: {name}={value!r} is not a whole number")
    missing = operation.required & set(operation.query) - set(query)
    if missing:
        raise ViolationError(f"{operation.name}: the query lacks {missing}")


def check_body(operation: Operation, body: Any) -> None:
    if (body is not None) != (operation.body is not None):
        raise ViolationError(f"{operation.name}: body {body!r}, wanted {operation.body}")
    if operation.body:
        check(body, operation.body, operation.name)


def check(value: Any, kind: str, where: str) -> None:
    """Hold a JSON value against a type of the API: a field that the type does not have is a violation."""
    if kind.startswith("list["):
        _be(value, list, where)
        for at, each in enumerate(value):
            check(each, kind[5:-1], f"{where}[{at}]")
    elif kind.startswith("dict("):
        _be(value, dict, where)
        for key, each in value.items():
            check(each, kind[5:-1].partition(", ")[2], f"{where}.{key}")
    elif kind == "object":
        return
    elif kind == "datetime":
        _be(value, str, where)
        datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    elif kind in ("str", "int", "bool", "float"):
        number = kind == "str" and where.rpartition(".")[2] in INT64
        _be(value, (int, str) if number else {"str": str, "int": int, "bool": bool, "float": (int, float)}[kind], where)
    else:
        _model(value, getattr(models, kind), where)


def _model(value: Any, model: Any, where: str) -> None:
    if hasattr(model, "allowable_values"):
        if value not in model.allowable_values:
            raise ViolationError(f"{where}: {value!r} is none of {model.allowable_values}")
        return
    _be(value, dict, where)
    types = {model.attribute_map[key]: kind for key, kind in model.openapi_types.items()}
    for key, each in value.items():
        if key not in types:
            raise ViolationError(f"{where}: {model.__name__} has no field {key!r}; it has {sorted(types)}")
        check(each, types[key], f"{where}.{key}")


def _be(value: Any, kind: Any, where: str) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise ViolationError(f"{where}: {value!r} is not {kind}")


VERSION = kfp_server_api.__version__
