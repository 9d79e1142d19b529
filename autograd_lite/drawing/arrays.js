// Small arrays of numbers: { shape, data }, the entries in NumPy's order. What a program of derive/javascript.py calls.

const count = (shape) => shape.reduce((a, b) => a * b, 1);
const same = (a, b) => a.length === b.length && a.every((n, k) => n === b[k]);
const array = (shape, data) => ({ shape, data });
const full = (shape, x) => array(shape, new Float64Array(count(shape)).fill(x));
const constant = ({ shape, data }) => array(shape, Float64Array.from(data, Number));
const copy = (x) => array(x.shape, x.data.slice());

// ------------------------------------------------------------------------------------------- entry by entry

/** The shape of several arrays together. */
const together = (shapes) => {
  const ndim = Math.max(...shapes.map((s) => s.length));
  const padded = shapes.map((s) => [...Array(ndim - s.length).fill(1), ...s]);
  return Array.from({ length: ndim }, (_, k) => padded.reduce((n, s) => (s[k] === 1 ? n : s[k]), 1));
};

/** For each entry of an array of shape `to` its place in one of shape `from`, which is broadcast. */
const places = (from, to) => {
  const at = new Int32Array(count(to));
  const steps = Array(to.length).fill(0);
  for (let k = from.length - 1, step = 1; k >= 0; step *= from[k--]) {
    if (from[k] > 1) steps[to.length - from.length + k] = step;
  }
  for (let k = to.length - 1, block = 1; k >= 0; block *= to[k--]) {
    for (let i = 0; i < at.length; i++) at[i] += (Math.floor(i / block) % to[k]) * steps[k];
  }
  return at;
};

/** f of the entries of the arrays, which are broadcast against each other. */
const map = (f, ...xs) => {
  const shape = xs.every((x) => same(x.shape, xs[0].shape)) ? xs[0].shape : together(xs.map((x) => x.shape));
  const y = full(shape, 0);
  const at = xs.map((x) => (same(x.shape, shape) ? null : places(x.shape, shape)));
  const entries = Array(xs.length);
  for (let i = 0; i < y.data.length; i++) {
    for (let k = 0; k < xs.length; k++) entries[k] = xs[k].data[at[k] ? at[k][i] : i];
    y.data[i] = f(...entries);
  }
  return y;
};

const add = (a, b) => map((x, y) => x + y, a, b);

/** Functions of C99 that JavaScript lacks, or has otherwise: pow(1, NaN) and pow(-1, Infinity) are 1. */
const power = (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b));
const copysign = (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a));
const rint = (x) => (Math.abs(x) < 2 ** 52 ? copysign(Math.abs(x) + 2 ** 52 - 2 ** 52, x) : x);

// ----------------------------------------------------------------------------------------------- reductions

/** Joins the entries along `axis` (null: all) with f, beginning with `start`. */
const reduce = (f, start, x, axis, keepdims) => {
  const axes = axis === null ? x.shape.map((_, k) => k) : [axis].flat();
  const kept = x.shape.map((n, k) => (axes.includes(k) ? 1 : n));
  const y = full(kept, start);
  const at = places(kept, x.shape);
  for (let i = 0; i < x.data.length; i++) y.data[at[i]] = f(y.data[at[i]], x.data[i]);
  return keepdims ? y : array(kept.filter((_, k) => !axes.includes(k)), y.data);
};
const sum = (x, axis, keepdims) => reduce((a, b) => a + b, 0, x, axis, keepdims);
const extreme = (f, x, axis, keepdims) => reduce(f, f(), x, axis, keepdims); // Math.max() is -Infinity

// ----------------------------------------------------------------------------------------------- linear maps

/** A matrix product as NumPy has it: vectors, matrices, and stacks of matrices that are broadcast. */
const matmul = (a, b) => {
  const [rows, inner] = a.shape.length > 1 ? a.shape.slice(-2) : [1, a.shape[0]];
  const columns = b.shape.length > 1 ? b.shape.at(-1) : 1;
  const stacks = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const stack = together(stacks);
  const [p, q] = stacks.map((s) => places(s, stack));
  const y = full([...stack, ...(a.shape.length > 1 ? [rows] : []), ...(b.shape.length > 1 ? [columns] : [])], 0);
  for (let s = 0, to = 0; s < count(stack); s++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++, to++) {
        for (let k = 0; k < inner; k++) {
          y.data[to] += a.data[(p[s] * rows + i) * inner + k] * b.data[(q[s] * inner + k) * columns + j];
        }
      }
    }
  }
  return y;
};

/** A sparse matrix times the entries of all arrays; without `to` each entry of the result is one that is read. */
const linear = ({ shape, from, to, by }, ...xs) => {
  const y = full(shape, 0);
  const x = xs.length === 1 ? xs[0].data : xs.flatMap((part) => [...part.data]);
  if (to) from.forEach((i, n) => { y.data[to[n]] += by[n] * x[i]; });
  else from.forEach((i, n) => { y.data[n] = i < 0 ? 0 : x[i]; });
  return y;
};

/** The sum of products of two entries, each times a number. */
const bilinear = ({ shape, to, a, b, by }, x1, x2) => {
  const y = full(shape, 0);
  to.forEach((k, n) => { y.data[k] += by[n] * x1.data[a[n]] * x2.data[b[n]]; });
  return y;
};

// --------------------------------------------------------------------------------------------------- windows

/** For an image of shape (n, channels, ...sizes): the places that each window reads in order, -1 in the padding. */
const windows = (shape, kernel, stride, dilation, padding) => {
  const sizes = shape.slice(2);
  const many = sizes.map((n, k) => Math.floor((n + padding[k][0] + padding[k][1] - dilation[k] * (kernel[k] - 1) - 1) / stride[k]) + 1);
  const unravel = (i, dims) => dims.reduceRight(([rest, found], n) => [Math.floor(rest / n), [rest % n, ...found]], [i, []])[1];
  const inside = Array.from({ length: count(kernel) }, (_, i) => unravel(i, kernel));
  const found = [];
  for (let image = 0; image < shape[0] * shape[1]; image++) {
    for (let w = 0; w < count(many); w++) {
      const start = unravel(w, many);
      found.push(inside.map((place) => {
        const at = place.map((i, k) => start[k] * stride[k] + i * dilation[k] - padding[k][0]);
        return at.every((i, k) => i >= 0 && i < sizes[k]) ? at.reduce((sum, i, k) => sum * sizes[k] + i, image) : -1;
      }));
    }
  }
  return { shape: [...shape.slice(0, 2), ...many], found };
};
const maxPool = (x, ...of) => {
  const { shape, found } = windows(x.shape, ...of);
  return array(shape, Float64Array.from(found, (places) => Math.max(...places.map((i) => (i < 0 ? -Infinity : x.data[i])))));
};

/** The number of the first place in each window that holds its largest entry y. */
const windowArgmax = (x, y, ...of) => {
  const { shape, found } = windows(x.shape, ...of);
  const first = (places, n) => places.findIndex((i) => (i < 0 ? -Infinity : x.data[i]) === y.data[n]);
  return array(shape, Float64Array.from(found, first));
};

/** The entries of g at the places with the numbers k in their windows over an image of these sizes. */
const unpool = (g, k, sizes, ...of) => {
  const y = full([...g.shape.slice(0, 2), ...sizes], 0);
  windows(y.shape, ...of).found.forEach((places, n) => {
    const i = places[k.data[n]];
    if (i >= 0) y.data[i] += g.data[n];
  });
  return y;
};
