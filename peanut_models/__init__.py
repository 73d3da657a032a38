"""The three stages of PEANUT as a plain library: arrays in, arrays out."""
