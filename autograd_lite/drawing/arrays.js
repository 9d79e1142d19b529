// Small arrays of numbers: { shape, data }, the entries in NumPy's order. What a program of derive/javascript.py calls.

const count = (shape) => shape.reduce((a, b) => a * b, 1);
const same = (a, b) => a.length === b.length && a.every((n, k) => n === b[k]);
const array = (shape, data) => ({ shape, data });
const full = (shape, x) => array(shape, new Float64Array(count(shape)).fill(x));
const entry = (x) => ({ inf: Infinity, "-inf": -Infinity })[x] ?? Number(x);  // JSON has no infinities
const constant = ({ shape, data }) => array(shape, Float64Array.from(data, entry));
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

const logsumexp = (x, axis, keepdims) => {
  const top = map((y) => (Number.isFinite(y) ? y : 0), extreme(Math.max, x, axis, true));
  const total = sum(map((y, most) => Math.exp(y - most), x, top), axis, keepdims);
  return map((y, most) => Math.log(y) + most, total, array(total.shape, top.data));
};
/** The entries along `axis` (null: all, in their order) joined one after another. */
const accumulate = (f, x, axis) => {
  const y = array(axis === null ? [x.data.length] : x.shape, x.data.slice());
  for (const line of along(x.shape, axis)) line.slice(1).forEach((i, k) => { y.data[i] = f(y.data[line[k]], y.data[i]); });
  return y;
};
/** y[0] = x[0], then y[k] = a[k - 1] y[k - 1] + x[k], along the first axis. */
const recurrence = (a, x) => {
  const y = copy(x), row = count(x.shape.slice(1));
  for (let i = row; i < y.data.length; i++) y.data[i] += a.data[i - row] * y.data[i - row];
  return y;
};

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

/** A sum of products over all letters that the result does not have; an axis of length 1 serves all its letter's numbers. */
const einsum = (subscripts, ...xs) => {
  const [inputs, output] = subscripts.split("->"), terms = inputs.split(","), sizes = {};
  terms.forEach((term, n) => [...term].forEach((c, k) => { sizes[c] = Math.max(sizes[c] ?? 1, xs[n].shape[k]); }));
  const letters = [...new Set([...output, ...inputs.replaceAll(",", "")])], all = letters.map((c) => sizes[c]);
  const steps = (term, shape) => letters.map((c) => [...term].reduce((sum, d, k) => sum + (d === c && shape[k] > 1 ? count(shape.slice(k + 1)) : 0), 0));
  const y = full([...output].map((c) => sizes[c]), 0);
  const by = terms.map((term, n) => steps(term, xs[n].shape)), into = steps(output, y.shape), at = all.map(() => 0);
  const dot = (a) => a.reduce((sum, n, k) => sum + n * at[k], 0);
  for (let left = all.includes(0) ? 0 : count(all); left > 0; left--) {
    y.data[dot(into)] += xs.reduce((product, x, n) => product * x.data[dot(by[n])], 1);
    for (let k = all.length - 1; k >= 0 && ++at[k] === all[k]; k--) at[k] = 0;
  }
  return y;
};

/** The sum of products of two entries, each times a number. */
const bilinear = ({ shape, to, a, b, by }, x1, x2) => {
  const y = full(shape, 0);
  to.forEach((k, n) => { y.data[k] += by[n] * x1.data[a[n]] * x2.data[b[n]]; });
  return y;
};

// ---------------------------------------------------------------------------------------- positions by numbers

/** The lines of an array along an axis (null: of all entries, in their order), as lists of places. */
const along = (shape, axis) => {
  if (axis === null) return [Array.from({ length: count(shape) }, (_, i) => i)];
  const at = axis < 0 ? axis + shape.length : axis, step = count(shape.slice(at + 1)), n = shape[at];
  const starts = Array.from({ length: count(shape) }, (_, i) => i).filter((i) => Math.floor(i / step) % n === 0);
  return starts.map((start) => Array.from({ length: n }, (_, k) => start + k * step));
};
/** The order of the entries along an axis; nan comes last. */
const argsort = (x, axis = -1) => {
  const y = full(axis === null ? [x.data.length] : x.shape, 0);
  const after = (a, b) => Number.isNaN(a) - Number.isNaN(b) || (a > b) - (a < b);
  for (const places of along(x.shape, axis)) {
    const order = places.map((_, k) => k).sort((i, j) => after(x.data[places[i]], x.data[places[j]]) || i - j);
    places.forEach((i, k) => { y.data[i] = order[k]; });
  }
  return y;
};
/** Where the largest (sign 1) or smallest (-1) entry along an axis is; nan is both. */
const place = (sign, x, axis, keepdims) => {
  const found = along(x.shape, axis).map((places) => {
    const values = places.map((i) => sign * x.data[i]), bad = values.findIndex(Number.isNaN);
    return bad < 0 ? values.indexOf(values.reduce((a, b) => Math.max(a, b), -Infinity)) : bad;
  });
  const at = axis === null ? null : axis < 0 ? axis + x.shape.length : axis;
  const kept = x.shape.map((n, k) => (at === null || k === at ? 1 : n));
  return array(keepdims ? kept : kept.filter((_, k) => at !== null && k !== at), Float64Array.from(found));
};

/** The shape of x[index] and the places in x.data that it reads, -1 outside; "k" and "k[j]" are arrays of labels. */
const located = (shape, index, k) => {
  const read = (part) => {
    if (typeof part === "number") return { shape: [], data: [part] };
    if (Array.isArray(part)) {
      const dims = (a) => (Array.isArray(a) ? [a.length, ...(a.length ? dims(a[0]) : [])] : []);
      return { shape: dims(part), data: part.flat(Infinity) };
    }
    if (part === "k") return k;
    const rest = k.shape.slice(1), n = count(rest), j = Number(part.slice(2, -1));
    return { shape: rest, data: k.data.slice(j * n, (j + 1) * n) };
  };
  const isMask = (part) => Array.isArray(part) && typeof part.flat(Infinity)[0] === "boolean";
  const parts = index.flatMap((part) => {  // a mask as the positions where it is true
    if (!isMask(part)) return [part];
    const { shape: dims, data } = read(part);
    const where = data.flatMap((yes, i) => (yes ? [i] : []));
    return dims.map((n, axis) => where.map((i) => Math.floor(i / count(dims.slice(axis + 1))) % n));
  });
  const used = parts.filter((part) => part !== null && part !== "Ellipsis").length;
  const rest = Array(shape.length - used).fill("slice(None, None, None)");
  const dots = parts.indexOf("Ellipsis");
  if (dots < 0) parts.push(...rest);
  else parts.splice(dots, 1, ...rest);
  const isArray = (part) => part !== null && !String(part).startsWith("slice");
  const arrays = parts.flatMap((part, n) => (isArray(part) ? [n] : []));
  const joint = together(arrays.map((n) => read(parts[n]).shape));
  const apart = arrays.at(-1) - arrays[0] >= arrays.length;
  const out = apart ? [...joint] : [], terms = [];
  if (apart) arrays.joined = 0;
  parts.forEach((part, n) => {
    const axis = parts.slice(0, n).filter((p) => p !== null).length, size = shape[axis];
    const step = part === null ? 0 : count(shape.slice(axis + 1));
    if (isArray(part)) {
      if (arrays.joined === undefined) {
        arrays.joined = out.length;
        out.push(...joint);
      }
      const x = read(part), wrapped = Array.from(x.data, (i) => (i < 0 ? i + size : i));
      terms.push({ dims: x.shape, first: null, at: wrapped.map((i) => (i >= 0 && i < size ? i * step : NaN)) });
      return;
    }
    let places = [0];
    if (part !== null) {
      const [start, stop, by] = part.slice(6, -1).split(", ").map((word) => (word === "None" ? null : Number(word)));
      const stride = by ?? 1, inside = (i, low, high) => Math.min(Math.max(i < 0 ? i + size : i, low), high);
      const from = start === null ? (stride > 0 ? 0 : size - 1) : stride > 0 ? inside(start, 0, size) : inside(start, -1, size - 1);
      const to = stop === null ? (stride > 0 ? size : -1) : stride > 0 ? inside(stop, 0, size) : inside(stop, -1, size - 1);
      places = Array.from({ length: Math.max(0, Math.ceil((to - from) / stride)) }, (_, i) => (from + i * stride) * step);
    }
    terms.push({ dims: [places.length], first: out.length, at: places });
    out.push(places.length);
  });
  const found = new Float64Array(count(out));
  for (const { dims, first, at } of terms) {
    const before = first === null ? arrays.joined + joint.length : first + 1;
    const wide = [...dims, ...Array(out.length - before).fill(1)];
    places(wide, out).forEach((i, n) => { found[n] += at[i]; });
  }
  return { shape: out, places: found.map((i) => (Number.isNaN(i) ? -1 : i)) };
};
const gather = (x, k, index) => {
  const { shape, places: from } = located(x.shape, index, k);
  return array(shape, Float64Array.from(from, (i) => (i < 0 ? NaN : x.data[i])));
};
const extremeInto = (f, x, value, k) => {
  const y = array(x.shape, Float64Array.from(x.data));
  k.data.forEach((i, n) => { y.data[i] = f(y.data[i], value.data[n]); });
  return y;
};
const zeroed = (x, k, index) => {
  const y = array(x.shape, Float64Array.from(x.data));
  located(x.shape, index, k).places.forEach((i) => { if (i >= 0) y.data[i] = 0; });
  return y;
};
const scatter = (g, k, index, shape) => {
  const y = full(shape, 0);
  located(shape, index, k).places.forEach((i, n) => { if (i >= 0) y.data[i] += g.data[n]; });
  return y;
};

// ---------------------------------------------------------------------------------------------- matrices

const table = (n, m, f) => Array.from({ length: n }, (_, i) => Array.from({ length: m }, (_, j) => f(i, j)));
/** The matrices of a stack, as lists of rows. */
const matrices = (x) => {
  const [n, m] = x.shape.slice(-2);
  return Array.from({ length: count(x.shape.slice(0, -2)) }, (_, s) => table(n, m, (i, j) => x.data[(s * n + i) * m + j]));
};
/** A stack of matrices, or of numbers. */
const stack = (x, found) => {
  const inner = Array.isArray(found[0]) ? [found[0].length, found[0][0].length] : [];
  return array([...x.shape.slice(0, -2), ...inner], Float64Array.from(found.flat(Infinity)));
};
/** Elimination with the largest pivots: a becomes triangular, and b follows; the sign of the exchanges. */
const eliminate = (a, b) => {
  let sign = 1;
  for (let k = 0; k < a.length; k++) {
    let best = k;
    for (let i = k + 1; i < a.length; i++) if (Math.abs(a[i][k]) > Math.abs(a[best][k])) best = i;
    if (best !== k) {
      sign = -sign;
      for (const rows of [a, b]) [rows[k], rows[best]] = [rows[best], rows[k]];
    }
    for (let i = k + 1; i < a.length && a[k][k] !== 0; i++) {
      const factor = a[i][k] / a[k][k];
      for (const rows of [a, b]) rows[i] = rows[i].map((x, j) => x - factor * rows[k][j]);
    }
  }
  return sign;
};
const solved = (a, b) => {
  eliminate(a, b);
  for (let i = a.length - 1; i >= 0; i--) {
    b[i] = b[i].map((x, j) => {
      for (let k = i + 1; k < a.length; k++) x -= a[i][k] * b[k][j];
      return a[i][i] === 0 ? NaN : x / a[i][i];
    });
  }
  return b;
};
const solve = (a, b) => {
  const isVector = b.shape.length === 1, right = isVector ? array([...b.shape, 1], b.data) : b;
  const [n, m] = right.shape.slice(-2), shapes = [a.shape.slice(0, -2), right.shape.slice(0, -2)];
  const all = together(shapes), [p, q] = shapes.map((s) => places(s, all));
  const [left, other] = [matrices(a), matrices(right)];
  const found = Array.from(p, (i, s) => solved(left[i].map((row) => row.slice()), other[q[s]].map((row) => row.slice())));
  return array([...all, n, ...(isVector ? [] : [m])], Float64Array.from(found.flat(2)));
};
const inverse = (x) => stack(x, matrices(x).map((a) => solved(a, table(a.length, a.length, (i, j) => Number(i === j)))));
const determinant = (a) => {
  const rows = a.map((row) => row.slice()), sign = eliminate(rows, rows.map(() => []));
  return rows.reduce((y, row, k) => y * row[k], sign);
};
const det = (x) => stack(x, matrices(x).map(determinant));
const minor = (a, i, j) => a.filter((_, k) => k !== i).map((row) => row.filter((_, k) => k !== j));
const cofactor = (x) => stack(x, matrices(x).map((a) => a.map((row, i) => row.map((_, j) => (-1) ** (i + j) * determinant(minor(a, i, j))))));
const slogdet = (x) => {
  const found = matrices(x).map((a) => {
    const sign = eliminate(a, a.map(() => [])), pivots = a.map((row, k) => row[k]);
    return [pivots.reduce((y, p) => y * Math.sign(p), sign), pivots.reduce((y, p) => y + Math.log(Math.abs(p)), 0)];
  });
  return [0, 1].map((k) => stack(x, found.map((pair) => pair[k])));
};
/** The lower factor, of the lower triangle; or the upper one, of the upper. */
const cholesky = (x, upper) => stack(x, matrices(x).map((a) => {
  const at = (i, j) => (upper ? a[j][i] : a[i][j]), y = table(a.length, a.length, () => 0);
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = at(i, j);
      for (let k = 0; k < j; k++) rest -= y[i][k] * y[j][k];
      y[i][j] = i === j ? Math.sqrt(rest) : rest / y[j][j];
    }
  }
  return upper ? table(a.length, a.length, (i, j) => y[j][i]) : y;
}));
/** The angle that makes two columns orthogonal, of squared lengths a and b and the product c: its cosine and sine. */
const turn = (a, b, c) => {
  const z = (b - a) / (2 * c), t = (z < 0 ? -1 : 1) / (Math.abs(z) + Math.hypot(1, z)), cosine = 1 / Math.hypot(1, t);
  return [cosine, t * cosine];
};
const turned = (rows, p, q, [c, s]) => rows.forEach((row) => { [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]]; });
/** Pairs of columns in turn, many times: Jacobi's order. */
const sweeps = (n, step) => {
  for (let many = 0; many < 40; many++) for (let q = 1; q < n; q++) for (let p = 0; p < q; p++) step(p, q);
};
const flip = (a) => table(a[0].length, a.length, (i, j) => a[j][i]);
/** Jacobi's method. The signs of the vectors are not those of LAPACK. */
const eigh = (x, triangle) => {
  const found = matrices(x).map((a) => {
    const n = a.length, v = table(n, n, (i, j) => Number(i === j));
    const s = table(n, n, (i, j) => ((i > j) === (triangle === "L") ? a[i][j] : a[j][i]));
    sweeps(n, (p, q) => {
      if (Math.abs(s[p][q]) < 1e-300) return;
      const by = turn(s[p][p], s[q][q], s[p][q]);
      turned(s, p, q, by);
      const across = flip(s);
      turned(across, p, q, by);
      s.splice(0, n, ...flip(across));
      turned(v, p, q, by);
    });
    const order = s.map((_, k) => k).sort((i, j) => s[i][i] - s[j][j]);
    return [order.map((k) => s[k][k]), v.map((row) => order.map((k) => row[k]))];
  });
  return [array(x.shape.slice(0, -1), Float64Array.from(found.flatMap(([w]) => w))), stack(x, found.map(([, v]) => v))];
};
/** The same on the columns of a matrix, with as many vectors as values: u, s, v. */
const columns = (a) => {
  if (a.length < a[0].length) return columns(flip(a)).reverse();
  const u = a.map((row) => row.slice()), n = u[0].length, v = table(n, n, (i, j) => Number(i === j));
  const dot = (p, q) => u.reduce((sum, row) => sum + row[p] * row[q], 0);
  sweeps(n, (p, q) => {
    const [a, b, c] = [dot(p, p), dot(q, q), dot(p, q)];
    if (Math.abs(c) <= 1e-16 * Math.sqrt(a * b)) return;
    for (const rows of [u, v]) turned(rows, p, q, turn(a, b, c));
  });
  const sizes = v.map((_, k) => Math.sqrt(dot(k, k))), order = sizes.map((_, k) => k).sort((i, j) => sizes[j] - sizes[i]);
  const pick = (rows, by) => rows.map((row) => order.map((k) => row[k] / by(k)));
  return [pick(u, (k) => sizes[k] || 1), order.map((k) => sizes[k]), pick(v, () => 1)];
};
const svd = (x) => {
  const found = matrices(x).map(columns), s = found.map((f) => f[1]);
  return [stack(x, found.map((f) => f[0])), array([...x.shape.slice(0, -2), s[0].length], Float64Array.from(s.flat())),
    stack(x, found.map((f) => flip(f[2])))];
};
const pinv = (x, least) => stack(x, matrices(x).map((a) => {
  const [u, s, v] = columns(a), few = s.map((y) => (y > least * s[0] ? 1 / y : 0));
  return table(a[0].length, a.length, (i, j) => few.reduce((sum, y, k) => sum + v[i][k] * y * u[j][k], 0));
}));
/** By reflections, as LAPACK has it. */
const qr = (x, mode) => {
  const found = matrices(x).map((r) => {
    const n = r.length, m = r[0].length, q = table(n, n, (i, j) => Number(i === j));
    for (let k = 0; k < Math.min(n - 1, m); k++) {
      const v = r.map((row, i) => (i < k ? 0 : row[k]));
      if (v.every((y, i) => i <= k || y === 0)) continue;
      v[k] += Math.hypot(...v) * (v[k] < 0 ? -1 : 1);
      const size = v.reduce((sum, y) => sum + y * y, 0);
      for (const rows of [r, q]) {
        const along = rows[0].map((_, j) => v.reduce((sum, y, i) => sum + y * rows[i][j], 0));
        for (let i = k; i < n; i++) rows[i] = rows[i].map((y, j) => y - (2 * v[i] * along[j]) / size);
      }
    }
    const many = mode === "complete" ? n : Math.min(n, m);
    return [table(n, many, (i, j) => q[j][i]), table(many, m, (i, j) => (i > j ? 0 : r[i][j]))];
  });
  return [0, 1].map((k) => stack(x, found.map((pair) => pair[k])));
};

// -------------------------------------------------------------------------------------- special functions

/** exp(x²) erfc(x) for x ≥ 1.5: Abramowitz and Stegun 7.1.14, a continued fraction. */
const tail = (x) => {
  let y = x;
  for (let k = 120; k > 0; k--) y = x + k / 2 / y;
  return 1 / (y * Math.sqrt(Math.PI));
};
/** Abramowitz and Stegun 7.1.6: all terms have the same sign. */
const erf = (x) => {
  if (Math.abs(x) > 1.5) return Math.sign(x) * (1 - Math.exp(-x * x) * tail(Math.abs(x)));
  let term = x, y = x;
  for (let n = 1; n < 40; n++) y += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * y;
};
const erfc = (x) => (x > 1.5 ? Math.exp(-x * x) * tail(x) : 1 - erf(x));
const erfcx = (x) => (x > 1.5 ? tail(x) : Math.exp(x * x) * erfc(x));
const ndtr = (x) => erfc(-x / Math.SQRT2) / 2;
const logNdtr = (x) => (x < -1 ? Math.log(erfcx(-x / Math.SQRT2) / 2) - (x * x) / 2 : Math.log1p(-ndtr(-x)));

/** Stirling's series beyond 10, reached by recurrence, and the reflection below ½. */
const gammaln = (x) => {
  if (x <= 0 && Number.isInteger(x)) return Infinity;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - gammaln(1 - x);
  if (x === Infinity) return x;
  let shift = 1;
  for (; x < 10; x++) shift *= x;
  const z = 1 / (x * x);
  const series = (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - (z * 691) / 360360))))) / x;
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series - Math.log(shift);
};
const gamma = (x) => {
  if (x <= 0 && Number.isInteger(x)) return x === 0 ? 1 / x : NaN;
  const sign = x < 0 && Math.floor(x) % 2 !== 0 ? -1 : 1;
  return sign * Math.exp(gammaln(x));
};
const digamma = (x) => {
  if (x <= 0 && Number.isInteger(x)) return x === 0 ? -1 / x : NaN;
  if (x < 0.5) return digamma(1 - x) - Math.PI / Math.tan(Math.PI * x);
  let y = 0;
  for (; x < 10; x++) y -= 1 / x;
  const z = 1 / (x * x);
  return y + Math.log(x) - 0.5 / x - z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - (z * 691) / 32760)))));
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
