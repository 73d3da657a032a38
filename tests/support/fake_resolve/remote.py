"""How objects of Resolve's API behave, whatever they stand for.

Nothing raises; what a version does not have reads as None; every call makes new objects, so only
ids tell whether two are the same. What no public note documents is refused loudly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SURFACE: dict[str, Any] = json.loads((Path(__file__).parent / "surface.json").read_text())


class RefusedError(BaseException):
    """A use of the API that no documentation covers. No `except Exception` may swallow it."""


class Remote:
    """A proxy, as Resolve hands them out."""

    def __init__(self, model: Any) -> None:
        object.__setattr__(self, "_model", model)

    def __dir__(self) -> list[str]:
        methods = SURFACE["classes"][self._model.kind]
        version = self._model.app.version
        return [name for name, (since, _, _) in methods.items() if tuple(since) <= version]

    def __getattr__(self, name: str) -> Any:
        model = object.__getattribute__(self, "_model")
        if name.startswith("__"):
            raise AttributeError(name)
        exports = SURFACE["exports"]
        if model.kind == "Resolve" and name in exports:
            is_there = tuple(exports[name]) <= model.app.version
            return model.app.export_number(name) if is_there else None
        method = SURFACE["classes"][model.kind].get(name)
        if method is None:
            raise RefusedError(f"{model.kind}.{name} is in no documentation")
        since, least, most = method
        if tuple(since) > model.app.version:
            return None
        work = getattr(model, name, None)
        if work is None:
            raise RefusedError(f"the fake lacks {model.kind}.{name}: add it, or do not use it")

        def call(*arguments: Any) -> Any:
            if not least <= len(arguments) <= most:
                raise RefusedError(
                    f"{model.kind}.{name} takes {least} to {most} arguments, not {len(arguments)}"
                )
            model.app.calls.append((model.kind, name, arguments))
            if model.app.is_blocked:
                return None
            return handed_out(work(*[received(argument) for argument in arguments]))

        return call


def handed_out(value: Any) -> Any:
    """Models as proxies; lists as Resolve sends them."""
    if isinstance(value, Model):
        return Remote(value)
    if isinstance(value, list):
        return [handed_out(entry) for entry in value]
    if isinstance(value, dict):
        return {key: handed_out(entry) for key, entry in value.items()}
    return value


def received(value: Any) -> Any:
    """Proxies as models."""
    if isinstance(value, Remote):
        return object.__getattribute__(value, "_model")
    if isinstance(value, list):
        return [received(entry) for entry in value]
    if isinstance(value, dict):
        return {key: received(entry) for key, entry in value.items()}
    return value


class Model:
    """Something of the application; methods named as in the API are reached through proxies."""

    kind = ""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.id = app.new_id()

    def GetUniqueId(self) -> str:
        return self.id


class Markers:
    """Markers of an item or a timeline: found by frame and by custom data."""

    def __init__(self) -> None:
        self.markers: dict[float, dict[str, Any]] = {}

    def marker_frames(self) -> range:
        """Where markers may be."""
        raise NotImplementedError

    def AddMarker(
        self, frame: float, colour: str, name: str, note: str, duration: float, custom: str = ""
    ) -> bool:
        if colour not in SURFACE["marker_colours"] or int(frame) not in self.marker_frames():
            return False
        if float(frame) in self.markers:
            return False
        self.markers[float(frame)] = {
            **{"color": colour, "name": name, "note": note},
            **{"duration": float(duration), "customData": custom},
        }
        return True

    def GetMarkers(self) -> dict[float, dict[str, Any]]:
        return dict(self.markers)

    def GetMarkerByCustomData(self, custom: str) -> dict[str, Any]:
        return next((m for m in self.markers.values() if m["customData"] == custom), {})

    def DeleteMarkerByCustomData(self, custom: str) -> bool:
        for frame, marker in self.markers.items():
            if marker["customData"] == custom:
                del self.markers[frame]
                return True
        return False
