"""Keep the served versions in step with the base paths.

A new version is loaded before the old one is let go (TF-Serving's availability-preserving policy); the old one answers
what it has begun before it is unloaded. A version that cannot be loaded leaves the old one where it is.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from components.lib.serving.batching import Batcher
from components.lib.serving.config import ModelConfig
from components.lib.serving.errors import Code, ServingError, invalid
from components.lib.serving.servable import Servable

LOG = logging.getLogger(__name__)

START, LOADING, AVAILABLE, UNLOADING, END = 10, 20, 30, 40, 50
"""States of a version, numbered as in TF-Serving's ``ModelVersionStatus``."""

_REMEMBERED = 100
"""Removed versions that the status still reports."""


@dataclass
class _Version:
    number: int
    state: int = START
    error: str = ""
    stamp: tuple[float, int] = (0.0, 0)
    servable: Servable | None = None
    batchers: dict[str, Batcher] = field(default_factory=dict)
    users: int = 0


@dataclass
class _Model:
    config: ModelConfig
    versions: dict[int, _Version] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionStatus:
    """What is known of a version.

    Attributes:
        version: Its number.
        state: `START` to `END`.
        error: Why it could not be loaded; empty where it could.
    """

    version: int
    state: int
    error: str


class Lease:
    """The right to use a version, which is not unloaded meanwhile.

    Attributes:
        servable: The loaded version.
        batchers: By signature.
    """

    def __init__(self, version: _Version) -> None:
        assert version.servable is not None
        self.servable = version.servable
        self.batchers = version.batchers


class Manager:
    """The models of a server.

    Args:
        models: What to serve.
        poll_seconds: How often to look for new versions.
        observe: Told of each batch: model name and rows.
    """

    def __init__(
        self,
        models: Sequence[ModelConfig],
        poll_seconds: float = 1.0,
        observe: Callable[[str, int], Any] = lambda _name, _rows: None,
    ) -> None:
        self._poll_seconds = poll_seconds
        self._observe = observe
        self._changed = threading.Condition()
        self._refreshing = threading.Lock()
        self._models = {config.name: _Model(config) for config in models}
        self._stop = threading.Event()
        self._told: set[str] = set()
        self._thread = threading.Thread(target=self._poll, name="versions", daemon=True)

    def start(self) -> None:
        """Load what is there, then keep looking."""
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and unload everything."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=60)
        with self._refreshing:
            for model in self._models.values():
                self._let_go(model, list(model.versions))

    def model_names(self) -> list[str]:
        """List the models of the config."""
        with self._changed:
            return sorted(self._models)

    def knows(self, name: str) -> bool:
        """Say whether a model is in the config."""
        return name in self._models

    def available(self, name: str) -> list[int]:
        """List the available versions of a model, in order."""
        with self._changed:
            model = self._models.get(name)
            versions = model.versions.values() if model else []
            return sorted(each.number for each in versions if each.state == AVAILABLE)

    @contextlib.contextmanager
    def use(self, name: str, version: int | None = None, label: str = "") -> Iterator[Lease]:
        """Hold a version while it is used.

        Args:
            name: The model.
            version: Its version; by default the newest that is served.
            label: A label of a version, instead of its number.

        Yields:
            The lease.

        Raises:
            ServingError: No such model, version or label is served.
        """
        with self._changed:
            found = self._find(name, version, label)
            found.users += 1
            lease = Lease(found)
        try:
            yield lease
        finally:
            del lease
            with self._changed:
                found.users -= 1
                if not found.users:
                    self._changed.notify_all()

    def status(self, name: str, version: int | None = None, label: str = "") -> list[VersionStatus]:
        """Tell the state of a model's versions, the newest first.

        Args:
            name: The model.
            version: Only this version.
            label: Only the version of this label.

        Returns:
            At least one status.

        Raises:
            ServingError: Nothing is known of it.
        """
        with self._changed:
            model = self._models.get(name)
            if model is not None and label:
                version = self._labelled(model, label)
            if model is None or not model.versions:
                raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
            if version is not None and version not in model.versions:
                raise ServingError(Code.NOT_FOUND, f"Could not find version {version} of model {name}")
            return [
                VersionStatus(each.number, each.state, each.error)
                for each in sorted(model.versions.values(), key=lambda each: -each.number)
                if version in (None, each.number)
            ]

    def reload(self, models: Sequence[ModelConfig]) -> None:
        """Serve other models: what is not named is let go.

        Args:
            models: All that is to be served from now on.

        Raises:
            ServingError: A label names a version that is not available once everything is loaded; labels then stay.
        """
        with self._refreshing:
            with self._changed:
                before = {name: model.config for name, model in self._models.items()}
                gone = [model for name, model in self._models.items() if name not in {each.name for each in models}]
                for config in models:
                    known = self._models.get(config.name)
                    labels = known.config.labels if known else {}
                    unlabelled = ModelConfig(config.name, config.base_path, config.policy, labels)
                    if known is None or known.config.base_path != config.base_path:
                        gone.extend([known] if known else [])
                        self._models[config.name] = _Model(unlabelled)
                    else:
                        known.config = unlabelled
                for name in before.keys() - {each.name for each in models}:
                    del self._models[name]
            for model in gone:
                self._let_go(model, list(model.versions))
            self._refresh()
            with self._changed:
                for config in models:
                    self._assign_labels(config)

    def refresh(self) -> None:
        """Look once for versions that came or went."""
        with self._refreshing:
            self._refresh()

    def _poll(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            try:
                self.refresh()
            except Exception:  # noqa: PERF203 - a base path may be out of reach for a while
                LOG.exception("looking for versions")

    def _refresh(self) -> None:
        with self._changed:
            models = list(self._models.values())
        for model in models:
            self._refresh_model(model)

    def _refresh_model(self, model: _Model) -> None:
        stamps = self._whole_versions(model.config.base_path)
        wanted = model.config.policy.choose(sorted(stamps))
        for number in wanted:
            known = model.versions.get(number)
            if known is None or (known.state == END and (not known.error or known.stamp != stamps[number])):
                self._load(model, number, stamps[number])
        available = [number for number, each in model.versions.items() if each.state == AVAILABLE]
        loaded = [number for number in available if number in wanted]
        # While none of the wanted versions can be loaded, the old one stays, unless it was taken away.
        keep = loaded or [number for number in available if number in stamps][-1:]
        self._let_go(model, [number for number in available if number not in (*loaded, *keep)])
        with self._changed:
            gone = [number for number, each in model.versions.items() if each.state == END and number not in stamps]
            for number in gone[:-_REMEMBERED]:
                del model.versions[number]

    def _load(self, model: _Model, number: int, stamp: tuple[float, int]) -> None:
        name = model.config.name
        version = _Version(number, LOADING, stamp=stamp)
        with self._changed:
            model.versions[number] = version
        began = time.monotonic()
        try:
            servable = Servable(f"{model.config.base_path}/{number}", name, number)
        except Exception as error:
            LOG.error("%s version %d cannot be loaded: %s", name, number, error)  # noqa: TRY400 - no traceback
            with self._changed:
                version.state, version.error = END, str(error)
                self._changed.notify_all()
            return
        for signature in servable.signatures():
            if servable.is_batched(signature):
                version.batchers[signature] = Batcher(servable, signature, lambda rows: self._observe(name, rows))
        with self._changed:
            version.servable, version.state = servable, AVAILABLE
            self._changed.notify_all()
        LOG.info("%s version %d available after %.1f s", name, number, time.monotonic() - began)

    def _let_go(self, model: _Model, numbers: Sequence[int]) -> None:
        for number in numbers:
            version = model.versions[number]
            with self._changed:
                if version.state != AVAILABLE:
                    continue
                version.state = UNLOADING  # no new requests from now on
                self._changed.wait_for(lambda version=version: not version.users, timeout=60)  # type: ignore[misc]
                if version.servable is not None and not version.users:
                    version.servable.close()
                version.servable, version.state = None, END
                version.batchers.clear()
                self._changed.notify_all()
            gc.collect()  # a graph refers to itself; what waits for the collector adds up, some MB a version
            LOG.info("%s version %d unloaded", model.config.name, number)

    def _whole_versions(self, base_path: str) -> dict[int, tuple[float, int]]:
        """Find numbered directories with a ``saved_model.pb``: without it a version is still being written."""
        found: dict[int, tuple[float, int]] = {}
        try:
            names = tf.io.gfile.listdir(base_path)
        except tf.errors.OpError as error:
            self._tell_once(f"{base_path}: {error.message}")
            return found
        for name in (name.rstrip("/") for name in names):
            if not name.isdecimal():
                continue
            mark = f"{base_path}/{name}/saved_model.pb"
            try:
                stat = tf.io.gfile.stat(mark)
            except tf.errors.OpError:
                self._tell_once(f"{base_path}/{name} is ignored until it is a directory that contains saved_model.pb")
                continue
            found[int(name)] = (stat.mtime_nsec, stat.length)
        return found

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            LOG.warning(message)

    def _find(self, name: str, version: int | None, label: str) -> _Version:
        model = self._models.get(name)
        if model is not None and label:
            version = self._labelled(model, label)
        available = {n: each for n, each in (model.versions if model else {}).items() if each.state == AVAILABLE}
        if version is None and available:
            return available[max(available)]
        if version in available:
            return available[version]
        wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")

    def _labelled(self, model: _Model, label: str) -> int:
        try:
            return model.config.labels[label]
        except KeyError:
            raise invalid(f"Unrecognized servable version label: {label}") from None

    def _assign_labels(self, config: ModelConfig) -> None:
        model = self._models[config.name]
        for label, number in config.labels.items():
            version = model.versions.get(number)
            if version is None or version.state != AVAILABLE:
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    f"Request to assign label {label} to version {number} of model {config.name}, which is not "
                    "currently available for inference",
                )
        model.config = config
