"""Edits: one range of one clip, its targets, their prompts and masks, the approved matte."""
