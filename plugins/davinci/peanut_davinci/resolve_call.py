"""One call of Resolve's API: nothing is raised, and every answer gets one meaning.

None stands for "nothing is known", `[]` for no list, int for whole numbers, whatever Resolve made
of them.
"""


def whole(value):
    """A number as int if it is whole; None otherwise, so that no fraction is passed on."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if value == int(value) else None


def can(obj, name):
    """Whether an object of the API has a method in this version."""
    return obj is not None and callable(getattr(obj, name, None))


def ask(obj, name, *args):
    """Call a method; None if there is none, it fails, or answers None."""
    if not can(obj, name):
        return None
    try:
        return getattr(obj, name)(*args)
    except Exception:  # the bridge to Resolve raises its own kinds when an object is gone
        return None


def listed(value):
    """A list, whatever Resolve made of it; its Lua side sends lists as dicts of numbers."""
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, (list, tuple)) else []


def find_resolve(names):
    """The root object: from the menu's globals, the Fusion bridge, or an outside process.

    Args:
        names: `globals()` of the script that Resolve runs.

    Returns:
        None where no Resolve answers.
    """
    found = names.get("resolve")
    if can(found, "GetVersion"):
        return found
    found = ask(names.get("bmd"), "scriptapp", "Resolve")
    if can(found, "GetVersion"):
        return found
    try:
        import DaVinciResolveScript
    except ImportError:
        return None
    found = ask(DaVinciResolveScript, "scriptapp", "Resolve")
    return found if can(found, "GetVersion") else None
