"""The structs and functions of the OpenFX C interface, as ctypes."""

import ctypes as c

OK, FAILED, ERR_UNKNOWN, ERR_UNSUPPORTED, BAD_HANDLE = 0, 1, 3, 5, 9
REPLY_YES, REPLY_NO, REPLY_DEFAULT = 12, 13, 14

STATUS, HANDLE, TEXT = c.c_int, c.c_void_p, c.c_char_p
MAIN_ENTRY = c.CFUNCTYPE(STATUS, TEXT, HANDLE, HANDLE, HANDLE)
FETCH_SUITE = c.CFUNCTYPE(HANDLE, HANDLE, TEXT, c.c_int)


class Host(c.Structure):
    _fields_ = (("host", HANDLE), ("fetch_suite", FETCH_SUITE))


SET_HOST = c.CFUNCTYPE(None, c.POINTER(Host))


class Plugin(c.Structure):
    _fields_ = (
        ("api", TEXT),
        ("api_version", c.c_int),
        ("identifier", TEXT),
        ("version_major", c.c_uint),
        ("version_minor", c.c_uint),
        ("set_host", SET_HOST),
        ("main_entry", MAIN_ENTRY),
    )


class RectD(c.Structure):
    _fields_ = (("x1", c.c_double), ("y1", c.c_double), ("x2", c.c_double), ("y2", c.c_double))


def setter(kind):
    return c.CFUNCTYPE(STATUS, HANDLE, TEXT, c.c_int, kind)


def setter_n(kind):
    return c.CFUNCTYPE(STATUS, HANDLE, TEXT, c.c_int, c.POINTER(kind))


def getter(kind):
    return c.CFUNCTYPE(STATUS, HANDLE, TEXT, c.c_int, c.POINTER(kind))


KINDS = (("Pointer", HANDLE), ("String", TEXT), ("Double", c.c_double), ("Int", c.c_int))

PROPERTY_SUITE = [
    *((f"propSet{name}", setter(kind)) for name, kind in KINDS),
    *((f"propSet{name}N", setter_n(kind)) for name, kind in KINDS),
    *((f"propGet{name}", getter(kind)) for name, kind in KINDS),
    *((f"propGet{name}N", getter(kind)) for name, kind in KINDS),
    ("propReset", c.CFUNCTYPE(STATUS, HANDLE, TEXT)),
    ("propGetDimension", c.CFUNCTYPE(STATUS, HANDLE, TEXT, c.POINTER(c.c_int))),
]

EFFECT_SUITE = [
    ("getPropertySet", c.CFUNCTYPE(STATUS, HANDLE, c.POINTER(HANDLE))),
    ("getParamSet", c.CFUNCTYPE(STATUS, HANDLE, c.POINTER(HANDLE))),
    ("clipDefine", c.CFUNCTYPE(STATUS, HANDLE, TEXT, c.POINTER(HANDLE))),
    ("clipGetHandle", c.CFUNCTYPE(STATUS, HANDLE, TEXT, c.POINTER(HANDLE), c.POINTER(HANDLE))),
    ("clipGetPropertySet", c.CFUNCTYPE(STATUS, HANDLE, c.POINTER(HANDLE))),
    ("clipGetImage", c.CFUNCTYPE(STATUS, HANDLE, c.c_double, HANDLE, c.POINTER(HANDLE))),
    ("clipReleaseImage", c.CFUNCTYPE(STATUS, HANDLE)),
    ("clipGetRegionOfDefinition", c.CFUNCTYPE(STATUS, HANDLE, c.c_double, c.POINTER(RectD))),
    ("abort", c.CFUNCTYPE(c.c_int, HANDLE)),
    ("imageMemoryAlloc", c.CFUNCTYPE(STATUS, HANDLE, c.c_size_t, c.POINTER(HANDLE))),
    ("imageMemoryFree", c.CFUNCTYPE(STATUS, HANDLE)),
    ("imageMemoryLock", c.CFUNCTYPE(STATUS, HANDLE, c.POINTER(HANDLE))),
    ("imageMemoryUnlock", c.CFUNCTYPE(STATUS, HANDLE)),
]

# Variadic calls put whole numbers and pointers into integer registers and doubles into those for
# floating point, so a fixed prototype with enough of both sees them all (x86-64 and Linux aarch64).
WORDS, DOUBLES = (c.c_void_p,) * 3, (c.c_double,) * 3

PARAM_SUITE = [
    ("paramDefine", c.CFUNCTYPE(STATUS, HANDLE, TEXT, TEXT, c.POINTER(HANDLE))),
    ("paramGetHandle", c.CFUNCTYPE(STATUS, HANDLE, TEXT, c.POINTER(HANDLE), c.POINTER(HANDLE))),
    ("paramSetGetPropertySet", c.CFUNCTYPE(STATUS, HANDLE, c.POINTER(HANDLE))),
    ("paramGetPropertySet", c.CFUNCTYPE(STATUS, HANDLE, c.POINTER(HANDLE))),
    ("paramGetValue", c.CFUNCTYPE(STATUS, HANDLE, *WORDS)),
    ("paramGetValueAtTime", c.CFUNCTYPE(STATUS, HANDLE, c.c_double, *WORDS)),
    ("paramGetDerivative", None),
    ("paramGetIntegral", None),
    ("paramSetValue", c.CFUNCTYPE(STATUS, HANDLE, *WORDS, *DOUBLES)),
    *((name, None) for name in ("paramSetValueAtTime", "paramGetNumKeys", "paramGetKeyTime")),
    *((name, None) for name in ("paramGetKeyIndex", "paramDeleteKey", "paramDeleteAllKeys")),
    ("paramCopy", None),
    ("paramEditBegin", c.CFUNCTYPE(STATUS, HANDLE, TEXT)),
    ("paramEditEnd", c.CFUNCTYPE(STATUS, HANDLE)),
]

MESSAGE = c.CFUNCTYPE(STATUS, HANDLE, TEXT, TEXT, TEXT, *WORDS)
MESSAGE_SUITE_V2 = [
    ("message", MESSAGE),
    ("setPersistentMessage", MESSAGE),
    ("clearPersistentMessage", c.CFUNCTYPE(STATUS, HANDLE)),
]
PROGRESS_SUITE_V1 = [
    ("progressStart", c.CFUNCTYPE(STATUS, HANDLE, TEXT)),
    ("progressUpdate", c.CFUNCTYPE(STATUS, HANDLE, c.c_double)),
    ("progressEnd", c.CFUNCTYPE(STATUS, HANDLE)),
]


class Suite:
    """A table of function pointers; what the host does not implement is NULL."""

    def __init__(self, layout, implementation):
        self.functions = []
        self.table = (c.c_void_p * len(layout))()
        for place, (name, prototype) in enumerate(layout):
            method = getattr(implementation, name, None)
            if prototype is None or method is None:
                continue
            self.functions.append(prototype(method))
            self.table[place] = c.cast(self.functions[-1], c.c_void_p)

    @property
    def address(self):
        return c.addressof(self.table)
