"""P-MASK: prompts and frames to masks, on a frozen SAM 2 and a frozen text encoder."""
