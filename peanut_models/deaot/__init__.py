"""DeAOT: masks of several targets carried through a clip in one pass, by identification."""
