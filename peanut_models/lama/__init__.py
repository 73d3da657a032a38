"""LaMa: one image with a hole to one without, by fast Fourier convolutions."""
