"""The host: it describes one plugin, makes instances, changes parameters and renders frames."""

import ctypes as c
from pathlib import Path

from support.ofx_host import abi
from support.ofx_host.suites import Clip, Effect, Properties, Suites

HOST_PROPERTIES = {
    "OfxPropName": ["org.peanut.TestHost"],
    "OfxPropLabel": ["test host"],
    "OfxPropAPIVersion": [1, 4],
    "OfxImageEffectHostPropIsBackground": [0],
    "OfxImageEffectPropSupportsTiles": [0],
    "OfxImageEffectPropTemporalClipAccess": [1],
}


class TestHost(Suites):
    """Loads one plugin binary. Counters say what the effect did that it must not do."""

    __test__ = False

    def __init__(self, binary: Path, *, name="org.peanut.TestHost", without=(), lacking=()):
        self.objects, self.images_out = {}, {}
        self.violations, self.messages, self.progress = [], [], []
        self.abort_after, self.cancel_after = None, None
        self.allow_images, self.allow_set = False, False
        self.host_properties = Properties(HOST_PROPERTIES | {"OfxPropName": [name]})
        # Suites, and types of parameters, that this host does not have.
        self.without, self.lacking = without, lacking
        self._images_taken = 0
        self._suites = {
            ("OfxPropertySuite", 1): abi.Suite(abi.PROPERTY_SUITE, self),
            ("OfxImageEffectSuite", 1): abi.Suite(abi.EFFECT_SUITE, self),
            ("OfxParameterSuite", 1): abi.Suite(abi.PARAM_SUITE, self),
            ("OfxMessageSuite", 2): abi.Suite(abi.MESSAGE_SUITE_V2, self),
            ("OfxMessageSuite", 1): abi.Suite(abi.MESSAGE_SUITE_V2[:1], self),
            ("OfxProgressSuite", 1): abi.Suite(abi.PROGRESS_SUITE_V1, self),
        }
        self._fetch = abi.FETCH_SUITE(self._fetch_suite)
        self._host = abi.Host(self._handle(self.host_properties), self._fetch)
        self.library = c.CDLL(str(binary))
        self.library.OfxGetPlugin.restype = c.POINTER(abi.Plugin)
        assert self.library.OfxGetNumberOfPlugins() == 1
        assert not self.library.OfxGetPlugin(1)
        self.plugin = self.library.OfxGetPlugin(0).contents
        self.plugin.set_host(c.byref(self._host))

    # --- what tests call ---

    def load(self):
        status = self.action("OfxActionLoad")
        if status != abi.OK:
            return status
        self.descriptor = Effect()
        assert self.action("OfxActionDescribe", self.descriptor) == abi.OK
        return status

    def describe(self, context):
        """A descriptor for a context."""
        effect = Effect()
        arguments = {"OfxImageEffectPropContext": f"OfxImageEffectContext{context}"}
        action = "OfxImageEffectActionDescribeInContext"
        assert self.action(action, effect, arguments) == abi.OK
        return effect

    def create(self, context="General", values=None, properties=None):
        """An instance with parameters as a project has saved them."""
        described = self.describe(context)
        effect = Effect()
        effect.properties = Properties(
            {"OfxImageEffectPropContext": f"OfxImageEffectContext{context}", **(properties or {})}
        )
        effect.clips = {name: Clip(name) for name in described.clips}
        effect.params = described.params
        for param in effect.params.values():
            param.reset()
        for name, value in (values or {}).items():
            self.set(effect, name, value)
        assert self.action("OfxActionCreateInstance", effect, allow_set=True) == abi.OK
        return effect

    def destroy(self, effect):
        assert self.action("OfxActionDestroyInstance", effect) == abi.OK

    def unload(self):
        """Unload, and let the library go."""
        assert self.action("OfxActionUnload") == abi.OK
        handle, close = self.library._handle, c.CDLL(None).dlclose
        close.argtypes = [c.c_void_p]
        self.objects.clear()
        del self.library, self.plugin
        close(handle)

    def set(self, effect, name, value):
        values = list(value) if isinstance(value, list | tuple) else [value]
        effect.params[name].value = [v.encode() if isinstance(v, str) else v for v in values]

    def get(self, effect, name):
        value = effect.params[name].value
        value = [v.decode() if isinstance(v, bytes) else v for v in value]
        return value[0] if len(value) == 1 else value

    def saved(self, effect):
        """All parameters that a project keeps."""
        return {
            name: [v.decode() if isinstance(v, bytes) else v for v in param.value]
            for name, param in effect.params.items()
            if param.value and param.properties.get("OfxParamPropPersistant", [1])[0]
        }

    def change(self, effect, name, value=None, *, time=0.0):
        """The user changes a parameter, or presses a button."""
        if value is not None:
            self.set(effect, name, value)
        arguments = {
            "OfxPropType": "OfxTypeParameter",
            "OfxPropName": name,
            "OfxPropChangeReason": "OfxChangeUserEdited",
            "OfxPropTime": float(time),
            "OfxImageEffectPropRenderScale": [1.0, 1.0],
        }
        reason = {"OfxPropChangeReason": "OfxChangeUserEdited"}
        self.action("OfxActionBeginInstanceChanged", effect, reason, allow_set=True)
        status = self.action(
            "OfxActionInstanceChanged", effect, arguments, allow_set=True, allow_images=True
        )
        self.action("OfxActionEndInstanceChanged", effect, reason, allow_set=True)
        return status

    def render(self, effect, time=0.0, *, window=None, field="None", arguments=None):
        output = effect.clips["Output"].frame(time)
        given = {
            "OfxPropTime": float(time),
            "OfxImageEffectPropRenderWindow": list(window or output.bounds),
            "OfxImageEffectPropRenderScale": [1.0, 1.0],
            "OfxImageEffectPropFieldToRender": f"OfxField{field}",
            **(arguments or {}),
        }
        return self.action("OfxImageEffectActionRender", effect, given, allow_images=True)

    def action(self, name, effect=None, arguments=None, *, allow_images=False, allow_set=False):
        """Call the plugin; leaks and forbidden calls are violations."""
        inputs, outputs = Properties(arguments or {}), Properties()
        self.allow_images, self.allow_set = allow_images, allow_set
        status = self.plugin.main_entry(
            name.encode(),
            None if effect is None else self._handle(effect),
            self._handle(inputs),
            self._handle(outputs),
        )
        self.allow_images = self.allow_set = False
        for image in self.images_out.values():
            self.violations.append(f"{name} leaked an image of {image[1]}")
        self.images_out.clear()
        for used in (inputs, outputs):
            self.objects.pop(id(used), None)
        self.outputs = outputs
        return status

    def _fetch_suite(self, host, name, version):
        key = (name.decode(), version)
        suite = None if key in self.without else self._suites.get(key)
        return suite.address if suite else None
