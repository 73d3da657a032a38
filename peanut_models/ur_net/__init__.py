"""UR-Net: frames to four times their size, by second-order grid propagation over the clip."""
