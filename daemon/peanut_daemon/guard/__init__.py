"""Who may call, from where, how often, and which files: the doors of the daemon."""
