"""What the host offers: properties, clips and images, parameters, messages, progress."""

import ctypes as c
import re

from support.ofx_host import abi
from support.ofx_host.images import Image, kind_of

DEFAULT = {"Integer": [0], "Double": [0.0], "Boolean": [0], "Choice": [0], "String": [b""]}
PAIRS = ("Double2D",)


class Properties(dict):
    """Name to values. Texts are bytes, kept alive as long as the set is."""

    def __init__(self, values=()):
        super().__init__()
        for name, given in dict(values).items():
            given = given if isinstance(given, list | tuple) else [given]
            self[name] = [v.encode() if isinstance(v, str) else v for v in given]


class Param:
    def __init__(self, kind, name):
        self.kind, self.name, self.properties = kind, name, Properties()
        self.value = None

    def reset(self):
        """To the default, as in a new instance."""
        given = self.properties.get("OfxParamPropDefault")
        if self.kind in PAIRS:
            self.value = list(given or [0.0, 0.0])
        else:
            self.value = list(given or DEFAULT.get(self.kind, []))


class Clip:
    """An input or the output. `frame(time)` gives an `Image`, or None."""

    def __init__(self, name):
        self.name, self.properties = name, Properties()
        self.frame = lambda time: None
        self.region = (0.0, 0.0, 0.0, 0.0)


class Effect:
    """A descriptor or an instance."""

    def __init__(self):
        self.properties = Properties()
        self.clips: dict[str, Clip] = {}
        self.params: dict[str, Param] = {}
        self.persistent = None


class Suites:
    """The functions of the suites, under the names that the interface gives them.

    The host that they are for has: `objects` (by handle), `images_out`, `violations`, `messages`,
    `progress`, and what an action allows.
    """

    def _handle(self, thing):
        self.objects[id(thing)] = thing
        return id(thing)

    def _of(self, handle, kind):
        thing = self.objects.get(handle)
        return thing if isinstance(thing, kind) else None

    # --- property suite ---

    def _set(self, handle, name, index, value):
        properties = self._of(handle, Properties)
        if properties is None or index < 0:
            return abi.BAD_HANDLE
        values = properties.setdefault(name.decode(), [])
        values += [None] * (index + 1 - len(values))
        values[index] = value
        return abi.OK

    def propSetPointer(self, handle, name, index, value):  # noqa: N802
        return self._set(handle, name, index, value)

    propSetString = propSetDouble = propSetInt = propSetPointer  # noqa: N815

    def _get(self, handle, name, index, kind, target):
        properties = self._of(handle, Properties)
        if properties is None:
            return abi.BAD_HANDLE
        values = properties.get(name.decode())
        if values is None or not 0 <= index < len(values):
            return abi.ERR_UNKNOWN
        if values[index] is not None and not isinstance(values[index], kind):
            return abi.ERR_UNKNOWN
        target[0] = values[index]
        return abi.OK

    def propGetPointer(self, handle, name, index, target):  # noqa: N802
        return self._get(handle, name, index, int, target)

    def propGetString(self, handle, name, index, target):  # noqa: N802
        return self._get(handle, name, index, bytes, target)

    def propGetDouble(self, handle, name, index, target):  # noqa: N802
        return self._get(handle, name, index, (int, float), target)

    def propGetInt(self, handle, name, index, target):  # noqa: N802
        return self._get(handle, name, index, int, target)

    def propGetDimension(self, handle, name, target):  # noqa: N802
        target[0] = len(self._of(handle, Properties).get(name.decode(), []))
        return abi.OK

    # --- image effect suite ---

    def getPropertySet(self, handle, target):  # noqa: N802
        effect = self._of(handle, Effect)
        if effect is None:
            return abi.BAD_HANDLE
        target[0] = self._handle(effect.properties)
        return abi.OK

    def getParamSet(self, handle, target):  # noqa: N802
        if self._of(handle, Effect) is None:
            return abi.BAD_HANDLE
        target[0] = handle
        return abi.OK

    def clipDefine(self, handle, name, target):  # noqa: N802
        clip = self._of(handle, Effect).clips.setdefault(name.decode(), Clip(name.decode()))
        target[0] = self._handle(clip.properties)
        return abi.OK

    def clipGetHandle(self, handle, name, target, properties):  # noqa: N802
        clip = self._of(handle, Effect).clips.get(name.decode())
        if clip is None:
            return abi.BAD_HANDLE
        target[0] = self._handle(clip)
        if properties:
            properties[0] = self._handle(clip.properties)
        return abi.OK

    def clipGetPropertySet(self, handle, target):  # noqa: N802
        clip = self._of(handle, Clip)
        if clip is None:
            return abi.BAD_HANDLE
        target[0] = self._handle(clip.properties)
        return abi.OK

    def clipGetImage(self, handle, time, region, target):  # noqa: N802
        clip = self._of(handle, Clip)
        if clip is None:
            return abi.BAD_HANDLE
        if not self.allow_images:
            self.violations.append("an image was fetched in an action that forbids it")
            return abi.FAILED
        image = clip.frame(time)
        if image is None:
            return abi.FAILED
        depth, components = kind_of(image.pixels()) if isinstance(image, Image) else ("", "")
        self._images_taken += 1
        properties = Properties(
            {
                "OfxImagePropData": image.address,
                "OfxImagePropBounds": list(image.bounds),
                "OfxImagePropRegionOfDefinition": list(image.whole),
                "OfxImagePropRowBytes": image.row_bytes,
                "OfxImageEffectPropPixelDepth": depth,
                "OfxImageEffectPropComponents": components,
                "OfxImageEffectPropRenderScale": [1.0, 1.0],
                "OfxImagePropPixelAspectRatio": 1.0,
                **image.extra,
            }
        )
        target[0] = self._handle(properties)
        self.images_out[id(properties)] = (properties, clip.name)
        return abi.OK

    def clipReleaseImage(self, handle):  # noqa: N802
        if self.images_out.pop(handle, None) is None:
            self.violations.append("an image was released that was not taken")
            return abi.BAD_HANDLE
        self.objects.pop(handle, None)
        return abi.OK

    def clipGetRegionOfDefinition(self, handle, time, target):  # noqa: N802
        clip = self._of(handle, Clip)
        if clip is None or clip.region[2] <= clip.region[0]:
            return abi.FAILED
        target[0] = abi.RectD(*clip.region)
        return abi.OK

    def abort(self, handle):
        return int(self.abort_after is not None and self._images_taken >= self.abort_after)

    # --- parameter suite ---

    def paramDefine(self, handle, kind, name, target):  # noqa: N802
        effect = self._of(handle, Effect)
        if kind.decode().removeprefix("OfxParamType") in self.lacking:
            return abi.ERR_UNSUPPORTED
        if name.decode() in effect.params:
            self.violations.append(f"parameter {name.decode()} is defined twice")
        param = Param(kind.decode().removeprefix("OfxParamType"), name.decode())
        effect.params[param.name] = param
        if target:
            target[0] = self._handle(param.properties)
        return abi.OK

    def paramGetHandle(self, handle, name, target, properties):  # noqa: N802
        effect = self._of(handle, Effect)
        param = effect.params.get(name.decode())
        if param is None:
            return abi.ERR_UNKNOWN
        target[0] = self._handle(param)
        return abi.OK

    def paramGetValue(self, handle, *targets):  # noqa: N802
        param = self._of(handle, Param)
        if param is None:
            return abi.BAD_HANDLE
        kind = {"Double": c.c_double, "Double2D": c.c_double, "String": c.c_char_p}
        for value, target in zip(param.value, targets, strict=False):
            c.cast(target, c.POINTER(kind.get(param.kind, c.c_int)))[0] = value
        return abi.OK

    def paramSetValue(self, handle, first, second, third, *doubles):  # noqa: N802
        param = self._of(handle, Param)
        if param is None:
            return abi.BAD_HANDLE
        if not self.allow_set:
            self.violations.append(f"parameter {param.name} was set in an action that forbids it")
        if param.kind == "String":
            param.value = [c.string_at(first)]
        elif param.kind in ("Double", "Double2D"):
            param.value = list(doubles[: len(param.value)])
        else:
            param.value = [c.c_int((first or 0) & 0xFFFFFFFF).value]
        return abi.OK

    # --- messages and progress ---

    def _text(self, pattern, first):
        assert pattern == b"%s", "text from outside was given as the format"
        return re.sub(r"\s+", " ", c.string_at(first).decode())

    def message(self, handle, kind, identifier, pattern, first, *rest):
        self.messages.append((kind.decode(), self._text(pattern, first)))
        return abi.OK

    def setPersistentMessage(self, handle, kind, identifier, pattern, first, *rest):  # noqa: N802
        effect = self._of(handle, Effect)
        effect.persistent = self._text(pattern, first)
        return abi.OK

    def clearPersistentMessage(self, handle):  # noqa: N802
        self._of(handle, Effect).persistent = None
        return abi.OK

    def progressStart(self, handle, label):  # noqa: N802
        self.progress.append("start")
        return abi.OK

    def progressUpdate(self, handle, fraction):  # noqa: N802
        self.progress.append(fraction)
        updates = sum(not isinstance(p, str) for p in self.progress)
        cancelled = self.cancel_after is not None and updates > self.cancel_after
        return abi.REPLY_NO if cancelled else abi.OK

    def progressEnd(self, handle):  # noqa: N802
        self.progress.append("end")
        return abi.OK
