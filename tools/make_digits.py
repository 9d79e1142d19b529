"""Make autograd_lite/data/digits.npz from scikit-learn's copy of the handwritten digits.

Run once, with scikit-learn installed; the library only reads the file:

    python tools/make_digits.py

Pixels are integers from 0 to 16 and labels from 0 to 9, so both fit into bytes without loss. NumPy writes the archive
without a date, so the same data give the same bytes.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parent.parent / "autograd_lite" / "data" / "digits.npz"


def main() -> None:
    source = load_digits()
    images, labels = source.data.astype(np.uint8), source.target.astype(np.uint8)
    if not (np.array_equal(images, source.data) and np.array_equal(labels, source.target)):
        raise ValueError("scikit-learn's digits no longer fit into bytes")
    np.savez_compressed(TARGET, images=images, labels=labels)
    print(f"{TARGET}: {len(images)} images, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
