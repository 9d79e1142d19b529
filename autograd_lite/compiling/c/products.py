"""Products of matrices in C, with vectors of the processor: faster than a BLAS up to a few million multiplications.

A column of tiles reads the same columns of the right factor, which are first copied to memory where they lie one after
another, in pieces of a length that stays in the cache. A tile at an edge is computed apart, and what is inside is
copied. As in a BLAS, multiplications and additions are fused where the processor can, which nothing else in the file
does (``-ffp-contract=off``): it doubles the speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .loops import indented, linear

if TYPE_CHECKING:
    from .steps import Place, Step

_VECTORS = """
#if defined __AVX512F__
#define BYTES 64
#elif defined __AVX__
#define BYTES 32
#else
#define BYTES 16
#endif
#define ROWS (BYTES == 32 ? 6 : 8)  // of a tile
#define PIECE 256  // the inner size of a piece of a product
#ifdef __clang__
#define FUSED
#else
#define FUSED __attribute__((optimize("O3", "fp-contract=fast")))
#endif
"""
_MATMUL = """
// y (ROWS x n vectors) = y or 0, plus a times b; ai and aj are the strides of a along its axes
typedef {type} vector{f} __attribute__((vector_size(BYTES), aligned(sizeof({type})), may_alias));
enum {{ LANES{f} = BYTES / sizeof({type}) }};
// `count` contiguous columns of LANES numbers, the last of them repeated up to LANES, as rows that are `width` apart
static inline __attribute__((always_inline)) FUSED void turned{f}(
    const {type} *b, long bj, long count, {type} *rows, long width)
{{
#ifdef __clang__
    for (long d = 0; d < LANES{f}; d++)
        for (long c = 0; c < LANES{f}; c++)
            rows[width * d + c] = b[bj * (c < count ? c : count - 1) + d];
#else
    typedef {integer} places __attribute__((vector_size(BYTES)));
    const places place = *(const places *)(const {integer}[]){{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
    vector{f} v[LANES{f}];
#pragma GCC unroll 16
    for (int c = 0; c < LANES{f}; c++)
        v[c] = *(const vector{f} *)(b + bj * (c < count ? c : count - 1));
#pragma GCC unroll 4
    for (int half = LANES{f} / 2; half; half /= 2) {{  // halves of two vectors change places
        const places low = place + (place & half) * (LANES{f} / half - 1);
#pragma GCC unroll 16
        for (int c = 0; c < LANES{f}; c++)
            if (!(c & half)) {{
                const vector{f} first = v[c], second = v[c + half];
                v[c] = __builtin_shuffle(first, second, low);
                v[c + half] = __builtin_shuffle(first, second, low + half);
            }}
    }}
#pragma GCC unroll 16
    for (int d = 0; d < LANES{f}; d++)
        *(vector{f} *)(rows + width * d) = v[d];
#endif
}}
static inline __attribute__((always_inline)) FUSED void matmul_tile{f}(
    int n, long k, int begin, const {type} *a, long ai, long aj, const {type} *b, long bi, {type} *y, long yi)
{{
#ifdef __clang__
#pragma STDC FP_CONTRACT ON
#endif
    vector{f} t[ROWS][2];
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < n; j++)
            t[i][j] = begin ? (vector{f}){{0}} : *(const vector{f} *)(y + yi * i + LANES{f} * j);
    for (long l = 0; l < k; l++)
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
            for (int j = 0; j < n; j++)
                t[i][j] += a[ai * i + aj * l] * *(const vector{f} *)(b + bi * l + LANES{f} * j);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < n; j++)
            *(vector{f} *)(y + yi * i + LANES{f} * j) = t[i][j];
}}
static __attribute__((noinline, noclone)) FUSED void matmul_tiles{f}(
    long k, int begin, const {type} *a, long ai, long aj, const {type} *b, long bi, int wide, {type} *y, long yi)
{{
    if (wide)
        matmul_tile{f}(2, k, begin, a, ai, aj, b, bi, y, yi);
    else
        matmul_tile{f}(1, k, begin, a, ai, aj, b, bi, y, yi);
}}
// y (m x n) = a (m x k) times b (k x n); the strides of each along its axes
FUSED void matmul{f}(
    long m, long n, long k, const {type} *a, long ai, long aj, const {type} *b, long bi, long bj,
    {type} *y, long yi, long yj)
{{
    {type} rows[2 * PIECE * LANES{f}] __attribute__((aligned(64))), part[2 * ROWS * LANES{f}], few[ROWS * PIECE];
    const long height = m < ROWS ? m : ROWS;
    for (long l = 0; l < k; l += PIECE) {{
        const long depth = k - l < PIECE ? k - l : PIECE;
        const {type} *left = a + aj * l;
        long li = ai, lj = aj;
        if (m < ROWS) {{  // a copy, with zeros up to the height
            for (long i = 0; i < ROWS; i++)
                for (long d = 0; d < depth; d++)
                    few[PIECE * i + d] = i < m ? left[ai * i + aj * d] : 0;
            left = few;
            li = PIECE;
            lj = 1;
        }}
        for (long j = 0, width; j < n; j += width) {{
            const int wide = n - j > LANES{f};
            width = (1 + wide) * LANES{f};
            const long columns = n - j < width ? n - j : width;
            const {type} *r = b + bi * l + bj * j;
            long ri = bi;
            if (bj == 1 && columns == width && m > 2 * ROWS) {{  // a copy
                for (long d = 0; d < depth; d++) {{
                    const {type} *from = r + bi * d, *to = rows + width * d;
                    const vector{f} v = *(const vector{f} *)from, w = *(const vector{f} *)(from + wide * LANES{f});
                    *(vector{f} *)to = v;
                    *(vector{f} *)(to + wide * LANES{f}) = w;
                }}
            }} else if (bj != 1 || columns < width) {{  // with zeros up to the width
                const long deep = bi == 1 ? depth / LANES{f} * LANES{f} : 0;
                for (long c = 0; c < width; c += LANES{f})
                    for (long d = 0; d < deep; d += LANES{f})
                        turned{f}(r + d + bj * c, bj, columns - c, rows + width * d + c, width);
                for (long c = 0; c < width; c++)
                    for (long d = deep; d < depth; d++)
                        rows[width * d + c] = c < columns ? r[bi * d + bj * c] : 0;
            }}
            if (bj != 1 || columns < width || m > 2 * ROWS) {{
                r = rows;
                ri = width;
            }}
            for (long i = 0; i < m; i += ROWS) {{
                const long first = i + height > m ? m - height : i;
                const {type} *x = left + li * first;
                {type} *z = y + yi * first + yj * j;
                if (first == i && columns == width && yj == 1 && height == ROWS) {{
                    matmul_tiles{f}(depth, !l, x, li, lj, r, ri, wide, z, yi);
                    continue;
                }}
                for (long d = i - first; d < height && l; d++)
                    for (long c = 0; c < columns; c++)
                        part[width * d + c] = z[yi * d + yj * c];
                matmul_tiles{f}(depth, !l, x, li, lj, r, ri, wide, part, width);
                for (long d = i - first; d < height; d++)
                    for (long c = 0; c < columns; c++)
                        z[yi * d + yj * c] = part[width * d + c];
            }}
        }}
    }}
}}
"""


_DECLARED = """
// a function of a library: y (m x n) = a (m x k) times b (k x n); the strides of each along its axes
static void (*matmul{f})(
    long m, long n, long k, const {type} *a, long ai, long aj, const {type} *b, long bi, long bj,
    {type} *y, long yi, long yj);
void use_matmul{f}(void *function)
{{
    matmul{f} = function;
}}
"""
KINDS = {"": {"f": "", "type": "double", "integer": "long long"}, "f": {"f": "f", "type": "float", "integer": "int"}}


def library() -> str:
    """The file with ``matmul`` and ``matmulf``, which is compiled once, and not with each program."""
    return _VECTORS + "".join(_MATMUL.format(**kind) for kind in KINDS.values())


def declared(suffix: str) -> str:
    """The declaration of one of these in another file, which gets its address by a call."""
    return _DECLARED.format(**KINDS[suffix])


class Stack:
    """The stack of matrices of a product: where each begins, and the loops over all."""

    def __init__(
        self, step: Step, base: Callable[[Place], tuple[str, int]], fresh: Callable[[str], str]
    ) -> None:  # fmt: skip
        self.base, self.space = base, step.space
        self.letters = [(fresh(f"s{j}"), j) for j, size in enumerate(step.space) if size > 1]

    def at(self, place: Place, offset: int = 0, more: Sequence[tuple[int, str]] = (), text: str = "{} + {}") -> str:
        """An entry of a matrix, the first by default."""
        name, start = self.base(place)
        terms = [(place.strides[j], letter) for letter, j in self.letters] + [*more]
        return text.format(name, linear(terms, start + offset)).removesuffix(" + 0")

    def loops(self, lines: list[str], parts: bool = False) -> list[str]:
        """These lines for each matrix; of the outermost axis, if `parts`, from `first` to `last`."""
        for letter, j in reversed(self.letters):
            first, last = ("first", "last") if parts and j == self.letters[0][1] else ("0", str(self.space[j]))
            lines = [f"for (long {letter} = {first}; {letter} < {last}; {letter}++) {{", *indented(lines), "}"]
        return lines


def matmul(
    step: Step, base: Callable[[Place], tuple[str, int]], fresh: Callable[[str], str], parts: bool = False
) -> list[str]:
    """A product of matrices, or of stacks of them, as calls of ``matmul``.

    If `parts`, for the rows from `first` to `last`, or these matrices of a stack.
    """
    assert step.product is not None
    (m, n, k), (a, b), y, stack = step.product, step.places, step.target, Stack(step, base, fresh)
    (ai, aj), (bi, bj), (yi, yj) = a.strides[-2:], b.strides[-2:], y.strides[-2:]
    arguments = f"{m}, {n}, {k}, {stack.at(a)}, {ai}, {aj}, {stack.at(b)}, {bi}, {bj}, {stack.at(y)}, {yi}, {yj}"
    if parts and not stack.letters:
        arguments = f"last - first, {n}, {k}, {stack.at(a)} + {ai} * first, {ai}, {aj}, {stack.at(b)}, {bi}, {bj}, "
        arguments += f"{stack.at(y)} + {yi} * first, {yi}, {yj}"
    elif yj != 1 == yi or _tiles(n, m, step) < 0.8 * _tiles(m, n, step):  # the transposed product
        arguments = f"{n}, {m}, {k}, {stack.at(b)}, {bj}, {bi}, {stack.at(a)}, {aj}, {ai}, {stack.at(y)}, {yj}, {yi}"
    return stack.loops([f"matmul{step.suffix}({arguments});  // {m}x{k} by {k}x{n}"], parts)


def _tiles(m: int, n: int, step: Step) -> int:
    """The number of entries in the tiles of a product, in vectors of 64 bytes."""
    lanes = 64 // step.var.dtype.itemsize
    return -(-m // 8) * 8 * -(-n // lanes) * lanes
