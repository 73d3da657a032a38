"""NOF-Eraser: frames and masks to the plate, by flow-guided propagation and a transformer."""
