"""numpy.fft, with derivatives.

Examples
--------
>>> import numpy as np, autograd_lite as ag
>>> energy = lambda x: np.sum(np.abs(ag.fft.fft(x)) ** 2)  # by Parseval, n times that of x
>>> ag.grad(energy)(np.array([1.0, 2.0]))
array([4., 8.])
"""
# ruff: noqa: I001 - set as a list of names, not one to a line

from numpy.fft import fftfreq as fftfreq, rfftfreq as rfftfreq

from .rules.signal import (
    fft as fft, fft2 as fft2, fftn as fftn, fftshift as fftshift, hfft as hfft, ifft as ifft, ifft2 as ifft2,
    ifftn as ifftn, ifftshift as ifftshift, ihfft as ihfft, irfft as irfft, irfft2 as irfft2,
    irfftn as irfftn, rfft as rfft, rfft2 as rfft2, rfftn as rfftn,
)
