"""What works in which version and edition of Resolve.

The floors are those of the public scripting notes (18.5 to 21.0.4) and of the 21.1 type stub; what
the free edition lost in 19.1 and 21.1 is from users' reports and 21.1's release notes.
"""

PLACING = (18, 5, 0)
SELECTION = (21, 0, 4)
MARKS = (19, 1, 0)
SOURCE_FRAMES = (19, 0, 2)
SPEED = (21, 1, 0)
RENAMING = (20, 2, 0)
OTIO_IMPORT = (18, 6, 5)
NO_WINDOWS_IN_FREE = (19, 1, 0)
NO_PYTHON_IN_FREE = (21, 1, 0)


class Abilities(object):
    """What one Resolve can do for PEANUT.

    Attributes:
        scripts: Python scripts of the menu run.
        windows: they may open windows of their own.
        placing: a clip can be put on a chosen track at a chosen frame.
        marks, selection, source_frames, speed, renaming: these can be read or set.
        otio_import: `.otio` timelines can be imported.
    """

    def __init__(self, version, studio):
        self.version = tuple(version)
        self.studio = studio
        self.scripts = studio or self.version < NO_PYTHON_IN_FREE
        self.windows = self.scripts and (studio or self.version < NO_WINDOWS_IN_FREE)
        self.placing = self.scripts and self.version >= PLACING
        self.marks = self.scripts and self.version >= MARKS
        self.selection = self.scripts and self.version >= SELECTION
        self.source_frames = self.scripts and self.version >= SOURCE_FRAMES
        self.speed = self.scripts and self.version >= SPEED
        self.renaming = self.scripts and self.version >= RENAMING
        self.otio_import = self.version >= OTIO_IMPORT

    def lines(self):
        """The same for people."""
        rows = [
            ("scripts in the Workspace menu", self.scripts, "use the files: docs/davinci.md"),
            ("PEANUT's own window", self.windows, "a page in the browser takes its place"),
            ("placing the result by itself", self.placing, "import the .otio of the result"),
            ("reading the selection", self.selection, "in/out, playhead or clip colour"),
            ("reading in and out", self.marks, "playhead or clip colour"),
            ("source frames of mixed rates", self.source_frames, "use the .otio way for these"),
            ("reading a clip's speed", self.speed, "told from offsets instead"),
            ("naming the result", self.renaming, "it keeps the name of its file"),
            ("importing .otio timelines", self.otio_import, "import FCP7 XML instead"),
        ]
        edition = "Studio" if self.studio else "free"
        head = "DaVinci Resolve {} ({})".format(".".join(map(str, self.version)), edition)
        return [head] + [
            "  {:<30} {}".format(name, "yes" if able else "no: " + instead)
            for name, able, instead in rows
        ]
