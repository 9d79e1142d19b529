"""Names that PyTorch's tensors or NumPy's arrays have and ours have not, with what to write instead."""

from __future__ import annotations

_GPU = "arrays live in the memory of this computer; there is no GPU here"
_IN_PLACE = "write under `with ag.no_grad():`, x += ... or x[...] = ..., or make a new tensor"

#: By attribute: the remedy.
REMEDIES = {
    "tile": "np.tile(x, repeats)",
    "flip": "np.flip(x, axis)",
    "norm": "np.linalg.norm(x)",
    "gather": "np.take_along_axis(x, indices, axis)",
    "type": "x.astype(dtype)",
    "cuda": f"leave it away: {_GPU}",
    "device": f"leave it away: {_GPU}",
    "to_sparse": "a dense array: there are no sparse ones here",
    "fill": _IN_PLACE,
    "put": _IN_PLACE,
    "resize": _IN_PLACE,
    "byteswap": "x.data.byteswap()",
    "tobytes": "x.data.tobytes()",
    "tofile": "x.data.tofile(...)",
    "strides": "x.data.strides",
    "flags": "x.data.flags",
    "base": "x.data.base",
    "ctypes": "x.data.ctypes",
    **dict.fromkeys(("add_", "sub_", "mul_", "div_", "zero_", "copy_", "fill_", "clamp_"), _IN_PLACE),
}


#: The same for the library as a whole, for names of PyTorch's and JAX's.
OF_THE_LIBRARY = {
    "vmap": "no automatic batching here: write f for arrays with one axis more, or np.stack([f(x) for x in xs])",
    "pmap": "a program runs on one machine, in as many threads as it starts",
    "cuda": _GPU,
    "device": _GPU,
    "sparse": "there are no sparse arrays here",
    "numpy": "NumPy's own functions work on tensors: import numpy as np",
    "set_grad_enabled": "ag.enable_grad() or ag.no_grad()",
    "inference_mode": "ag.no_grad()",
}


def no_attribute(what: str, name: str, obj: object, remedies: dict[str, str] = REMEDIES) -> AttributeError:
    """The error for an attribute that does not exist, with the remedy where it is known."""
    remedy = f": {remedies[name]}" if name in remedies else ""
    return AttributeError(f"{what} has no attribute {name!r}{remedy}", name=name, obj=obj)
