"""The stages that work right after installation: no download, CPU is enough, clean licence."""
