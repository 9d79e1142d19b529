// Marks answers as autograd_lite.teach does, word for word. What is typed is interpreted, never executed. What this
// cannot read is not marked here; it is never called wrong.

class NotMarked extends Error {}
class Unread extends Error {} // with a reason
class Misfit extends Error {} // of shapes, which is a mistake
const notMarked = (why) => { throw new NotMarked(why); };
const unfit = (why) => { throw new Unread(why); };

// -------------------------------------------------------------------------------------------------------- arrays
// { shape, data, kind: "b" | "i" | "f", plain }; a number that was typed is plain.

const LARGE = 1e6;
const count = (shape) => shape.reduce((a, b) => a * b, 1);
const array = (shape, data, kind = "f", plain = false) => ({ shape, data, kind, plain });
const alike = (a, b) => a.length === b.length && a.every((n, k) => n === b[k]);
const shapeText = (shape) => shape.join("x") || "1";
const shapesText = (a, b) => `${shapeText(a.shape)} and ${shapeText(b.shape)}`;

const together = (...shapes) => {
  const ndim = Math.max(...shapes.map((s) => s.length));
  const padded = shapes.map((s) => [...Array(ndim - s.length).fill(1), ...s]);
  const shape = Array.from({ length: ndim }, (_, k) => padded.reduce((n, s) => (n === 1 ? s[k] : n), 1));
  return padded.every((s) => s.every((n, k) => n === 1 || n === shape[k])) ? shape : null;
};
const spread = (x, to) => {
  if (alike(x.shape, to)) return x.data;
  const steps = Array(to.length).fill(0);
  for (let k = x.shape.length - 1, step = 1; k >= 0; step *= x.shape[k--]) {
    if (x.shape[k] > 1) steps[to.length - x.shape.length + k] = step;
  }
  const size = count(to);
  if (size > LARGE) notMarked("it is too large for this page");
  return Array.from({ length: size }, (_, i) => {
    let at = 0;
    for (let k = to.length - 1; k >= 0; i = Math.floor(i / to[k--])) at += (i % to[k]) * steps[k];
    return x.data[at];
  });
};
const map = (f, kind, ...xs) => {
  const shape = together(...xs.map((x) => x.shape)) ?? unfit("shapes do not fit");
  const columns = xs.map((x) => spread(x, shape));
  return array(shape, columns[0].map((_, i) => f(...columns.map((c) => c[i]))), kind, xs.every((x) => x.plain));
};
const transposed = (x, order) => {
  const from = order ?? x.shape.map((_, k) => x.shape.length - 1 - k);
  const shape = from.map((k) => x.shape[k]);
  const steps = x.shape.map((_, k) => count(x.shape.slice(k + 1)));
  const data = x.data.map((_, i) => {
    let at = 0;
    for (let k = shape.length - 1; k >= 0; i = Math.floor(i / shape[k--])) at += (i % shape[k]) * steps[from[k]];
    return x.data[at];
  });
  return array(shape, data, x.kind);
};
const axesOf = (axis, ndim) => {
  if (axis === undefined || axis === null) return [...Array(ndim).keys()];
  const axes = (axis.list ?? [axis]).map((k) => (k.kind === "i" && !k.shape.length ? k.data[0] : notMarked("an axis")));
  if (!ndim && !axis.list && (axes[0] === 0 || axes[0] === -1)) return [];
  const places = axes.map((k) => (k + ndim) % ndim);
  if (axes.some((k) => k < -ndim || k >= ndim) || new Set(places).size < places.length) throw new Unread("it cannot be computed as it is written");
  return places;
};
const reduced = (f, kind, x, axis, keepdims) => {
  const axes = axesOf(axis, x.shape.length);
  const others = x.shape.map((_, k) => k).filter((k) => !axes.includes(k));
  const turned = transposed(x, [...others, ...axes]);
  const rows = count(others.map((k) => x.shape[k])), size = count(axes.map((k) => x.shape[k]));
  const data = Array.from({ length: rows }, (_, r) => f(turned.data.slice(r * size, (r + 1) * size)));
  const shape = keepdims ? x.shape.map((n, k) => (axes.includes(k) ? 1 : n)) : others.map((k) => x.shape[k]);
  return array(shape, data, kind);
};
const total = (row) => row.reduce((a, b) => a + b, 0);
const largest = (row) => (row.some(Number.isNaN) ? NaN : Math.max(...row));

/** The operands of a product, a vector before a row as a column. */
const rowsAndColumns = (a, b) => [b.shape.length === 2 && b.shape[0] === 1 && a.shape.length === 1 && a.shape[0] !== 1 ? array([...a.shape, 1], a.data, a.kind) : a, b];
const matmul = (a, b) => {
  if (!a.shape.length || !b.shape.length) throw new Unread("a product of matrices with a number");
  const inner = a.shape.at(-1), isRow = a.shape.length === 1, isColumn = b.shape.length === 1;
  if (inner !== (isColumn ? b.shape[0] : b.shape.at(-2))) {
    throw new Misfit(`shapes ${shapesText(a, b)} do not fit in a product of matrices; transpose one: A.T`);
  }
  const m = isRow ? 1 : a.shape.at(-2), n = isColumn ? 1 : b.shape.at(-1);
  const stack = together(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? unfit("shapes do not fit");
  const p = spread(array([...(isRow ? [] : a.shape.slice(0, -2)), m, inner], a.data), [...stack, m, inner]);
  const q = spread(array([...(isColumn ? [] : b.shape.slice(0, -2)), inner, n], b.data), [...stack, inner, n]);
  const data = [];
  for (let s = 0; s < count(stack); s++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) sum += p[(s * m + i) * inner + k] * q[(s * inner + k) * n + j];
        data.push(sum);
      }
    }
  }
  return array([...stack, ...(isRow ? [] : [m]), ...(isColumn ? [] : [n])], data);
};

/** The inverse and the determinant of a square matrix, by elimination with pivots. */
const eliminated = (x) => {
  const n = x.shape[0];
  if (x.shape.length !== 2 || x.shape[1] !== n) notMarked("a matrix that is not square");
  const rows = Array.from({ length: n }, (_, i) => [
    ...x.data.slice(i * n, (i + 1) * n), ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)),
  ]);
  let det = 1;
  for (let k = 0; k < n; k++) {
    const pivot = rows.reduce((best, row, i) => (i > k && Math.abs(row[k]) > Math.abs(rows[best][k]) ? i : best), k);
    if (!(Math.abs(rows[pivot][k]) > 1e-9 * largestOf(x.data))) return { get inverse() { return notMarked("a singular matrix"); }, det: array([], [0]) };
    if (pivot !== k) det = -det;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    det *= rows[k][k];
    rows[k] = rows[k].map((v, _, row) => v / row[k]);
    rows.forEach((row, i) => { if (i !== k) rows[i] = row.map((v, j) => v - row[k] * rows[k][j]); });
  }
  return { inverse: array([n, n], rows.flatMap((row) => row.slice(n))), det: array([], [det]) };
};

// ---------------------------------------------------------------------------------------------- arrays with indices
// An array with letters: its first axes have these indices, and operands are aligned by them.

const INDICES = "ᵢⱼₖₗₘₙ", LETTERS = "ijklmn";
const entryShape = (x) => x.shape.slice(x.letters?.length ?? 0);
const withLetters = (x, letters) => (letters ? { ...x, plain: false, letters } : x);
/** A value with indices: x[i + k, …] for each k, 0 beyond its ends; with fewer of them than axes as the first ones, or as derivations have them. */
const indexed = (x, letters, by, ends, asAxes, isOnRing, beyond = 0) => {
  const before = x.letters ?? "";
  let sizes = entryShape(x);
  if (before && !sizes.length && [...letters].every((c) => before.includes(c))) return x;
  const several = sizes.filter((n) => n !== 1);
  if (letters.length < sizes.length && letters.length === several.length) sizes = several;
  if (letters.length === 1 && sizes.length > 1 && !before && [...letters].every((c) => LETTERS.slice(0, sizes.length).includes(c)) && asAxes()) letters = LETTERS.slice(0, sizes.length);
  if (letters.length > sizes.length) throw new Unread(`the indices ${letters} cannot be read: the value has ${sizes.length} axes`);
  let y = array([...x.shape.slice(0, before.length), ...sizes], x.data, x.kind);
  (by.length ? by : [...letters].map(() => 0)).forEach((k, j) => {
    const c = letters[j], axis = before.length + j, n = y.shape[axis];
    if (k && !has(ends, c)) throw new Unread("an index of a sum cannot be moved");
    if (n === 1 || (!k && [1, n].includes(ends[c] ?? n))) return;
    y = gathered(y, y.shape.map((n, m) => (m === axis ? ends[c] ?? n : n)), (at) => at.map((p, m) => (m !== axis ? p : isOnRing ? (((p + k) % n) + n) % n : p + k)), beyond);
  });
  const names = [...before, ...letters], order = [...new Set(names)].sort();
  const sizeOf = (c) => Math.min(...names.map((d, k) => (d === c ? y.shape[k] : Infinity)));
  if (names.some((c, k) => y.shape[k] !== sizeOf(c))) notMarked("an index of two lengths");
  const rest = y.shape.slice(names.length);
  const z = gathered(y, [...order.map(sizeOf), ...rest], (at) => [...names.map((c) => at[order.indexOf(c)]), ...at.slice(order.length)]);
  return withLetters(z, order.join(""));
};
/** The letters of some operands, and the arrays, with an axis for each letter; in a frame what has no indices stands in its last axes. */
const aligned = (args, frame = "") => {
  if (frame && args.some((x) => x.letters)) {
    const end = frame.length - Math.max(...args.filter((x) => x.letters).map((x) => entryShape(x).length)); // the last axes may be of rows
    args = args.map((x) => (!x.letters && x.shape.length && x.shape.length <= frame.length ? { ...x, letters: frame.slice(frame.length - x.shape.length, end) } : x));
  }
  const letters = [...new Set(args.flatMap((x) => [...(x.letters ?? "")]))].sort();
  const most = Math.max(0, ...args.map((x) => entryShape(x).length));
  return [letters.join(""), args.map((x) => {
    if (!x.letters) return x;
    const own = [...x.letters].sort(), inner = entryShape(x);
    const y = transposed(x, [...own.map((c) => x.letters.indexOf(c)), ...inner.keys()].map((k, j) => (j < own.length ? k : k + own.length)));
    const shape = [...letters.map((c) => (own.includes(c) ? y.shape[own.indexOf(c)] : 1)), ...Array(most - inner.length).fill(1), ...inner];
    return array(shape, y.data, x.kind);
  })];
};
/** Operands of which those with one of these letters go as far as the shortest along its axis. */
const cut = (args, letters) => [...letters].reduce((all, c) => {
  const n = Math.min(...all.filter((x) => x.letters?.includes(c)).map((x) => x.shape[x.letters.indexOf(c)]));
  return all.map((x) => {
    const axis = x.letters?.includes(c) ? x.letters.indexOf(c) : -1;
    if (axis < 0 || x.shape[axis] === n) return x;
    const size = count(x.shape.slice(axis + 1)), shape = x.shape.map((m, k) => (k === axis ? n : m));
    return { ...x, shape, data: x.data.filter((_, k) => Math.floor(k / size) % x.shape[axis] < n) };
  });
}, args);
const entrywise = (f, args, frame) => {
  const [letters, arrays] = aligned(args, frame);
  return withLetters(f(...arrays), letters);
};
/** Any function of operands of which some have indices, for each value of these. */
const each = (f, args) => {
  const [letters] = aligned(args), n = letters.length;
  if (!n) return f(...args);
  const arrays = args.map((x) => (x.letters ? aligned([x, withLetters(array(Array(n).fill(1), [0]), letters)])[1][0] : x));
  const full = together(...arrays.filter((_, k) => args[k].letters).map((y) => y.shape.slice(0, n))) ?? unfit("shapes do not fit");
  if (count(full) > 20000) notMarked("it is too large for this page");
  const entry = (y, at) => {
    const inner = y.shape.slice(n), size = count(inner);
    const start = at.reduce((sum, p, k) => sum * y.shape[k] + Math.min(p, y.shape[k] - 1), 0) * size;
    return array(inner, y.data.slice(start, start + size), y.kind);
  };
  const rows = Array.from({ length: count(full) }, (_, i) => {
    const at = Array(n);
    for (let k = n - 1; k >= 0; i = Math.floor(i / full[k--])) at[k] = i % full[k];
    return f(...arrays.map((y, k) => (args[k].letters ? entry(y, at) : y)));
  });
  if (!rows.length) notMarked("nothing to index");
  return withLetters(array([...full, ...rows[0].shape], rows.flatMap((row) => row.data), rows[0].kind), letters);
};
/** A reduction, or another function along an axis, along the axes of some letters. */
const summed = (x, letters, along, kept) => {
  const params = (axes, keepdims) => ({ params: {
    axis: axes.length === 1 ? array([], [axes[0]], "i") : { list: axes.map((k) => array([], [k], "i")) },
    keepdims: array([], [keepdims ? 1 : 0], "b"),
  } });
  if (!x.letters && [...letters].some((c) => LETTERS.indexOf(c) >= x.shape.length)) throw new Unread(`there is no index ${letters} to sum over`);
  if (!x.letters) return along(x, params([...letters].map((c) => LETTERS.indexOf(c)), kept));
  const missing = [...new Set(letters)].filter((c) => !x.letters.includes(c)).sort();
  if (missing.length) throw new Unread(`there is no index ${missing.join(", ")} to sum over`);
  const y = along(array(x.shape, x.data, x.kind), params([...letters].map((c) => x.letters.indexOf(c)), false));
  return withLetters(y, y.shape.length < x.shape.length ? [...x.letters].filter((c) => !letters.includes(c)).join("") : x.letters);
};
/** The value of a formula: its indices in this order, or in that of the letters. */
const laidOut = (x, shape, order) => {
  if (!x.letters) return x;
  const inner = entryShape(x), frame = [...(order || LETTERS)].slice(0, Math.max(shape.length - inner.length, 0));
  const letters = [...frame.filter((c) => x.letters.includes(c)), ...[...x.letters].filter((c) => !frame.includes(c))];
  let y = transposed(x, [...letters.map((c) => x.letters.indexOf(c)), ...inner.map((_, k) => letters.length + k)]);
  if ([...x.letters].every((c) => frame.includes(c)) && letters.length < frame.length) { // one entry for several
    y = array([...frame.map((c) => (letters.includes(c) ? y.shape[letters.indexOf(c)] : 1)), ...inner], y.data, y.kind);
    if (frame.length === shape.length && shape.every((n, k) => n > 1 && [1, n].includes(y.shape[k]))) return array(shape, spread(y, shape), y.kind);
  }
  const several = [y.shape, shape].map((at) => at.filter((n) => n !== 1));
  return alike(...several) && count(shape) === y.data.length ? array(shape, y.data, y.kind) : y;
};

// --------------------------------------------------------------------------------------------- what can be called

const erf = (x) => { // by its series, and far out by a continued fraction
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  let sum = z;
  if (z < 2.5) {
    for (let k = 1, term = z; k < 80; k++) sum += (term *= -z * z / k) / (2 * k + 1);
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
  }
  for (let k = 60, tail = 0; k >= 0; k--) sum = tail = k ? (k / 2) / (z + tail) : z + tail;
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * sum));
};
const logistic = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const gammaln = (x) => {
  const y = x > 0 ? x + 10 : notMarked("log Γ of a negative number");
  let series = (y - 0.5) * Math.log(y) - y + Math.log(2 * Math.PI) / 2 + 1 / (12 * y) - 1 / (360 * y ** 3) + 1 / (1260 * y ** 5) - 1 / (1680 * y ** 7);
  for (let k = 0; k < 10; k++) series -= Math.log(x + k);
  return series;
};
const ENTRYWISE = {
  gammaln, loggamma: gammaln, lgamma: gammaln, "Γ": (x) => Math.exp(gammaln(x)),
  exp: Math.exp, expm1: Math.expm1, log: Math.log, ln: Math.log, log1p: Math.log1p, log2: Math.log2, log10: Math.log10,
  sqrt: Math.sqrt, cbrt: Math.cbrt, sin: Math.sin, cos: Math.cos, tan: Math.tan, sinh: Math.sinh, cosh: Math.cosh,
  tanh: Math.tanh, sech: (x) => 1 / Math.cosh(x), coth: (x) => 1 / Math.tanh(x), sec: (x) => 1 / Math.cos(x), csc: (x) => 1 / Math.sin(x), cot: (x) => 1 / Math.tan(x), arcsin: Math.asin, arccos: Math.acos, arctan: Math.atan, arcsinh: Math.asinh, arccosh: Math.acosh, arctanh: Math.atanh, exp2: (x) => 2 ** x, erf,
  sigmoid: logistic, logistic, "σ": logistic, softplus, log_sigmoid: (x) => -softplus(-x), silu: (x) => x * logistic(x),
  logit: (x) => Math.log(x) - Math.log1p(-x), ndtr: (x) => (1 + erf(x / Math.SQRT2)) / 2, "Φ": (x) => (1 + erf(x / Math.SQRT2)) / 2, "φ": (x) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI),
};
Object.assign(ENTRYWISE, { Normal: ENTRYWISE["Φ"], normal: ENTRYWISE["φ"] }); // as derivations name them
const OF_THE_SAME_KIND = {
  square: (x) => x * x, abs: Math.abs, absolute: Math.abs, sign: (x) => Math.sign(x) + 0, negative: (x) => -x,
  relu: (x) => Math.max(x, 0), ReLU: (x) => Math.max(x, 0),
};
/** The derivative of a function, by five points of it. */
const slope = (f) => (x) => {
  const h = Math.abs(x) < 1e-6 || Math.abs(x) > 0.1 ? 1e-3 : Math.abs(x) / 100;
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
};
for (const word of ["ψ", "psi", "digamma"]) ENTRYWISE[word] = slope(gammaln);
for (const [word, f] of Object.entries({ ...ENTRYWISE, ...OF_THE_SAME_KIND })) ENTRYWISE[`${word}ʹ`] = slope(f);
for (const word of ["sigmoid", "σ"]) ENTRYWISE[`${word}ʹ`] = (x) => ENTRYWISE.sigmoid(x) * ENTRYWISE.sigmoid(-x); // also where it is nearly 0
ENTRYWISE.tanhʹ = (x) => 1 / Math.cosh(x) ** 2;
const minimum = (a, b) => Math.min(a, b), maximum = (a, b) => Math.max(a, b);
const OPERATORS = { add: "+", subtract: "-", multiply: "*", divide: "/", power: "**", greater: ">", less: "<",
  greater_equal: ">=", less_equal: "<=", equal: "==", not_equal: "!=", logical_and: "&", logical_or: "|" };
const kindOf = (...xs) => (xs.some((x) => x.kind === "f") ? "f" : xs.some((x) => x.kind === "i") ? "i" : "b");
const ofNumbers = (kind) => (kind === "b" ? "i" : kind);
const isParams = (x) => x !== null && x !== undefined && x.params !== undefined;
const alongOf = (rest) => {
  const params = rest.find(isParams)?.params ?? {};
  const [axis, ...more] = rest.filter((x) => !isParams(x));
  if (more.length || Object.keys(params).some((k) => !["axis", "keepdims"].includes(k))) notMarked("its parameters");
  return [axis ?? params.axis, params.keepdims ? Boolean(params.keepdims.data[0]) : false];
};
const reduction = (f, kind) => (x, ...rest) => reduced(f, kind(x.kind), x, ...alongOf(rest));
const belowTop = (x, axis) => {
  const top = reduced(largest, "f", x, axis, true);
  return [top, map((a, b) => Math.exp(a - b), "f", x, top)];
};
const norm = (x, ...rest) => {
  if (alongOf(rest)[0]?.list?.length > 2) notMarked("this norm");
  return reduced((row) => Math.hypot(...row), "f", x, ...alongOf(rest));
};
const plainCall = (f) => (...args) => (args.some(isParams) ? notMarked("its parameters") : f(...args));
const softmax = (x, ...rest) => {
  const last = x.shape.length === 2 && x.shape[1] === 1 ? -2 : -1; // of a column that of its entries
  const [axis] = axesOf(alongOf(rest)[0] ?? array([], [last], "i"), x.shape.length);
  const e = belowTop(x, axis === undefined ? undefined : array([], [axis], "i"))[1];
  return map((a, b) => a / b, "f", e, reduced(total, "f", e, array([], [axis], "i"), true));
};
const logSoftmax = (x, ...rest) => {
  const last = x.shape.length === 2 && x.shape[1] === 1 ? -2 : -1, [axis] = axesOf(alongOf(rest)[0] ?? array([], [last], "i"), x.shape.length);
  return map((a, b) => a - b, "f", x, FUNCTIONS.logsumexp(x, array([], [axis], "i"), { params: { keepdims: array([], [1], "b") } }));
};
const onehot = ([y, n, ...rest], classes) => {
  const k = n === undefined ? classes : whole(n)[0];
  if (rest.length || n?.params || y.kind !== "i") notMarked("its arguments");
  return array([...y.shape, k], y.data.flatMap((v) => Array.from({ length: k }, (_, j) => (v === j ? 1 : 0))));
};
const filled = (n, x) => {
  if (n.shape.length === 1) return array(whole(n), spread(x, n.data), x.kind);
  if (n.data[0] % 1 || n.shape.length || !(n.data[0] > 0 && n.data[0] < LARGE) || x.shape.length > 1 || ![undefined, 1, n.data[0]].includes(x.shape[0])) notMarked("this shape");
  return array([n.data[0]], spread(x, [n.data[0]]), x.kind);
};
const whole = (x, n) => {
  if (x.kind !== "i" || x.data.some((v) => Math.abs(v) >= LARGE)) notMarked("a whole number is needed");
  return n === undefined ? x.data : spread(array(x.shape, x.data), [n]);
};
/** An array of which each entry is one of `x`, or 0 where `from` has no place. */
const gathered = (x, shape, from, beyond = 0) => {
  if (count(shape) > LARGE) notMarked("it is too large for this page");
  const steps = shape.map((_, k) => count(shape.slice(k + 1))), inner = x.shape.map((_, k) => count(x.shape.slice(k + 1)));
  return array(shape, Array.from({ length: count(shape) }, (_, i) => {
    const at = from(steps.map((step, k) => Math.floor(i / step) % shape[k]));
    return at && at.every((p, k) => p >= 0 && p < x.shape[k]) ? x.data[at.reduce((sum, p, k) => sum + p * inner[k], 0)] : beyond;
  }), Number.isNaN(beyond) ? "f" : x.kind);
};
const triangle = (isKept) => (x, ...rest) => {
  const params = rest.find(isParams)?.params ?? {}, k = whole(rest.find((y) => !isParams(y)) ?? params.k ?? array([], [0], "i"))[0];
  return x.shape.length < 2 ? notMarked("a triangle") : gathered(x, x.shape, (at) => (isKept(at.at(-1) - at.at(-2), k) ? at : null));
};
/** The diagonal of a matrix, or a matrix that has a vector there. */
const diagonal = (word) => (x, ...rest) => {
  const params = rest.find(isParams)?.params ?? {}, k = whole(rest.find((y) => !isParams(y)) ?? params[word] ?? array([], [0], "i"))[0];
  const [n, m] = x.shape, size = x.shape[1] === undefined ? n + Math.abs(k) : Math.max(Math.min(n, m - k, m, n + k), 0);
  if (!x.shape.length || (x.shape.length > 2 && word === "k") || (word === "offset" && m === undefined)) throw new Unread("it cannot be computed as it is written");
  const areOthers = Object.entries(params).some(([w, y]) => w !== word && y?.data?.[0] !== { axis1: 0, axis2: 1 }[w]);
  if (x.shape.length > 2 || rest.length > 1 || areOthers || size * size > LARGE) notMarked("this diagonal");
  if (m !== undefined) return gathered(x, [size], ([i]) => [i + Math.max(-k, 0), i + Math.max(k, 0)]);
  return gathered(x, [size, size], ([i, j]) => [j - i === k ? Math.min(i, j) : n]);
};
const joined = (shapeOf, axisOf) => ({ parts, ...x }) => {
  const below = (x.shape ?? []).slice(1), size = count(below), rows = parts ?? Array.from({ length: x.shape[0] ?? notMarked("its arguments") }, (_, i) => array(below, x.data.slice(i * size, (i + 1) * size), x.kind));
  const several = rows.map((x) => (x.shape.length < 2 ? array(shapeOf(x), x.data, x.kind) : x));
  return FUNCTIONS.concatenate({ parts: several }, array([], [axisOf(several[0])], "i"));
};
const convolved = (x, y, mode) => {
  const [n, m] = [x, y].map(({ shape }) => (shape.length === 1 && shape[0] ? shape[0] : notMarked("its arguments")));
  const all = Array.from({ length: n + m - 1 }, (_, k) => total(x.data.map((v, i) => v * (y.data[k - i] ?? 0))));
  const size = { full: n + m - 1, same: Math.max(n, m), valid: Math.abs(n - m) + 1 }[mode] ?? notMarked("this mode"), cut = Math.floor((all.length - size) / 2);
  return array([size], all.slice(cut, cut + size), kindOf(x, y));
};
const varianceOf = (x, ...rest) => {
  const { ddof, ...params } = rest.find(isParams)?.params ?? {}, less = ddof ? whole(ddof)[0] : 0;
  const variance = (row) => total(row.map((v) => (v - total(row) / row.length) ** 2)) / (row.length - less);
  return reduced(variance, "f", x, ...alongOf([...rest.filter((y) => !isParams(y)), ...(Object.keys(params).length ? [{ params }] : [])]));
};
const modeOf = (rest, mode) => (rest.find(isParams) ? rest.find(isParams).params.mode : rest[0])?.word ?? (rest.length ? notMarked("its parameters") : mode);
const turned = (x, k) => (x.shape.at(-1) === 3 ? gathered(x, x.shape, (at) => [...at.slice(0, -1), (at.at(-1) + k) % 3]) : notMarked("cross of other vectors than those of three entries"));
const cross = (a, b) => binary("-", binary("*", turned(a, 1), turned(b, 2)), binary("*", turned(a, 2), turned(b, 1)));
/** Matrices and numbers, side by side or below each other, as a matrix of a shape; null if none fits. */
const blocks = (entries, shape) => {
  const matrices = entries.filter((x) => x.shape.length), numbers = entries.length - matrices.length;
  for (const axis of matrices.length && numbers && shape.length === 2 ? [1, 0] : []) {
    const n = (shape[axis] - total(matrices.map((x) => x.shape[axis]))) / numbers, size = axis ? [shape[0], n] : [n, shape[1]];
    if (n > 0 && n % 1 === 0 && matrices.every((x) => x.shape[1 - axis] === shape[1 - axis])) {
      return FUNCTIONS.concatenate({ parts: entries.map((x) => (x.shape.length ? x : array(size, spread(x, size), x.kind))) }, array([], [axis], "i"));
    }
  }
  return null;
};
const argsort = (x, ...rest) => (rest.length || x.shape.length !== 1 ? notMarked("its arguments") : array(x.shape, [...x.data.keys()].sort((i, j) => x.data[i] - x.data[j]), "i"));
const FUNCTIONS = {
  cross, cross3: cross, argsort, unsorted: (g, x) => array(x.shape, argsort(argsort(x)).data.map((i) => g.data[i]), g.kind),
  stack: (x, ...rest) => {
    const n = x.shape.length, [k] = axesOf(alongOf(rest)[0] ?? array([], [0], "i"), n), order = [...Array(n).keys()].slice(1);
    order.splice(k, 0, 0);
    return transposed(x, order);
  },
  hstack: joined((x) => [x.data.length], (x) => (x.shape.length === 1 ? 0 : 1)),
  vstack: joined((x) => [1, x.data.length], () => 0), column_stack: joined((x) => [x.data.length, 1], () => 1),
  convolve: (x, y, ...rest) => convolved(x, y, modeOf(rest, "full")),
  correlate: (x, y, ...rest) => (x.data.length < y.data.length ? notMarked("its arguments") : convolved(x, { ...y, data: [...y.data].reverse() }, modeOf(rest, "valid"))),
  argmax: reduction((row) => row.indexOf(largest(row)), () => "i"), argmin: reduction((row) => row.indexOf(-largest(row.map((v) => -v))), () => "i"),
  count_nonzero: reduction((row) => row.filter(Boolean).length, () => "i"),
  concatenate: ({ parts, ...x }, ...rest) => {
    parts ??= [x];
    const n = parts[0].shape.length, [k] = axesOf(alongOf(rest)[0] ?? array([], [0], "i"), n), order = [k, ...[...Array(n).keys()].filter((j) => j !== k)];
    const turned = parts.map((p) => (p.shape.length === n && n ? transposed(p, order) : unfit("shapes do not fit"))), below = turned[0].shape.slice(1);
    if (turned.some((p) => !alike(p.shape.slice(1), below))) unfit("shapes do not fit");
    return transposed(array([total(turned.map((p) => p.shape[0])), ...below], turned.flatMap((p) => p.data), kindOf(...parts)), order.map((_, j) => order.indexOf(j)));
  },
  take: (x, at, ...rest) => {
    const [axis] = alongOf(rest), y = axis == null ? array([x.data.length], x.data, x.kind) : x, [k] = axesOf(axis ?? array([], [0], "i"), y.shape.length);
    const places = whole(at).map((i) => inside(i, y.shape[k])), n = at.shape.length;
    return gathered(y, [...y.shape.slice(0, k), ...at.shape, ...y.shape.slice(k + 1)], (p) => [...p.slice(0, k), places[p.slice(k, k + n).reduce((sum, q, j) => sum * at.shape[j] + q, 0)], ...p.slice(k + n)]);
  },
  roll: (x, ...rest) => {
    const params = rest.find(isParams)?.params ?? {}, [by, axis] = rest.filter((y) => !isParams(y));
    const k = whole(by ?? params.shift ?? notMarked("a shift")), along = axis ?? params.axis;
    if (k.length !== 1 || !x.data.length || (!along && x.shape.length !== 1)) notMarked("this roll");
    const [j] = along ? axesOf(along, x.shape.length) : [0], n = x.shape[j];
    return gathered(x, x.shape, (at) => at.map((p, m) => (m === j ? (((p - k[0]) % n) + n) % n : p)));
  },
  transpose: (x, ...order) => {
    const axes = order.map((k) => k.params?.axes ?? (isParams(k) ? notMarked("its parameters") : k)).flatMap((k) => k.list ?? [k]).flatMap((k) => whole(k));
    const places = axes.map((k) => (k < 0 ? k + x.shape.length : k));
    if (places.length && (places.length !== x.shape.length || x.shape.some((_, k) => !places.includes(k)))) notMarked("these axes");
    return transposed(x, places.length ? places : undefined);
  },
  swapaxes: (x, a, b) => {
    const [j, k] = [a, b ?? notMarked("its arguments")].map((axis) => axesOf(axis, x.shape.length)[0]);
    return transposed(x, x.shape.map((_, m) => (m === j ? k : m === k ? j : m)));
  },
  expand_dims: (x, axis) => {
    const along = axis.params ? axis.params.axis ?? notMarked("its parameters") : axis, n = x.shape.length + (along.list ?? [0]).length, axes = axesOf(along, n), sizes = [...x.shape];
    return array(Array.from({ length: n }, (_, k) => (axes.includes(k) ? 1 : sizes.shift())), x.data, x.kind);
  },
  diag: (x, ...rest) => diagonal("k")(x.shape.length === 2 && x.shape.includes(1) ? array([x.data.length], x.data, x.kind) : x, ...rest), // of a column
  diagonal: diagonal("offset"), trace: (x, ...rest) => FUNCTIONS.sum(diagonal("offset")(x, ...rest)), tr: (x) => FUNCTIONS.trace(x),
  bincount: (x, ...rest) => {
    const params = rest.find(isParams)?.params ?? {}, [weights = params.weights, least = params.minlength] = rest.filter((y) => !isParams(y));
    const size = Math.max(largestOf(whole(x)) + 1, least ? whole(least)[0] : 0), data = Array(size > LARGE ? notMarked("it is too large") : size).fill(0);
    if (x.shape.length !== 1 || x.data.some((k) => k < 0) || (weights && !alike(weights.shape, x.shape))) throw new Unread("it cannot be computed as it is written");
    x.data.forEach((k, i) => { data[k] += weights ? weights.data[i] : 1; });
    return array([size], data, weights ? "f" : "i");
  },
  tril: triangle((off, k) => off <= k), triu: triangle((off, k) => off >= k),
  broadcast_to: (x, ...rest) => {
    const shape = rest[0].params?.shape ?? rest[0];
    const to = shape.list ? shape.list.flatMap((n) => whole(n)) : whole(shape);
    return array(to, spread(x, to), x.kind);
  },
  sum: reduction(total, ofNumbers), mean: reduction((row) => total(row) / row.length, () => "f"),
  prod: reduction((row) => row.reduce((a, b) => a * b, 1), ofNumbers),
  var: varianceOf, std: (x, ...rest) => FUNCTIONS.sqrt(varianceOf(x, ...rest)),
  max: reduction(largest, (kind) => kind), min: reduction((row) => -largest(row.map((v) => -v)), (kind) => kind),
  cumsum: (x, ...rest) => {
    const [axis] = alongOf(rest), flat = axis == null ? array([x.data.length], x.data, x.kind) : x, [k] = axesOf(axis ?? array([], [0], "i"), flat.shape.length);
    const data = [...flat.data], step = count(flat.shape.slice(k + 1));
    data.forEach((v, i) => { if (Math.floor(i / step) % flat.shape[k]) data[i] += data[i - step]; });
    return array(flat.shape, data, ofNumbers(x.kind));
  },
  diff: (x, ...rest) => {
    const { n: times, axis, prepend, append, ...params } = rest.find(isParams)?.params ?? {}, [n = times, along = axis ?? array([], [-1], "i"), ...more] = rest.filter((y) => !isParams(y));
    if (more.length || Object.keys(params).length) notMarked("its parameters");
    const [k] = axesOf(along, x.shape.length), one = x.shape.map((n, m) => (m === k ? 1 : n)), parts = [prepend, x, append].filter(Boolean);
    const y = FUNCTIONS.concatenate({ parts: parts.map((p) => (p.shape.length ? p : array(one, spread(p, one), p.kind))) }, array([], [k], "i"));
    const shape = y.shape.map((n, m) => (m === k ? Math.max(n - 1, 0) : n)), next = (by) => gathered(y, shape, (at) => at.map((p, m) => (m === k ? p + by : p)));
    const once = map((a, b) => a - b, ofNumbers(y.kind), next(1), next(0)), left = n ? whole(n)[0] - 1 : 0;
    return left < 0 ? notMarked("its parameters") : left ? FUNCTIONS.diff(once, array([], [left], "i"), along) : once;
  },
  tensordot: (a, b, ...rest) => {
    const axes = rest.find(isParams)?.params.axes ?? rest.find((x) => !isParams(x)) ?? array([], [2], "i"), numbers = (x) => (x.list ?? []).flatMap(numbers).concat(x.list ? [] : whole(x));
    const n = a.shape.length, at = numbers(axes), isNumber = !axes.list && !axes.shape.length, k = isNumber ? at[0] : at.length / 2, letters = [..."abcdefghijkl"];
    const of = isNumber ? Array.from({ length: 2 * k }, (_, j) => (j < k ? n - k + j : j - k)) : at;
    const left = letters.slice(0, n), right = letters.slice(n, n + b.shape.length), kept = [...left, ...right];
    for (let j = 0; j < k; j++) {
      const [p, q] = [(of[j] + n) % n, (of[k + j] + right.length) % right.length];
      kept.splice(kept.indexOf(left[p]), 1);
      kept.splice(kept.indexOf(right[q]), 1);
      right[q] = left[p] ?? notMarked("these axes");
    }
    return FUNCTIONS.einsum({ word: `${left.join("")},${right.join("")}->${kept.join("")}` }, a, b);
  },
  einsum: ({ word }, ...arrays) => {
    const [inputs, output] = (word ?? notMarked("einsum without its subscripts")).replaceAll(" ", "").split("->"), parts = inputs.split(","), sizes = {};
    if (word.includes(".") || parts.length !== arrays.length || arrays.some(isParams)) notMarked("this einsum");
    parts.forEach((letters, k) => [...letters].forEach((c, j) => { if ((sizes[c] ??= arrays[k].shape[j]) !== arrays[k].shape[j]) notMarked("this einsum"); }));
    if (parts.some((letters, k) => letters.length !== arrays[k].shape.length)) notMarked("this einsum");
    const once = Object.keys(sizes).filter((c) => inputs.split(c).length === 2).sort().join(""), kept = [...(output ?? once)];
    const every = [...kept, ...Object.keys(sizes).filter((c) => !kept.includes(c))];
    const terms = arrays.map((x, k) => gathered(x, every.map((c) => sizes[c]), (at) => [...parts[k]].map((c) => at[every.indexOf(c)])));
    const product = terms.reduce((a, b) => map((p, q) => p * q, kindOf(a, b), a, b)), axes = every.slice(kept.length).map((_, k) => array([], [kept.length + k], "i"));
    return axes.length ? reduced(total, product.kind, product, { list: axes }, false) : product;
  },
  softmax, log_softmax: logSoftmax, norm,
  logsumexp: (x, ...rest) => {
    const [axis, keepdims] = alongOf(rest);
    if (axis == null && x.shape.length > 1) notMarked("logsumexp without an axis");
    const [top, e] = belowTop(x, axis);
    const y = map((s, t) => Math.log(s) + t, "f", reduced(total, "f", e, axis, true), top);
    return keepdims ? y : reduced((row) => row[0], "f", y, axis, false);
  },
  ...Object.fromEntries(Object.entries({
    arctan2: (a, b) => map(Math.atan2, "f", a, b), logaddexp: (a, b) => map((x, y) => Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y))), "f", a, b), hypot: (a, b) => map(Math.hypot, "f", a, b), floor: (x) => map(Math.floor, "f", x), ceil: (x) => map(Math.ceil, "f", x),
    remainder: (a, b) => binary("%", a, b), mod: (a, b) => binary("%", a, b), sinc: (x) => map((v) => (v ? Math.sin(Math.PI * v) / (Math.PI * v) : 1), "f", x),
    minimum: (a, b) => map(minimum, kindOf(a, b), a, b), maximum: (a, b) => map(maximum, kindOf(a, b), a, b),
    where: (c, a, b) => map((p, x, y) => (p ? x : y), kindOf(a, b), c, a, b),
    clip: (x, low, high) => map((v, l, h) => Math.min(Math.max(v, l), h), kindOf(x, low, high), x, low, high),
    reciprocal: (x) => (x.kind === "f" ? map((v) => 1 / v, "f", x) : notMarked("of whole numbers")),
    quotient: (a, b) => map((x, y) => x / (y === 0 ? 1 : y), "f", a, b),
    between: (a, x, b) => map((l, v, h) => (l <= v && v <= h ? 1 : 0), "b", a, x, b),
    inside: (a, x, b) => map((l, v, h) => (l < v && v < h ? 1 : 0), "b", a, x, b),
    inner: (a, b) => (a.shape.length === 1 && b.shape.length === 1 ? matmul(a, b) : notMarked("inner")),
    vdot: (a, b) => matmul(array([a.data.length], a.data, a.kind), array([b.data.length], b.data, b.kind)),
    logical_not: (x) => map((v) => (v ? 0 : 1), "b", x), identity: (n) => FUNCTIONS.eye(n),
    heaviside: (x, y) => map((v, w) => (v > 0 ? 1 : v < 0 ? 0 : v === 0 ? w : NaN), "f", x, y),
    exp_minus: (a, b) => map((x, y) => Math.exp(x - y), "f", a, b),
    arange: (n) => (!n.shape.length && n.data[0] % 1 === 0 && n.data[0] >= 0 && n.data[0] < LARGE ? array([n.data[0]], [...Array(n.data[0]).keys()], "i") : notMarked("arange")),
    reshape: (x, ...sizes) => {
      const shape = sizes.flatMap((n) => whole(n)), known = count(shape.filter((n) => n !== -1));
      const to = shape.map((n) => (n === -1 ? x.data.length / known : n));
      return count(to) === x.data.length && to.every((n) => Number.isInteger(n) && n >= 0) ? array(to, x.data, x.kind) : notMarked("this shape");
    },
    tile: (x, ...sizes) => {
      const reps = sizes.flatMap((n) => whole(n)), n = Math.max(x.shape.length, reps.length), ones = (k) => Array(n - k).fill(1);
      const from = [...ones(x.shape.length), ...x.shape], by = [...ones(reps.length), ...reps];
      return gathered(array(from, x.data, x.kind), from.map((m, k) => m * by[k]), (at) => at.map((p, k) => p % from[k]));
    },
    flip: (x, axis) => (axis && x.shape.length > 1 ? notMarked("this flip") : array(x.shape, [...x.data].reverse(), x.kind)),
    pad: (x, widths) => {
      const n = x.shape.length, w = whole(widths), each = widths.shape.length === 2 ? w : w.length === 2 ? Array(n).fill(w).flat() : Array(2 * n).fill(w[0]);
      if (each.length !== 2 * n || each.some((v) => v < 0)) notMarked("these widths");
      return gathered(x, x.shape.map((m, k) => m + each[2 * k] + each[2 * k + 1]), (at) => at.map((p, k) => p - each[2 * k]));
    },
    matmul, dot: (a, b) => (!a.shape.length || !b.shape.length ? binary("*", a, b) : b.shape.length < 3 ? matmul(a, b) : notMarked("dot")),
    outer: (a, b) => {
      const isLong = [a, b].some((x) => x.shape.filter((n) => n > 1).length > 1); // of a matrix and a vector with three axes
      const [rows, columns] = isLong ? [[...a.shape, ...b.shape.map(() => 1)], [...a.shape.map(() => 1), ...b.shape]] : [[a.data.length, 1], [1, b.data.length]];
      return binary("*", array(rows, a.data, a.kind), array(columns, b.data, b.kind));
    },
    inv: (x) => eliminated(x).inverse, det: (x) => eliminated(x).det,
    solve: (a, b) => (b.shape.length < 3 ? matmul(eliminated(a).inverse, b) : notMarked("solve")),
    matrix_transpose: (x) => (x.shape.length < 2 ? notMarked("the transpose of a vector") : FUNCTIONS.swapaxes(x, array([], [-1], "i"), array([], [-2], "i"))), full_like: (x, v) => array(x.shape, spread(v, x.shape), x.kind === "f" ? "f" : v.kind === x.kind ? x.kind : notMarked("another kind of number")),
    ones: (n) => filled(n, array([], [1])), zeros: (n) => filled(n, array([], [0])), full: (n, x) => filled(n, x),
    eye: (n, m = n, ...rest) => {
      const [rows, columns] = [n, m].map((k) => (!k?.shape?.length && k?.data?.[0] % 1 === 0 && k.data[0] > 0 && k.data[0] < 1000 ? k.data[0] : notMarked("eye")));
      if (rest.length || rows * columns > LARGE) notMarked("eye");
      return array([rows, columns], Array.from({ length: rows * columns }, (_, k) => (Math.floor(k / columns) === k % columns ? 1 : 0)));
    },
    zeros_like: (x) => map(() => 0, x.kind, x), ones_like: (x) => map(() => 1, x.kind, x),
    isin: (x, y) => map((v) => (y.data.includes(v) ? 1 : 0), "b", x),
    squeeze: (x) => array(x.shape.filter((n) => n !== 1), x.data, x.kind),
    ravel: (x) => array([x.data.length], x.data, x.kind), asarray: (x) => ({ ...x, plain: false }),
    array: (x) => ({ ...x, plain: false }), len: (x) => (x.shape.length ? array([], [x.shape[0]], "i") : notMarked("len")),
    ...Object.fromEntries(Object.entries(ENTRYWISE).map(([word, f]) => [word, (x) => map(f, "f", x)])),
    ...Object.fromEntries(Object.entries(OF_THE_SAME_KIND).map(([word, f]) => [word, (x) => (x.kind === "b" ? notMarked("of conditions") : map(f, x.kind, x))])),
    ...Object.fromEntries(Object.entries(OPERATORS).map(([word, op]) => [word, (a, b) => binary(op, a, b)])),
  }).map(([word, f]) => [word, plainCall(f)])),
};
const PAIRWISE = ["arctan2", "logaddexp", "hypot", "floor", "ceil", "remainder", "mod", "sinc", "where", "clip", "minimum", "maximum", "heaviside"];
const inside = (i, n) => {
  if (i < -n || i >= n) throw new Misfit("an index is out of range");
  return (i + n) % n;
};
const METHODS = ["take", "diagonal", "swapaxes", "var", "std", "argmax", "argmin", "sum", "mean", "max", "min", "prod", "dot", "transpose", "ravel", "squeeze", "trace", "clip", "reshape", "cumsum"];

const ARITHMETIC = {
  "+": (x, y) => x + y, "-": (x, y) => x - y, "*": (x, y) => x * y, "/": (x, y) => x / y,
  "**": (x, y) => (x === 1 ? 1 : x ** y), "//": (x, y) => Math.floor(x / y), "%": (x, y) => x - y * Math.floor(x / y),
};
const COMPARISONS = {
  "<": (x, y) => x < y, "<=": (x, y) => x <= y, ">": (x, y) => x > y, ">=": (x, y) => x >= y,
  "==": (x, y) => x === y, "!=": (x, y) => x !== y,
};
/** Whether one has an entry for each row of the other, with which it cannot be read in another way: 5 and 5x3. */
const isOfEach = (...pair) => {
  const [short, full] = pair.map((x) => x.shape).sort((a, b) => a.length - b.length), n = short.length;
  return !together(short, full) && alike(full.slice(0, n), short);
};
const binary = (op, a, b) => {
  if (op === "@") return matmul(...rowsAndColumns(a, b));
  if (!together(a.shape, b.shape)) {
    const says = `shapes ${shapesText(a, b)} do not fit; write `, several = [a.shape.length, b.shape.length].sort();
    if (!["*", "/"].includes(op) && alike(several, [1, 2]) && a.shape[0] === b.shape[0]) throw new Unread(`${says}indices, as in xᵢⱼ + yᵢ`);
    throw new Misfit(`${says}A @ B for a product of matrices`);
  }
  if (COMPARISONS[op]) return map((x, y) => (COMPARISONS[op](x, y) ? 1 : 0), "b", a, b);
  const kind = kindOf(a, b);
  if (op === "&" || op === "|") {
    if (kind !== "b") notMarked("a condition");
    return map(op === "&" ? (x, y) => x && y : (x, y) => x || y, "b", a, b);
  }
  if (kind === "b" && op === "-" && !a.plain && !b.plain) return binary("-", { ...a, kind: "i" }, b);
  if (kind === "b" && (op === "-" || op === "**" || a.plain || b.plain)) notMarked("arithmetic with conditions");
  if (kind === "b" && (op === "+" || op === "*")) return map(op === "+" ? (x, y) => x || y : (x, y) => x && y, "b", a, b);
  const isPlain = a.plain && b.plain;
  if (isPlain && "/%//".includes(op) && b.data.includes(0)) notMarked("a division of numbers by zero");
  if ((op === "//" || op === "%") && (b.data.includes(0) || kind !== "f")) notMarked("a division with remainder");
  if (op === "**" && kind === "i" && b.data.some((y) => y < 0) && !isPlain) notMarked("a power of whole numbers");
  if (op === "**" && isPlain && a.data[0] <= 0 && (a.data[0] === 0 ? b.data[0] < 0 : !Number.isInteger(b.data[0]))) notMarked("this power");
  const y = map(ARITHMETIC[op], op === "/" || (op === "**" && b.data.some((v) => v < 0)) ? "f" : kind, a, b);
  if (isPlain && !Number.isFinite(y.data[0])) notMarked("a number in it is too large");
  if (y.kind === "i" && y.data.some((v) => !Number.isSafeInteger(v))) notMarked("a number in it is too large");
  return y;
};

/** An entry over another; where both are beyond the ends, so is the quotient. */
const quotient = (a, b) => (together(a.shape, b.shape) ? map((x, y) => (x === 0 && y === 0 ? 0 : x / y), "f", a, b) : binary("/", a, b));

/** A product of entries; 0 where one is 0 and the other infinite. */
const scaled = (a, b) => (together(a.shape, b.shape) && [a, b].some((x) => x.data.some((v) => Math.abs(v) === Infinity)) ? map((x, y) => (x === 0 || y === 0 ? 0 : x * y), "f", a, b) : binary("*", a, b));

// ------------------------------------------------------------------------------- from the board to Python's notation

const W = "[\\p{L}\\p{N}_]";
const NUMBER = /^[0-9.]+$/;
const MARKS = "\u0300-\u036f";
/** Patterns, also compiled, and words that stand in notation.py, and remarks of grading.py: a page has them with its data. */
const P = {}, RE = {}, TABLES = {}, SAYS = {};
const learned = ({ patterns, tables, remarks }) => {
  const more = { ...patterns, ALONE: `^${patterns.AT}$`, SPLIT: `^([^]+?)((?:${patterns.AT})?)$` };
  for (const [to, from] of [[P, patterns], [TABLES, tables], [SAYS, remarks]]) Object.assign(to, from);
  for (const [word, pattern] of Object.entries(more)) RE[word] = new RegExp(pattern, "gu");
  RE.LISTED_ONCE = new RegExp(P.LISTED, "u");
};
const CLOSING = { "(": ")", "[": "]", "{": "}" };
const BARS = { "|": "bars", "‖": "norm" };
const CALLED = { "√": "sqrt", ln: "log" };
const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);
const isOperand = (word) => new RegExp(`^(?:${W}|[.(\\[{'"])`, "u").test(word) && !TABLES.WORDS.includes(word) && word !== ".";
const isIndex = (token) => token !== undefined && token.search(RE.ALONE) === 0;
const split = (word) => [...word.matchAll(RE.SPLIT)][0]?.slice(1) ?? [word, ""];
const lettersOf = (text) => [...text].filter((c) => INDICES.includes(c)).map((c) => LETTERS[INDICES.indexOf(c)]);
const tuple = (numbers) => `(${numbers.join(",")},)`;
/** Letters with a hat, a tilde or a bar as letter and mark, as names are printed: ŷ. */
const decomposed = (text) => text.replace(/\p{L}/gu, (c) => (/^.[\u0302-\u0304]$/u.test(c.normalize("NFD")) ? c.normalize("NFD") : c));
/** What is raised, as a power; an inverse is left as it is. */
const power = (raised) => {
  const number = raised.normalize("NFKC");
  return ["⁻¹", "⁻ᵀ"].includes(raised) ? raised : /^\p{Nd}+$/u.test(number) ? `**${number} ` : `**(${number})`;
};
const moved = (sign, k) => (sign ? Number(("₋-".includes(sign) ? "-" : "") + [...k].map((c) => "0₀1₁2₂3₃4₄5₅6₆7₇8₈9₉".indexOf(c) >> 1).join("")) : 0);
const endOfTerm = (text, start) => {
  for (let k = start, depth = 0; k < text.length; k++) {
    depth += "([{".includes(text[k]) - ")]}".includes(text[k]);
    const isSign = "+-".includes(text[k]) && !/(^|[*/@%]\+*)\s*$|\p{Nd}[eE]$/u.test(text.slice(start, k));
    const isEnd = isSign || (",;<>".includes(text[k]) && !text.startsWith(", 0 elsewhere", k));
    if (depth < 0 || (depth === 0 && isEnd && text.slice(start, k).split("‖").length % 2)) return k;
  }
  return text.length;
};
const compared = (tokens) => {
  let depth = 0;
  return tokens.map((t) => {
    depth += "([{".includes(t) - ")]}".includes(t);
    return t === "=" && depth === 0 ? "==" : t;
  });
};
const endOfSum = (text, start, c) => { // Σₜ aₜ + bₜ
  let end = endOfTerm(text, start);
  while (new RegExp(`^[-+][^Σ]*?${c}`, "u").test(text.slice(end, endOfTerm(text, end + 1)))) end = endOfTerm(text, end + 1);
  return end;
};
/** Where the bracket stands that is open at a place; -1 if none is. */
const opening = (text, end) => {
  for (let k = end - 1, depth = 0; k >= 0; k--) {
    depth += ")]}".includes(text[k]) - "([{".includes(text[k]);
    if (depth < 0) return k;
  }
  return -1;
};
const startOfTerm = (text, end) => {
  for (let k = end - 1, depth = 0; k >= 0; k--) {
    depth += ")]}".includes(text[k]) - "([{".includes(text[k]);
    const isSign = "+-".includes(text[k]) && !/[*/@%]\+*\s*$|\p{Nd}[eE]$/u.test(text.slice(0, k));
    if (depth < 0 || (depth === 0 && (isSign || ",<>=".includes(text[k])))) return k + 1;
  }
  return 0;
};
/** What a number may have been computed as from those with a name: 1 - α, or α T. */
function* computedFrom(size, constants) {
  const several = constants.filter(([x, w]) => x !== 0 && x !== 1 && !w.includes("[")), isSize = (x) => Math.abs(x - size) <= 1e-9 * Math.max(Math.abs(x), size);
  for (const [x, w] of several) if (isSize(1 - x)) yield `(1-${w})`;
  for (const [k, [x, w]] of several.entries()) for (const [y, v] of several.slice(k + 1)) if (isSize(x * y)) yield `(${w}*${v})`;
}
/** A formula with names in the place of numbers that are those of given values, first in the place of all of these. */
function* withNames(text, { signs, constants }) {
  const several = text.split(new RegExp(`(${P.LITERAL})`, "u")).map((part, k) => {
    const size = k % 2 ? Number(signs[part] ?? part) : NaN;
    const signed = ([x, w]) => (x > 0 ? w : `-${w}`), of = (c) => constants.filter(([x]) => c * Math.abs(x) === size && (c === 1 || ![0, 1].includes(Math.abs(x)))).map(signed);
    const options = [...of(1).map((w) => `(${w})`), ...of(2).map((w) => `(2*${w})`), ...of(0.5).map((w) => `(${w}/2)`), ...(size % 1 ? computedFrom(size, constants) : [])];
    return [part, ...options.sort((a, b) => a.includes("[") - b.includes("["))].slice(0, 5); // entries behind what has a name
  });
  if (several.some((options) => options.length > 1)) yield several.map((options) => options[1] ?? options[0]).join("");
  for (let n = 1; n < Math.min(count(several.map((options) => options.length)), 64); n++) {
    let rest = n; // the last part varies first
    const chosen = several.map(() => "");
    for (let k = several.length - 1; k >= 0; rest = Math.floor(rest / several[k--].length)) chosen[k] = several[k][rest % several[k].length];
    yield chosen.join("");
  }
}
/** Indices below the line. */
const SMALL = "₀₁₂₃₄₅₆₇₈₉₊₋";
const FURTHER = { p: "ₚ", r: "ᵣ", s: "ₛ" }; // indices of a program that has values with the names of the others
const stepOf = (letter) => `${INDICES}ₛₜ`[`${LETTERS}st`.indexOf(letter)];
const below = (letters) => [...letters].map((c) => ((INDICES + SMALL).includes(c) ? c : (`${INDICES}${SMALL}ₜ`)[`${LETTERS}0123456789+-t`.indexOf(c)] ?? "")).join("");
const numbered = (number) => (number.includes("t") ? below(number) : number);
/** What stands in braces below the line: ᵢⱼ₋₁ for _{i,j-1}, [t-1,0] for _{t-1,0}, _3 for _{3}. */
const braced = (all, inside) => {
  const parts = inside.match(/[ti-n](?: ?[-+] ?\p{Nd}+)?|\p{Nd}+/gu) ?? [];
  if (/^(?:[i-n][^\p{L}\p{N}_]*\([i-n, ]+\)|\([i-n, ]+\)[^\p{L}\p{N}_]*[i-n])$/u.test(inside)) return [...inside].map((c) => ({ "(": "₍", ")": "₎" })[c] ?? below(c)).join(""); // dL/dJ_{j(ik)}
  if (/[i-n][^,]*[-+] ?[i-n]/.test(inside)) return `[${inside}]`; // x_{i+j}, x_{i+2-k}
  if (!parts.length || inside.replace(/[ ,]/g, "") !== parts.join("").replaceAll(" ", "")) {
    const [word, ...at] = inside.split(","); // acc_{new,t}
    return new RegExp(`^\\s*[A-Za-z]${W}*\\s*$`, "u").test(word) ? `_${word.trim()}${below(at.join(","))}` : all;
  }
  if (parts.some((part, k) => k && /^\p{Nd}/u.test(part) && LETTERS.includes(parts[k - 1][0]))) return `[${parts.join(",")}]`;
  if (parts.some((part) => LETTERS.includes(part[0]))) return below(parts.join(""));
  return parts.length > 1 ? `[${parts.join(",")}]` : parts[0][0] === "t" ? below(parts[0]) : `_${parts[0]}`;
};
/** A formula for a row at each step with an index for t, and the indices: dL/dEₜⱼ = dL/daₜⱼ. */
const ofRow = (text, letters, isOfStep) => {
  const [first, ...others] = below(letters.replaceAll("ₜ", "t"));
  const isRow = !text.includes("Σₜ") && !isOfStep && !text.includes(first) && others.every((c) => text.includes(c));
  if (!text.includes("ₜ") || !others.length || (first !== "ₜ" && !isRow)) return [text, letters];
  const c = [...INDICES].reverse().find((x) => !(text + others.join("")).includes(x)) ?? notMarked("its indices");
  const changed = text.replaceAll("ₜ", c).replace(RE.BARE, LETTERS[INDICES.indexOf(c)]).replace(RE.ENTRY, (_, at) => below(at));
  return [changed, c + others.join("")];
};
const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
const anyOf = (words) => [...words].sort((a, b) => b.length - a.length).map(escaped).join("|") || "(?!)"; // the longest first

const add = (out, word) => {
  if (TABLES.WORDS.includes(word)) word = ` ${word} `;
  else if (out.length && isOperand(out.at(-1)) && isOperand(word)) out.push("*+");
  out.push(word);
};
const group = (tokens, bar = "") => {
  let depth = bar ? 0 : 1;
  for (let k = 0; k < tokens.length; k++) {
    depth += "([{".includes(tokens[k]) - ")]}".includes(tokens[k]);
    if (depth === 0 && (!bar || tokens[k] === bar)) return tokens.splice(0, k + 1).slice(0, k);
  }
  throw new Unread(`'${bar || "("}' was never closed`);
};

/** A formula with one change that undoes a likely mistake, each with the name of the mistake. */
function* variants(written, words, shapes) {
  const text = decomposed(written).replace(/_\{t ?([-+]) ?1\}/gu, (_, sign) => `ₜ${sign === "+" ? "₊" : "₋"}₁`).replace(new RegExp(`(?<=${W})_t(?!${W})`, "gu"), "ₜ"), short = (t) => ([...t.trim()].length <= 30 ? t.trim() : `${[...t.trim()].slice(0, 28).join("")}…`);
  const change = (m, by) => text.slice(0, m.index) + by + text.slice(m.index + m[0].length);
  for (const m of text.matchAll(/[-+−]/gu)) {
    if (/([*/@%^=]|\p{Nd}[eE]|₍)\s*$/u.test(text.slice(0, m.index))) continue;
    const term = text.slice(m.index + 1, endOfTerm(text, m.index + 1));
    yield [`the sign before ${short(term)} is wrong`, change(m, m[0] === "+" ? "-" : "+")];
  }
  const atSteps = [...text.matchAll(new RegExp(`((?!\\p{Nd})${W}(?:${W}|[${MARKS}/])*?)ₜ([₊₋]₁)?`, "gu"))];
  const values = [...new Set(atSteps.filter((m) => !/[/Σ]/u.test(m[1])).map((m) => m[0]))];
  for (const step of values.length > 1 && values.every((w) => w.endsWith("ₜ")) ? ["₋₁", "₊₁"] : []) {
    const moved = text.replace(new RegExp(`(?<!${W}|/)(?:${anyOf(values)})`, "gu"), (w) => w + step);
    yield [`${values.join(" and ")} are of another step than they should be`, moved];
  }
  for (const m of atSteps.sort((a, b) => a[1].includes("/") - b[1].includes("/"))) { // dL/dhₜ hₜ: more likely it is hₜ₋₁
    for (const step of ["", "₋₁", "₊₁"].filter((s) => s !== (m[2] ?? ""))) yield [`${m[0]} is of another step than it should be`, change(m, `${m[1]}ₜ${step}`)];
  }
  const ofGradients = new RegExp(`((?:^|(?<!${W}))[d∂]${W}+/(?:${W}|[${MARKS}])+?ₜ)(?![₊₋])`, "gu");
  for (const step of (text.match(ofGradients) ?? []).length > 1 ? ["₊₁", "₋₁"] : []) {
    yield ["the gradients are of another step than they should be", text.replace(ofGradients, `$1${step}`)];
  }
  for (const m of text.matchAll(/\[t([-+]1)?(?=[\],])/gu)) {
    const [word] = text.slice(0, m.index).match(new RegExp(`(?:${W}|/)*$`, "u"));
    for (const step of ["", "-1", "+1"].filter((s) => s !== (m[1] ?? ""))) yield [`${word}${m[0]}] is of another step than it should be`, change(m, `[t${step}`)];
  }
  for (const m of text.matchAll(new RegExp(`ᵀ|\\.T(?!${W})`, "gu"))) {
    const operand = text.slice(0, m.index).match(new RegExp(`(\\([^()]*\\)|(?:${W}|/)*)$`, "u"));
    yield [`${operand?.[0] ?? ""}ᵀ is transposed, and should not be`, change(m, "")];
  }
  for (const m of text.matchAll(new RegExp(`(?:(?<=/)d|(?<!${W}))(?!\\p{Nd})${W}(?:${W}|[${MARKS}])*(?:/d(?:${W}|[${MARKS}])+)?`, "gu"))) {
    const shape = (has(words, m[0]) && shapes[words[m[0]]]) || [], next = text[m.index + m[0].length];
    if (shape.length === 2 && !["ᵀ", "⁻", "."].includes(next)) yield [`${m[0]} has to be transposed`, change(m, `(${m[0]})ᵀ`)];
  }
  for (let start = text.match(/^(?:[^=<>![(]*=(?!=)|)/u)[0].length, end; start < text.length; start = Math.max(end, start + 1)) {
    const [sign] = text.slice(start).match(/^\s*[-+−]?/u);
    end = endOfTerm(text, start + sign.length);
    const term = text.slice(start + sign.length, end);
    for (const [k, c] of [...INDICES].entries()) {
      if (new RegExp(`${c}|_${LETTERS[k]}(?!${W})`, "u").test(term) && !new RegExp(`Σ[${INDICES}]*${c}|Σ_`, "u").test(term)) {
        yield [`the sum over ${LETTERS[k]} is missing in ${short(term)}`, `${text.slice(0, start)}${sign || "+"} Σ${c} (${term}) ${text.slice(end)}`];
      }
    }
    for (const [factor, says] of [["2", "2"], ["½", "1/2"], ["n", "n"], ["1/n", "1/n"]]) {
      if (end - start < text.length && (!factor.endsWith("n") || has(words, "n"))) {
        yield [`the term ${short(term)} has to be multiplied by ${says}`, `${text.slice(0, start)}${sign || "+"} (${factor}) (${term}) ${text.slice(end)}`];
      }
    }
  }
}

class Board {
  constructor({ words, copied, functions, whole: all, maps, letter, signs, spellings, powers, full, constants }, shapes) {
    const isKnown = ([, f]) => has(maps, f) || has(FUNCTIONS, bare(f)) || METHODS.includes(f.split(".")[1]) || ["onehot", "placed"].includes(f);
    const whole = Object.fromEntries(Object.entries(all).filter(([, code]) => [...code.matchAll(new RegExp(`((?:${W}|\\.)+)\\(`, "gu"))].every(isKnown)));
    this.unknown = Object.keys(all).filter((side) => !has(whole, side)); // with a function that the page has not
    Object.assign(this, { words, whole, letter, full, functions: new Set(functions), shapes, reading: [], choices: new Set(), order: "", extents: {}, ends: {}, ragged: [], bare: new Set() });
    this.counts = Object.fromEntries(constants.filter(([x]) => Number.isInteger(x)).map(([x, w]) => [w, x]));
    if (letter !== "t" && has(words, "t")) words._t = words.t;
    this.hasSteps = Object.keys(words).some((w) => w.endsWith("ₜ"));
    Object.assign(this, { signs, powers: new RegExp(powers, "gu"), spellings: spellings.map(([from, ...by]) => [new RegExp(from, "gu"), ...by]) });
    this.own = this.spellings.filter(([, , kind]) => kind === "ₜ");
    this.sign = new RegExp(anyOf(Object.keys(signs)), "gu");
    this.gradients = new Set(copied.filter((w) => w.includes("/")).map((w) => words[w]));
    const parts = anyOf(copied);
    this.ofLists = new RegExp(`(?<!${W}|\\.)(?:${anyOf(Object.keys(words).filter((w) => w.startsWith("len(")))})`, "gu");
    this.start = new RegExp(`^\\s*(?:${parts}|d${W}+?(?:/d${W}+?)?)([${INDICES}₍₎ₜ]*|${P.OF_STEP})\\s*=(?!=)`, "u");
    this.steps = new Map();
    for (const [, stem, number] of Object.keys(words).map((w) => w.match(/^(.*[\p{L}\u0300-\u036f_])([0-9]+)$/su) ?? [])) {
      if (stem) this.steps.set(stem, [...(this.steps.get(stem) ?? []), Number(number)]);
    }
    this.last = Math.max(0, ...[...this.steps.values()].flat());
    this.computed = new Set([...this.steps.keys()].filter((w) => w.includes("/d")).map((w) => w.slice(w.lastIndexOf("/d") + 2))); // of which there is a gradient
    this.stems = new Set([...this.steps.keys()].filter((w) => !shapes[words[w]]?.length)); // that cannot be an entry of an array
    this.ofStems = new RegExp(`(?<!${W})(${anyOf(this.stems)})\\[(t[^\\],]*), ?`, "gu"); // p[t, i]
    this.ofArrays = new RegExp(`(?<!${W})(${anyOf([...this.steps.keys()].filter((w) => !this.stems.has(w)))})\\[(t ?(?:[-+] ?\\p{Nd}+)?)(?:\\]|, ?)`, "gu"); // v[t], where v is an array too
    this.ofPlaced = new RegExp(`(?<!${W})(${anyOf(this.stems)})${P.PLACED}`, "gu");
    this.ofNumbers = new RegExp(this.ofStems.source.replace("(t[^\\],]*), ?", "(\\p{Nd}+),"), "gu");
    this.copied = new RegExp(`(?<!${W}|\\.)(${parts})(?=(?:${P.AT})?(?!${W}))`, "gu");
    const ofT = Object.keys(words).filter((w) => w.endsWith("_t") && w !== "_t" && has(shapes, words[w]));
    this.ofT = new RegExp(`(?<!${W}|/)(?:${anyOf(ofT)})(?!${W})`, "gu");
    const before = ofT.map((w) => w.slice(0, -2)).filter((w) => !this.steps.get(w)?.some(Boolean)); // no values of a loop, so that xₜ is the name x_t
    this.beforeT = new RegExp(`(?<!${W}|/)(${anyOf(before)})(?:ₜ|_\\{t\\})`, "gu");
    const arrays = Object.keys(words).filter((w) => shapes[words[w]]?.length);
    this.indices = [...LETTERS].filter((c) => arrays.includes(c) || this.stems.has(c)); // that are the user's own
    this.arrays = anyOf(arrays);
    this.atEntry = new RegExp(`(?<!${W})(${this.arrays})([${INDICES}]+),((?!\\p{Nd})${W}+\\[[^\\][]*\\])`, "gu"); // Bⱼ,obs[t]
    this.behindPi = `(?:${anyOf(Object.keys(words).filter((w) => /^π./u.test(w)).map((w) => w.slice(1)))})`; // of π3, π_3
    this.entry = new RegExp(`((?<!${W})(?:${this.arrays})|\\))_?(\\p{Nd}+|[₀-₉]+(?:,[₀-₉]+)*)(?!${W})`, "gu"); // observed_2
  }

  /** A formula as on a board: other spellings are replaced. */
  spelled(text, steps) {
    if (has(this.words, "chi2") && !this.hasWhole(text)) text = text.replace(RE.CHI2, "chi2");
    const isOfOne = steps.length === 1 && !this.isOfLine, isOfAll = /Σ|sum/.test(text) && !/\[-?\p{Nd}*:-?\p{Nd}*\]/u.test(text), other = [steps.length === 1 || isOfAll ? "Σ" : "ₜ", isOfOne ? "ₜ" : ""]; // of all steps, or of one; not sum(e * y[:-1])
    for (let before = ""; text !== before && text.length < 10000 && !this.hasWhole(text);) {
      before = text;
      for (const [from, by, name] of this.spellings) if (!name || !(other.includes(name) || has(this.words, name))) text = text.replace(from, by);
    }
    for (const [pattern, by] of isOfOne ? this.own : []) {
      const stem = by.slice(0, -1), numbers = this.steps.get(stem), m = numbers && text.match(pattern);
      if (m) throw new Unread(`${m[0]} has a value at each step: write ${stem}${Math.min(...numbers)} … ${stem}${Math.max(...numbers)}`);
    }
    return text;
  }

  /** The letter on the left side of an answer that otherwise only values in a loop have: dL/dbᵤ beside u1, u2. */
  ofValues(text) {
    const m = text.match(new RegExp(`^\\s*[d∂]${W}+?/[d∂]${W}+?(?:_\\{?([a-z])\\}?|\\[([a-z])\\]|([${Object.keys(TABLES.OTHERS).join("")}]))\\s*=(?!=)`, "u"));
    const c = m && (m[1] ?? m[2] ?? TABLES.OTHERS[m[3]]);
    return c && this.stems.has(c) && !has(this.words, c) && !LETTERS.includes(c) ? [c] : [];
  }

  /** The letters on the left side of an answer that are no indices of sheets, t and a of dL/dlogp_{t,a}, where a value has a row for each step; also t of an answer without a left side. */
  ofRows(text, ndim, steps) {
    if (steps.length === 1 || !ndim || has(this.words, "t")) return [];
    const m = text.match(new RegExp(`^\\s*[d∂]${W}+?/[d∂]${W}+?(?:_\\{([a-z, ]+)\\}|\\[([a-z, ]+)\\]|_?([tₜ]))\\s*=(?!=)`, "u"));
    let typed = m ? (m[1] ?? m[2] ?? m[3]).replaceAll("ₜ", "t").match(/[a-z]/g) ?? [] : [];
    if (!m && !text.includes("=") && !/Σ|∑|sum/u.test(text) && new RegExp(`ₜ|_t(?!${W})|_\\{t`, "u").test(text)) typed = ["t"];
    const isIt = typed.includes("t") && new Set(typed).size === typed.length && typed.length <= ndim;
    return isIt && this.isReadAs("row of t") ? typed.filter((c) => !LETTERS.includes(c)) : [];
  }

  /** A formula with the index p of a sheet that has values i, j, k and m, or with t, as one of these. */
  inKnownLetters(text, letters, c) {
    const within = [...text.matchAll(new RegExp(`_\\{?(?:[a-z] ?, ?)*([${LETTERS}])(?!${W})`, "gu"))].map((m) => m[1]).join("");
    const taken = within + letters + [...text.matchAll(new RegExp(`(?:(?<!${W})sum|[Σ∑])_\\{?([a-z, ]+)`, "gu"))].map((m) => m[1]).join("");
    const by = [...LETTERS].reverse().find((x) => !taken.includes(x) && !text.includes(INDICES[LETTERS.indexOf(x)]));
    text = text.replace(/(?<=_\{)[^{}]*(?=\})/gu, (m) => m.replaceAll(c, by)).replaceAll(Object.keys(TABLES.OTHERS).find((x) => TABLES.OTHERS[x] === c) ?? "ₜ", INDICES[LETTERS.indexOf(by)]);
    text = text.replace(new RegExp(`(?<=(?:${W}|[)\\]]))(?:_${c}(?!${W})|\\[${c}\\])`, "gu"), `_${by}`);
    return [text.replace(new RegExp(`(?<!${W}|\\.)${c}(?!${W}|\\()`, "gu"), `_${by}`), letters.replaceAll(c, by)];
  }

  python(text, shape, letters = "", steps = []) {
    text = text.replace(this.ofLists, (m) => this.words[m]);
    for (const c of [...[...letters].filter((x) => x in FURTHER), ...this.ofValues(text), ...this.ofRows(text, shape.length, steps)]) [text, letters] = this.inKnownLetters(text, letters, c);
    if (new RegExp(`^(?:${P.PRINTED})$`, "u").test(text)) text = text.replace(/(?<=[\p{Nd}.\]])\s+(?=[-+]?[\p{Nd}.]|\[)/gu, ", ");
    text = this.listed(text);
    text = text.replace(this.atEntry, (_, w, at, place) => `${w}_{${[...at].map((c) => LETTERS[INDICES.indexOf(c)]).join(",")},${place}}`);
    const quoted = [...text.matchAll(RE.QUOTED)].map(([all]) => all); // the letters of an einsum are none of these
    text = text.replace(RE.QUOTED, (all) => `'⟦${quoted.indexOf(all)}⟧'`);
    const step = new RegExp(`_([ti-n${this.letter}])([+-]\\p{Nd}+|(?:,[ti-n${this.letter}])+)(?!${W}|\\.)`, "gu"); // x_t+1, x_t,i
    text = text.replace(new RegExp(`(?<!${W})([d∂]${W}+)${step.source}(?=/[d∂])`, "gu"), "$1_{$2$3}"); // dx_t+1/dx_t
    if (text.search(step) >= 0 && this.isReadAs("moved")) text = text.replace(step, "_{$1$2}");
    const matrix = new RegExp(`(?<![d∂/]|${W})[Σ∑](?![${INDICES}ₜ_₍\\p{Nd}])`, "gu");
    if (has(this.words, "Sigma")) text = text.replace(/(?<=\/[d∂])Σ/gu, "Sigma");
    if (has(this.words, "Sigma") && text.search(matrix) >= 0 && this.isReadAs("Sigma")) text = text.replace(matrix, " Sigma "); // wᵀ Σ w, as it is in LaTeX
    const sides = [text, text.slice(text.indexOf("=") + 1)], side = sides.find((s) => has(this.whole, s.trim())); // in LaTeX
    if (sides.some((s) => this.unknown.includes(s.trim()) || this.unknown.includes(this.withSigns(s).trim()))) notMarked("a function of this sheet");
    if (side) text = text.slice(0, text.length - side.length) + this.whole[side.trim()];
    text = decomposed(this.spelled(text.replace(new RegExp(`(?<!${W}|\\.)(\\p{Nd}+)(?=(?:${this.arrays})(?:_|[₀-₉]))`, "gu"), "$1 ").replace(new RegExp(`(?<=${W})(?=Σ|∑|\\\\sum)`, "gu"), " "), steps)).replace(RE.PRIMED, (all, w) => (has(this.words, w) && this.shapes[this.words[w]]?.length === 2 ? `${w}ᵀ ` : all));
    text = text.replace(/((?!\p{Nd})[\p{L}\p{N}_]\p{Nd}+)_\{ ?t ?, ?(\p{Nd}+) ?\}/gu, "$1ₜ[$2]"); // dL/dk2_{t,0}
    text = text.replace(RE.OF_PARTIAL, (all, above, at, below) => (has(this.words, `${above}/${below}`.replaceAll("∂", "d")) ? `${above}/${below}${at}` : all)); // dpᵢ/dzᵢ
    text = text.replace(RE.SELECTED, (all, ...groups) => { // Σᵢ 1[wᵢ = k] xᵢ for sum(x[w == k])
      const [x, w, sign, c] = [0, 4, 8].map((n) => groups.slice(n, n + 4)).find(([word]) => word);
      const free = [...INDICES].reverse().find((i) => !text.includes(i) && lettersOf(i)[0] !== c);
      return !has(this.words, c) && has(this.words, w) && this.shapes[this.words[w]]?.length && free ? `(Σ${free} 1[${w}${free} ${sign[0]}= ${c}] ${x}${free})` : all;
    });
    text = text.replace(this.beforeT, "$1_t");
    const isPlain = (!this.hasSteps || this.letter !== "t") && /ₜ|[_{[]t/.test(text) && this.isReadAs("t"); // no number of a step
    if (!isPlain) text = this.withT(text, steps.length === 1);
    if (text.search(this.ofArrays) >= 0 && this.isReadAs("stepped")) text = text.replace(this.ofArrays, (all, w, t) => `${w}_{${t}}${all.endsWith("]") ? "" : "["}`);
    const tight = new RegExp(`/ ?(\\p{Nd}+)((?!e\\p{Nd})(?!\\p{Nd})${W}(?:${W}|[${MARKS}])*(?:(?:\\^|\\*\\*)\\p{Nd}+)?)(?!${W}|[.(\\[{/^*])`, "gu"); // 1/2n
    if (text.search(tight) >= 0 && this.isReadAs("under")) text = text.replace(tight, "/($1 $2)");
    const base = (w) => w.replace(new RegExp(`(?:_[ti-n]|[${INDICES}ₜ]|\\[.*)$`, "u"), "");
    const isUnit = (all, w) => !has(this.words, "e") && !has(this.words, all) && (this.steps.has(base(w)) || (has(this.words, base(w)) && has(this.shapes, this.words[base(w)]))); // e_y
    text = text.replace(new RegExp(`(?<!${W})e_(?:\\{(${W}+(?:\\[[^\\][]*\\])?)\\}|(${W}+))`, "gu"), (all, a, b) => (isUnit(all, a ?? b) ? `onehot(${a ?? b})` : all)).replace(this.ofStems, "$1[$2][").replace(this.powers, power);
    text = text.replace(this.ofPlaced, (_, w, a, at, b, below) => (a ? `${w}_{${a}}[${at.slice(1)}]` : `${w}${b}[${[...below.slice(1)].map((c) => (c === "," ? c : SMALL.indexOf(c))).join("")}]`)); // A_{t+1,0,1}
    for (const c of this.indices.length && this.isReadAs("own") ? this.indices : []) text = text.replace(new RegExp(`(?<=[\\p{L}\\p{N}_)\\]])(?:_${c}(?!${W})|${below(c)}|\\[${c}\\])`, "gu"), this.stems.has(c) ? `[${c}ₜ]` : `[${c}]`);
    text = this.withSigns(this.withSubscripts(text, isPlain)).replace(this.ofNumbers, "$1$2["); // state_{2,0}
    const isRow = (c, row) => !has(this.words, c) && !this.steps.has(c) && has(this.words, row) && this.shapes[this.words[row]]?.length;
    text = text.replace(new RegExp(`(?<!${W}|[/.])([d∂]${W}+/[d∂])?([a-z])(?=[${INDICES}ₜ])`, "gu"), (c, of = "", letter, k, all) => {
      const row = of + letter.toUpperCase();
      return isRow(c, row) && !new RegExp(`(?<!${W})${row}(?![A-Za-z])`, "u").test(all) ? row : c;
    }); // xᵢ for Xᵢ, not in d - D
    text = text.replace(new RegExp(`(?<!${W}|\\.)(\\p{Nd}+)(e\\p{Nd}+)(?!${W})`, "gu"), (all, n, w) => (has(this.words, w) ? `${n} ${w}` : all));
    text = text.replace(this.ofT, (w) => this.words[w]); // x_t for xt
    const own = Object.keys(this.renamed), isOfSheet = [...letters].some((c) => !`${LETTERS}ₜ`.includes(c)) && [...letters].every((c) => LETTERS.includes(c) || own.includes(c));
    if (own.length) letters = [...letters].filter((c) => isOfSheet || c === "ₜ").map((c) => this.renamed[c] ?? c).join(""); // of the sheet those of the formula, or none
    this.isFrom0 = false;
    const start = text.match(this.start);
    let by = null; // how far the step is moved of which the left side is
    if (start) {
      [text, letters] = [text.slice(start[0].length), start[1].replace("_t", "ₜ") || letters];
      const at = letters === "ₜ" ? null : letters.match(new RegExp(`^(?:${P.OF_STEP})$`, "u"));
      if (at) {
        [by, letters] = [at[1] ? moved(below(at[1]), below(at[2])) : 0, "ₜ"];
        if (steps.length === 1) steps = [steps[0] - by];
      }
    }
    text = this.typedSteps(text);
    const summedOver = [...text.matchAll(new RegExp(`Σ([${INDICES}]+)`, "gu"))].map(([, at]) => at).join(""), known = start && [...letters].length === 1 ? "" : below(letters);
    const free = [...INDICES].filter((c) => text.includes(c) && !(summedOver + known).includes(c));
    const ofStems = [...text.matchAll(new RegExp(`(?<!${W})(?:${anyOf(this.stems)})([${INDICES}])`, "gu"))].map(([, c]) => c);
    let found = shape.length ? free.filter((c) => ofStems.includes(c)) : []; // with the letter of the user's loop: N[m], dL/dbₖ aₖ
    if (!found.length && free.length > shape.length) found = free.slice(-1);
    if (steps.length === 1 && found.length === 1 && this.isReadAs("step")) {
      letters = letters.replaceAll(found[0], "ₜ");
      text = text.replaceAll(found[0], "ₜ").replace(new RegExp(`(?<![\\p{L}_]|(?!\\p{Nd})\\p{N})${lettersOf(found[0])[0]}(?!${W})`, "gu"), "t");
    }
    [text, letters] = ofRow(text, letters, steps.length === 1);
    if (has(this.whole, text.trim())) text = this.whole[text.trim()];
    text = this.unrolled(text, steps, letters, shape, by);
    letters = letters.replaceAll("ₜ", "");
    const digits = (k) => [...k].map((c) => ("₀₁₂₃₄₅₆₇₈₉".indexOf(c) + 1 || Number(c) + 1) - 1).join("");
    text = text.replace(this.entry, (all, word, k) => {
      const number = [...k].map((c) => (c === "," ? c : digits(c))).join(""), isOfMatrix = (has(this.words, word) && this.shapes[this.words[word]]?.length) === number.length;
      if (!has(this.words, all) && /^\p{Nd}+$/u.test(number) && has(this.words, word) && this.shapes[this.words[word]]?.length && this.isCounted(word)) return `${word}[${number - 1}]`;
      return has(this.words, all) ? all : `${word}[${isOfMatrix ? [...number].join(",") : number}]`; // M[1,0] for M₁₀
    });
    text = text.replace(new RegExp(`(?<!${W})(${this.arrays})_((?!\\p{Nd})${W}+)`, "gu"), (all, w, at) => (!has(this.words, all) && has(this.words, at) && has(this.shapes, this.words[at]) ? `${w}[${at}]` : all)); // C_context
    text = text.replace(new RegExp(`(?<!${W}|\\.)(\\p{Nd}+\\.?\\p{Nd}*)\\s?π(?!${this.behindPi})`, "gu"), has(this.shapes, this.words["π"]) ? "$1 π " : "$1 (np.pi) ");
    if (!has(this.words, "δ")) text = text.replace(new RegExp(`δ\\[?([${LETTERS}${INDICES}]),?([${INDICES}]|\\p{Nd}\\])`, "gu"), (_, ...at) => `1[${at.slice(0, 2).map((c) => lettersOf(c)[0] ?? c.replace("]", "")).join(" = ")}]`);
    text = text.replace(this.copied, (w) => this.words[w]);
    for (const [all, ...of] of text.replaceAll("∂", "d").matchAll(new RegExp(`(?<!${W}|/)(d(?!\\p{Nd})${W}+)/(d(?!\\p{Nd})(?:${W}|[${MARKS}])+)`, "gu"))) {
      const ends = of.map((w) => (has(this.words, split(w)[0]) ? this.words[split(w)[0]] : "")); // dK/dell, where dK is short for dL/dK
      if (!ends[0] || ends.every((w) => this.gradients.has(w))) throw new Unread(`${split(all)[0]} is no gradient on this sheet`);
    }
    for (let m; (m = [...text.matchAll(RE.PLACES)][0]);) {
      const k = startOfTerm(text, m.index);
      text = `${text.slice(0, k)} placed(${text.slice(k, m.index)}, np.s_${m[1]})${text.slice(m.index + m[0].length)}`;
    }
    const plain = (t) => [...t].map((c) => (INDICES.includes(c) ? LETTERS[INDICES.indexOf(c)] : c)).join("");
    [text, letters] = this.ofEachRow(text, letters, shape);
    text = this.bound(text);
    const isPair = !shape.length && text.split("Σ").length === 2; // Σᵢ<ⱼ is a sum over both
    text = text.replace(new RegExp(`Σ([${INDICES}])\\s*([<>]=?|!=)\\s*([${INDICES}])(\\s*-)?`, "gu"), (_, a, op, b, minus) => `Σ${a}${isPair ? b : ""} 1[${plain(a + op + b)}] ${minus ? "*-" : ""}`);
    text = text.replace(/\|(?!\s)([^|<>=]*[^|<>=\s])\|/gu, " bars($1)");
    this.measure(text, shape, plain(letters), start);
    const python = this.rewritten((text.replaceAll("∂", "d").match(RE.TOKEN) ?? []).filter((t) => t.trim()));
    const odd = python.match(new RegExp(`${W}*[₊₋]${W}*`, "u"));
    if (odd) throw new Unread(`${odd[0]} cannot be read: only an index can be moved, as in uᵢ₊₁`);
    return python.replace(/'⟦(\p{Nd}+)⟧'/gu, (_, k) => quoted[k]);
  }

  /** A formula with the entries of each list that Python would make: [f(k) for k in range(2)]. */
  listed(text) {
    for (let m, term, n; (m = text.match(RE.LISTED_ONCE)); ) {
      const [all, word, first, last, array] = m, from0 = Number(first ?? 0), end = m.index, start = opening(text, end), isSum = text[start] === "(" && /(?:np\.)?sum$/.exec(text.slice(0, start));
      n = last ? (has(this.counts, last) ? this.counts[last] : /^[0-9]+$/.test(last) ? Number(last) : NaN) : (has(this.words, array) && this.shapes[this.words[array]]?.[0]) ?? NaN;
      if (start < 0 || n * text.length > 50000 || !(n > from0 && n <= 64) || !(all.endsWith("]") ? text[start] === "[" : isSum)) return text;
      term = Array.from({ length: n - from0 }, (_, k) => inRound(text.slice(start + 1, end), word, k + from0));
      const [from, list] = isSum ? [isSum.index, `(${term.map((t) => `(${t})`).join("+")})`] : [start, `[${term.join(",")}]`];
      text = text.slice(0, from) + list + text.slice(end + all.length);
    }
    return text;
  }

  isReadAs(choice) {
    this.choices.add(choice);
    return this.reading.includes(choice);
  }

  /** A formula for one row of matrices, and the indices of its left side, with an index for the row: Pᵢₖ (δₖₗ - Pᵢₗ) for Pᵢ (δᵢⱼ - Pⱼ). */
  ofEachRow(text, letters, shape) {
    const sizes = (w) => (has(this.shapes, this.words[w]) ? this.shapes[this.words[w]] : []);
    const matrices = anyOf(shape.length === 2 ? Object.keys(this.words).filter((w) => sizes(w).length === 2 && sizes(w)[0] === shape[0]) : []);
    const [one, two] = ["!", "="].map((is) => new RegExp(`(?<!${W})(${matrices})([${INDICES}])(?${is}[${INDICES}₊₋])`, "gu"));
    const whole = new RegExp(`(?<!${W})(?:${matrices})(?!${W})`, "u"); // beside E without an index Eᵢ is no entry of a row
    if ([...below(letters)].length > 1 || text.search(one) < 0 || text.search(two) >= 0 || whole.test(text) || !this.isReadAs("class")) return [text, letters];
    const to = (c) => `${LETTERS.slice(2)}ij`[LETTERS.indexOf(c)];
    text = text.replace(new RegExp(`[${INDICES}]`, "gu"), (c) => below(to(lettersOf(c)[0])));
    text = text.replace(new RegExp(`(?<!${W}|\\.)([${LETTERS}])(?!${W}|[.(])`, "gu"), (c) => (has(this.words, c) ? c : to(c)));
    text = text.replace(one, `$1${INDICES[0]}$2`);
    return [text, letters && `i${to(lettersOf(below(letters))[0])}`];
  }

  /** A formula in which sums without an index are over those of their factors, if it is read so: Σ aᵢ Xᵢ. */
  bound(text) {
    const inside = new RegExp(`[${INDICES}]`, "gu"), own = new RegExp(`Σ([${INDICES}]+)`, "gu");
    for (const m of [...text.matchAll(new RegExp(`Σ(?![${INDICES}])`, "gu"))].reverse()) {
      const term = text.slice(m.index + 1, endOfTerm(text, m.index + 1)), not = [...term.matchAll(own)].map(([, at]) => at).join("");
      const at = [...new Set(term.match(inside) ?? [])].filter((c) => !not.includes(c)).sort();
      if (!at.length || !this.isReadAs("bound")) continue;
      const twice = at.filter((c) => term.split(c).length > 2);
      text = `${text.slice(0, m.index + 1)}${(twice.length ? twice : at).join("")} ${text.slice(m.index + 1)}`;
    }
    return text;
  }

  hasWhole(text) {
    const replaced = this.withSigns(text);
    return [replaced, replaced.slice(replaced.indexOf("=") + 1)].some((side) => has(this.whole, side.trim()));
  }

  withSigns(text) {
    return text.replace(/\^T(?![\p{L}\p{N}_])/gu, "ᵀ").replace(/(?<=[\p{L}\p{N}_])['′’](?=\()/gu, "ʹ").replace(this.powers, power).replace(this.sign, (s) => this.signs[s]);
  }

  /** A formula with the values of each step, where it has those of step t, and sums over the steps. */
  unrolled(text, steps, letters, shape, by) {
    const stems = anyOf(this.stems);
    const step = "(t ?(?:[+-] ?\\p{Nd}+)?|\\p{Nd}+)", every = anyOf(this.steps.keys());
    text = text.replace(new RegExp(`(?<!${W})(${every})_(?:T(?!${W})|ᵀ)`, "gu"), (_, w) => `${w}${Math.max(...this.steps.get(w))}`); // h_T
    text = text.replace(new RegExp(`(?<!${W})(?:(${stems})\\*\\*${step}(?!${W})|(${every})(?:\\*\\*)?(?:\\(${step}\\)|\\(\\(${step}\\)\\)))`, "gu"), (_, a, k, b, m, n) => (a ?? b) + numbered(k ?? m ?? n)); // h^t, h(t), h^(t-1)
    text = text.replace(new RegExp(`(?<!${W})(${this.arrays})(?:\\*\\*)?\\((t ?(?:[+-] ?\\p{Nd}+)?)\\)`, "gu"), "$1[$2]"); // x(t)
    const withNumber = anyOf([...this.stems].filter((w) => /\p{Nd}_$/u.test(w)).map((w) => w.slice(0, -1)));
    text = this.overSteps(text.replace(new RegExp(`(?<!${W}|/)(${withNumber})(?=[${INDICES}])`, "gu"), "$1_")); // f2ₖ
    text = text.replace(new RegExp(`(?<!${W})(${this.arrays})([${INDICES}]*)${P.STEP}((?:,?[${INDICES}₀-₉])*)(?!${W})`, "gu"), (all, word, before, sign, k, after) => {
      if (this.steps.has(word) || !(before + after)) return all;
      const by = moved(sign, k) - this.isCounted(word, before.length);
      const step = `t${by > 0 ? "+" : ""}${by || ""}`;
      return before && !after ? `(${word}[${":,".repeat(before.length)}${step}])${before}` : `${word}[${[...lettersOf(before), step, ...[...after.replaceAll(",", "")].map((c) => lettersOf(c)[0] ?? SMALL.indexOf(c))].join(",")}]`; // respᵢₜ, emitₜⱼ, xₜ₀
    });
    text = text.replace(new RegExp(`Σ([${INDICES}])\\s*([<>]=?|!=)\\s*ₜ`, "gu"), (_, c, op) => `Σ${c} 1[${lettersOf(c).join("")} ${op} t] `); // Σⱼ<ₜ
    const counted = new Set(), bare = (c) => new RegExp(`(?<![\\p{L}_]|(?!\\p{Nd})\\p{N})${c}(?!${W})`, "gu");
    const inRows = new RegExp(`(?<!${W})(${every})([${INDICES}])(?:([₊₋])([₀-₉]+))?`, "gu"), hasStart = (word) => [word, word.split("/d").at(-1)].some((w) => this.steps.get(w)?.includes(0));
    const ofStart = new Set([...text.matchAll(inRows)].filter(([, word]) => hasStart(word)).map(([, , index]) => index)); // the indices of values with a start
    text = text.replace(inRows, (all, word, index, sign, k, at, whole) => {
      const isCall = this.functions.has(word) && whole[at + all.length] === "("; // meanⱼ(x) beside mean1 and mean2
      if (isCall || (!this.stems.has(word) && !this.isReadAs("steps"))) return all;
      const steps = this.steps.get(word), n = shape.length && index === (below([...letters].slice(0, 1)) || index) ? shape[0] : Math.max(...steps) + 1;
      const [c] = lettersOf(index), isNumber = !has(this.words, c) && bare(c).test(text);
      const isCounted = Math.max(...steps) === n && new Set(steps.filter(Boolean)).size === n && (isNumber || !ofStart.has(index)) && this.isReadAs("counted"); // fₖ, of which the first has the number 1
      if (isCounted && !has(this.words, c)) counted.add(c);
      const by = moved(sign, k) + isCounted;
      const rows = Array.from({ length: n }, (_, j) => j + by);
      if (!rows.some((j) => steps.includes(j))) throw new Misfit(`there is no ${word}${by}`);
      const isFrom1 = steps.includes(0) && whole.includes(`Σ${index}`) && this.isReadAs("from 1"); // Σₛ≤ₜ of what each round computes
      return `(stack([${rows.map((j) => (steps.includes(j) && !(isFrom1 && j === 0) ? `${word}${j}` : `0*${word}${Math.max(...steps)}`)).join(",")}]))${index}`;
    });
    for (const c of counted) text = text.replace(bare(c), `(${c}+1)`);
    text = text.replace(new RegExp(`((?<!${W})(?:${this.arrays})|(?<=\\p{Nd}))ₜ`, "gu"), (all, word) => word && !this.steps.has(`${word}_`) ? all : `${word}_ₜ`);
    text = text.replace(new RegExp(`(?<!${W})(\\p{Nd}+)(?=(?!\\p{Nd})${W}[${W.slice(1, -1)}${MARKS}]*ₜ)`, "gu"), "$1 "); // 2eₜ is no 2e6
    const summed = `(?<!${W}|\\.)(?:np\\.)?sum(?=\\()|Σ(?![${INDICES}])`;
    const isOfAll = steps.length !== 1 && text.includes("ₜ") && !text.includes("Σₜ") && new RegExp(summed, "u").test(text);
    if (isOfAll && !(shape.length && this.isReadAs("in each step"))) text = text.replace(new RegExp(summed, "gu"), "Σₜ");
    const values = [...text.matchAll(RE.AT_STEP)].map(([, word]) => word).filter((word) => word !== "Σ");
    if (text.includes("Σₜ") && values.length && !/ₜ[₊₋]/.test(text) && values.every((w) => has(this.words, w) && !this.steps.has(w))) { // t is an index of arrays
      text = text.replaceAll("ₜ", [...INDICES].reverse().find((c) => !(text + letters).includes(c)) ?? "ₜ");
    }
    const over = [...text.matchAll(RE.RANGE)][0];
    if (over) text = text.slice(0, over.index).replace(/Σₜ(?!⟦)/gu, `Σₜ⟦${over[1]},${over[2]}⟧`);
    const sum = /Σₜ(?:⟦(\p{Nd}+),(\p{Nd}+)⟧)?/u;
    for (let m = text.match(sum); m; m = text.match(sum)) {
      const start = m.index + m[0].length, end = endOfSum(text, start, steps.length !== 1 ? "ₜ" : "(?!)"), term = text.slice(start, end);
      const common = m[1] ? Array.from({ length: Math.max(m[2] - m[1] + 1, 0) }, (_, k) => Number(m[1]) + k) : this.stepsOf(term, steps);
      if (common.length > 1000) notMarked("it is too long");
      text = `${text.slice(0, m.index)}(${common.map((t) => `(${this.atStep(term, t)})`).join("+")})${text.slice(end)}`;
    }
    let rows = [];
    const index = below(letters) || "(?!)", isFree = !new RegExp(`(?<!${W})${lettersOf(index).join("") || "(?!)"}(?!${W})|${index}`, "u").test(text);
    try { if (text.includes("ₜ") && steps.length !== 1 && isFree) rows = this.stepsOf(text).filter((t) => t >= 0); } catch { /* it has no steps */ }
    if (rows.length && shape.length && by !== null) rows = Array.from({ length: shape[0] }, (_, k) => k - by); // dL/dB[t-1]
    this.isFrom0 = rows.includes(0); // then xₜ is x[t]
    if (rows.length && rows.length === shape[0]) return `stack([${rows.map((t) => this.atStep(text, t)).join(",")}])`;
    if (text.includes("ₜ") && steps.length > 1) throw new (/(?<![\p{L}\p{N}_])(?:over|of|for)(?![\p{L}\p{N}_])/u.test(text) ? Unread : Misfit)("the sum over the steps is missing: write Σₜ"); // in words it is not read
    if (text.includes("ₜ") && steps.length !== 1) throw new Unread("ₜ cannot be read here: this is the gradient of no step; write Σₜ, or numbers");
    const t = this.hasSteps && !has(this.words, "t") ? P.BARE : `\\[[^\\]]*${P.BARE}`; // else it is no name
    return steps.length === 1 && new RegExp(`ₜ|${t}`, "u").test(text) ? this.atStep(text, steps[0]) : text;
  }

  /** A formula with the values of step t as on a board: hₜ₋₁ for h[t-1] and h_{t-1}. */
  typedSteps(text) {
    const small = (sign, k) => (sign ? (sign === "-" ? "₋" : "₊") + [...k].map((c) => "₀₁₂₃₄₅₆₇₈₉"[c]).join("") : "");
    text = text.replace(new RegExp(`(?<!${W})(${anyOf(this.stems)})\\[(?:t\\s*(?:([+-])\\s*(\\p{Nd}+))?|(\\p{Nd}+))\\]`, "gu"), (_, word, sign, k, number) => word + (number ?? `ₜ${small(sign, k)}`)); // h[t-1]
    return text.replace(RE.TYPED_STEP, (all, sign, k, at, whole) => { // w_t may be a name
      const [word] = whole.slice(0, at + all.length).match(new RegExp(`(?:${W}|/)*$`, "u"));
      return has(this.words, word) && has(this.shapes, this.words[word]) ? all : `ₜ${sign ? below(sign + k) : ""}`;
    });
  }

  /** A formula in which sums over steps are over t: Σₜ t dL/dyₜ for Σₖ k dL/dyₖ. */
  overSteps(text) {
    for (const m of [...text.matchAll(new RegExp(`Σ([${INDICES}])(?![${INDICES}])`, "gu"))].reverse()) {
      const [all, c] = m, start = m.index + all.length, end = endOfSum(text, start, c), term = text.slice(start, end);
      const values = [...term.matchAll(new RegExp(`((?!\\p{Nd})${W}(?:${W}|[${MARKS}/])*?)${c}`, "gu"))].map(([, word]) => word);
      if (/ₜ/.test(term) || new RegExp(P.BARE, "u").test(term) || text.slice(end).includes(c) || !values.some((w) => this.stems.has(w)) || values.some((w) => !this.stems.has(w) && !has(this.words, w))) continue;
      if (!values.every((w) => this.stems.has(w)) && !this.isReadAs("rows of steps")) continue;
      text = `${text.slice(0, m.index)}Σₜ${term.replaceAll(c, "ₜ").replace(new RegExp(P.BARE.replace("t(", `${lettersOf(c)}(`), "gu"), "t")}${text.slice(end)}`;
    }
    return text;
  }

  /** Whether the entries of an array are counted from 1, as they may be where there are as many as steps: xₜ for x[t-1]. */
  isCounted(w, axis = 0) {
    return !this.isFrom0 && !this.steps.has(w) && this.last > 1 && this.shapes[this.words[w]][axis] === this.last && this.isReadAs("counted");
  }

  /** A formula at one step. */
  atStep(text, t) {
    for (const [all, w, sign, k] of [...text.matchAll(RE.AT_STEP)]) {
      const at = t + moved(sign, k), steps = this.steps.get(w) ?? [], last = Math.max(...steps);
      if (w.includes("/") && steps.length && at === last + 1) text = text.replaceAll(all, `(0*${w}${last})`); // beyond the end a gradient is 0
      else if (this.computed.has(w) && steps.length && at === Math.min(...steps) - 1) text = text.replaceAll(all, `(0*${w}${at + 1})`); // a start that has no name is 0
      else if (steps.length && !steps.includes(at)) throw new Misfit(`there is no ${w}${at}`);
    }
    text = text.replace(new RegExp(`(?<!${W})(${this.arrays})${P.STEP}`, "gu"), (all, w, sign, k) => (this.isCounted(w) ? `${w}[${t + moved(sign, k) - 1}]` : all));
    text = text.replace(RE.STEP, (_, sign, k) => t + moved(sign, k));
    const before = new RegExp(`(?<!${W})(${this.arrays})\\[t ?- ?(\\p{Nd}+)((?:,[^\\][]*)?)\\]`, "gu"); // x[t-3] at the second step
    text = text.replace(before, (all, w, k, rest) => (t >= Number(k) || this.isReadAs("ring") ? all : `(0*${w}[0${rest}])`));
    return text.replace(RE.BARE, `(${t})`);
  }

  stepsOf(term, over = []) {
    const wordOf = (of) => (this.steps.has(of) ? of : of.slice(of.lastIndexOf("/") + 1));
    const each = [...term.matchAll(RE.AT_STEP)].filter(([, of]) => this.steps.has(wordOf(of)) || !has(this.words, of)).map(([, of, sign, k]) => {
      const there = this.steps.get(wordOf(of)) ?? [], by = moved(sign, k);
      const end = of.includes("/") ? Math.max(-1, ...there) + 1 : there.length ? Math.min(...there) - this.computed.has(wordOf(of)) : -1; // a start, or a gradient behind the last one, is 0
      return Object.assign(there.map((n) => n - by), { end: end - by });
    });
    const values = [...term.matchAll(RE.AT_STEP)].filter(([, of]) => this.steps.has(of)), by = new Set(values.map(([, , sign, k]) => moved(sign, k)));
    if (over.length > 1 && by.size === 1 && !by.has(0) && values.every(([, of]) => of.includes("/")) && !term.includes("[t")) return [...over].sort((a, b) => a - b); // Σₜ dL/dhₜ₊₁ is not Σₜ dL/dhₜ
    let common = each.length ? each.reduce((a, b) => a.filter((n) => b.includes(n))) : this.rowsOf(term, over);
    common = [...new Set(common)].sort((a, b) => a - b);
    const isAll = over.every((t) => common.includes(t)), isEnded = over.every((t) => each.every((there) => there.includes(t) || there.end === t));
    const isThere = isAll || (each.length && isEnded && common.every((t) => over.includes(t)));
    const isOfLine = over.length > 1 && (isThere || (each.length && isEnded && !/ₜ(?![₊₋])/u.test(term)));
    const isEarlier = common.some((t) => !over.includes(t)) && Math.max(...common) <= Math.max(...over); // hₜ from t = 0, but not hₜ₋₁ up to t = T + 1
    if (isOfLine && !(isEarlier && this.isReadAs("all"))) return [...over].sort((a, b) => a - b);
    if (each.length && common.length < over.length && !isEnded && common.every((t) => over.includes(t))) common = []; // Yₜ, of which the first is not there
    const reached = each.length ? each.map((there) => [...there, there.end]).reduce((a, b) => a.filter((n) => b.includes(n))) : common; // where a gradient behind the last step is 0
    if (!over.length && reached.length > common.length && common.length && this.isReadAs("all")) return [...new Set(reached)].sort((a, b) => a - b);
    const fewer = common.filter((t) => (over.length > 1 ? over.includes(t) : t)); // without a start
    if (fewer.length && fewer.length < common.length && this.isReadAs("line")) return fewer;
    if (!common.length) throw new Unread(`Σₜ cannot be read: there is no step t with each value in ${term.trim().replaceAll("*+", "·")}`);
    return common;
  }

  /** The steps t for which the arrays in a term have entries; others if it has none. */
  rowsOf(term, others) {
    const inBrackets = new RegExp(`(${this.arrays})\\[t ?(?:([-+]) ?(\\p{Nd}+))?[\\],]`, "gu");
    const at = [...term.matchAll(RE.AT_STEP), ...term.matchAll(inBrackets)].map(([, w, sign, k]) => [(has(this.words, w) && this.shapes[this.words[w]]) || [], moved(sign, k)]);
    const rows = at.filter(([shape]) => shape.length).map(([shape, by]) => Array.from({ length: shape[0] }, (_, k) => k - by));
    const end = "(?:(t) ?(?:([-+]) ?(\\p{Nd}+))?)?";
    const slices = [...term.matchAll(new RegExp(`(${this.arrays})\\[${end} ?: ?${end}[\\],]`, "gu"))].filter((m) => m[2] || m[5]);
    for (const [, w, isStart, sign, by, isStop, signOfStop, byStop] of slices) {
      const [n] = this.shapes[this.words[w]], start = moved(sign, by), stop = moved(signOfStop, byStop);
      const first = isStart ? -start : 1 - stop, last = isStop ? n - stop : n - 1 - start;
      rows.push(Array.from({ length: Math.max(last - first + 1, 0) }, (_, k) => first + k));
    }
    const common = rows.slice(1).reduce((a, b) => a.filter((n) => b.includes(n)), rows[0] ?? []);
    return common.length && (rows.length > 1 || this.stems.size || slices.length) ? common : others;
  }

  /** A message on one step in terms of t. */
  atStepT(says, t) {
    return says.replace(new RegExp(`(?<!\\p{Nd})((?!\\p{Nd})${W}(?:${W}|[${MARKS}/])*?)(\\p{Nd}+)(?![\\p{L}\\p{Nd}_])`, "gu"), (all, word, k) => {
      const by = k - t;
      return this.steps.has(word) || this.steps.has(word.replace(/^d/, "")) ? `${word}ₜ${by ? below(`${by > 0 ? "+" : ""}${by}`) : ""}` : all;
    });
  }

  /** The name that is all of a text, which may be that of a value at step t; undefined if it is none. */
  nameIn(written, t) {
    const text = this.withT(decomposed(written).trim()), m = text.match(/^(.+?)_?(?:ₜ|(?<=_)t)([₊₋]₁)?$/);
    const at = m ? `${m[1]}${t + (m[2] ? (m[2] === "₊₁" ? 1 : -1) : 0)}` : text;
    return has(this.words, at) ? this.words[at] : undefined;
  }

  /** A formula in which the number of a step is t; where the sheet has an index for it, in a formula of one step. */
  withT(text, isOfStep = true) {
    if (this.letter === "t") return text;
    text = text.replace(new RegExp(`(?<!${W})${this.letter}(?=${P.LIMITS})`, "u"), "t");
    const [c, at] = isOfStep || !LETTERS.includes(this.letter) ? [this.letter, stepOf(this.letter)] : ["(?!)", "ₜ"];
    const below = new RegExp(`(?<!${W}|/)((?:[d∂]${W}+/)?${W}+_)${c}([i-n]+)(?!${W})`, "gu"); // b_si
    text = text.replace(below, (all, word, more) => (has(this.words, all) ? all : `${word}t${more}`)).replace(new RegExp(`(?<=_\\{)${c}(?=[i-n]+\\})`, "gu"), "t");
    const word = new RegExp(`(?<!${W})(${W}*?)(?<![\\p{L}\\p{N}])${c}(?!(?!ᵀ)${W})`, "gu");
    return text.replaceAll(at, "ₜ").replace(new RegExp(`(?<!${W}|\\.)t(?!(?!ᵀ)${W})`, "gu"), "_t").replace(word, (all, before) => (has(this.words, all) && has(this.shapes, this.words[all]) ? all : `${before}t`));
  }

  /** Whether a value cannot be a position. */
  isMatrix(word) {
    return has(this.words, word) && (this.shapes[this.words[word]] ?? []).length > 1;
  }

  /** Whether letters are the name of a value, which below the line are no indices. */
  isSeveral(letters) {
    return letters.length > 1 && has(this.words, letters) && has(this.shapes, this.words[letters]);
  }

  /** A formula in which all indices are letters of INDICES: Σₙ xₙ for Σ_b x_b, or as in an einsum, Σ_d h_bd W_cd. */
  inLetters(text, isPlain) {
    text = text.replace(new RegExp(`(?<!${W}|\\.)sum(_[a-z]+)(?!${W})`, "gu"), (all, at) => (has(this.words, all) ? all : `Σ${at}`));
    const several = "[a-z](?:,? ?[a-z])*", found = new Set(), names = Object.keys(this.words).join("");
    const group = new RegExp(`(Σ|(?<!${W}|/)(?:${this.arrays}))(?:_([a-z]+)(?!(?!ᵀ)${W})|_\\{ ?(${several})(?!${W})|\\[(${several})\\])`, "gu");
    for (const [all, word, ...more] of this.hasWhole(text) ? [] : text.matchAll(group)) {
      if (word !== "Σ" && this.isSeveral(more.find(Boolean))) continue; // dL/dC[ys]
      const at = more.find(Boolean).match(/[a-z]/g), isWhole = !has(this.words, all) && has(this.words, word) && this.shapes[this.words[word]]?.length === at.length;
      const isNamed = at.some((c) => has(this.words, c) && !LETTERS.includes(c) && !this.isMatrix(c)); // P[i, y]
      if (word === "Σ" || (isWhole && at.join("") !== "t" && (!isNamed || this.isReadAs("letters")))) for (const c of at) if (word !== "Σ" || c !== "t") found.add(c);
    }
    if (isPlain) found.add("t");
    const small = isPlain ? { ...TABLES.OTHERS, "ₜ": "t" } : TABLES.OTHERS;
    const below = Object.keys(small).filter((c) => text.includes(c) && (c === "ₜ" || !names.includes(c)));
    const used = new Set([...lettersOf(text), ...(text.match(new RegExp(`(?<![\\p{L}\\p{N}])[i-n]+(?!${W})|(?<=_)[a-z]+(?!(?!ᵀ)${W})`, "gu")) ?? []).join("")]);
    const others = [...new Set([...found, ...below.map((c) => small[c])])].filter((c) => !LETTERS.includes(c) && (c !== "t" || isPlain || !this.steps.size)).sort();
    const unused = [...LETTERS].filter((c) => !used.has(c)), isFirst = others.join("") === "t" && used.size && unused[0] < [...used].sort()[0]; // pₜⱼ has a row for each t
    const free = isFirst ? unused : unused.slice(-others.length), to = Object.fromEntries(others.slice(0, free.length).map((c, k) => [c, free[k]]));
    this.renamed = to;
    for (const c of below) if (has(to, small[c])) text = text.replaceAll(c, INDICES[LETTERS.indexOf(to[small[c]])]);
    if (!Object.keys(to).length) return text;
    const isKnown = (inside) => [...inside].every((c) => has(to, c) || `${LETTERS}t, `.includes(c)), every = anyOf(Object.keys(to));
    const brackets = new RegExp(`(?<!${W}|/)(${this.arrays})\\[(${several})\\]`, "gu");
    text = text.replace(brackets, (all, word, at) => ([...at].some((c) => has(to, c)) && isKnown(at) && !this.isSeveral(at) ? `${word}_{${at}}` : all));
    text = text.replace(new RegExp(`_(?:\\{([^{}]*)\\}|([a-z]+)(?!(?!ᵀ)${W}))`, "gu"), (all, inside, letters, k, whole) => {
      const [word] = whole.slice(0, k).match(new RegExp(`(?:${W}|/)*$`, "u"));
      if (has(this.words, word + all) || (letters && (!isKnown(letters) || this.isSeveral(letters)))) return all;
      return all.replace(new RegExp(isKnown(inside ?? letters) ? every : `(?<![\\p{L}\\p{N}])(?:${every})(?!${W})`, "gu"), (c) => to[c]);
    });
    const alone = anyOf(Object.keys(to).filter((c) => !has(this.words, c) && c !== "e")); // 1[wᵢ = u] in a formula with ᵤ
    return text.replace(new RegExp(`(?<![\\p{L}_]|(?!\\p{Nd})\\p{N})(?:${alone})(?!${W}|\\()`, "gu"), (c) => (has(this.words, to[c]) ? ` _${to[c]}` : to[c]));
  }

  /** A formula in which indices are written below the line: xᵢ for x_i, Σᵢⱼ for Σ_{ij}. */
  withSubscripts(text, isPlain) {
    text = this.inLetters(text, isPlain);
    const plain = (number) => [...number].map((c) => ("₀₁₂₃₄₅₆₇₈₉".indexOf(c) + 1 || "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c) + 1 || Number(c) + 1) - 1).join("");
    text = text.replace(RE.STEPS, (_, first, last) => `Σₜ⟦${plain(first)},${plain(last)}⟧ `);
    text = text.replace(RE.PART, (_, a, op, b) => `Σ${below(a)}${op}${below(b)} `);
    text = text.replace(RE.BRACES, (all, inside, k, whole) => { // U_{n}
      const [word] = whole.slice(0, k).match(new RegExp(`(?:${W}|/)*$`, "u"));
      const [start, ...at] = inside.trim().split(",");
      return has(this.words, `${word}_${start}`) && has(this.shapes, this.words[`${word}_${start}`]) ? `_${start}${below(at.join(","))}` : braced(all, inside);
    });
    const byOthers = new RegExp(`(?:${P.PLACE},?)*${P.BY_ANOTHER}(?:,?${P.PLACE})*`, "gu"); // xᵢ₊ⱼ, xᵢ₊ₖ,ⱼ₊ₗ
    text = text.replace(byOthers, (at) => `[${at.match(RE.PLACE).map((p) => [...p].map((c) => LETTERS[INDICES.indexOf(c)] ?? "0123456789+-"[SMALL.indexOf(c)]).join("")).join(",")}]`);
    const bound = [...text.matchAll(new RegExp(`Σ_?([i-n${INDICES}]+)`, "gu"))].flatMap(([, at]) => [...below(at)]).map((c) => LETTERS[INDICES.indexOf(c)]);
    for (const c of bound) { // time[s-1] everywhere is counted from 1
      const places = [...text.matchAll(new RegExp(`(?<![\\p{L}\\p{N}])${c}(?!${W})(?:(?<=\\[.) ?- ?1(?=[\\],]))?|(?<!Σ)${below(c)}`, "gu"))];
      if (places.length && places.every(([at]) => at.length > 1)) text = text.replace(new RegExp(`\\[${c} ?- ?1(?=[\\],])`, "gu"), `[${c}`);
    }
    const isKept = (c) => (has(this.words, c) && !bound.includes(c)) || ("+-".includes(c) && text.includes("Σ")); // in a sum, x[i+1] may go further than an index
    text = text.replace(RE.ENTRY, (all, at) => ([...at].some(isKept) ? all : below(at)));
    text = text.replace(new RegExp(`(?<=[${INDICES}ₜ₀-₉]),(?=[${INDICES}])`, "gu"), ""); // uᵢ₊₁,ⱼ
    text = text.replace(RE.INDEX, (all, word, at, k, whole) => {
      const [before] = whole.slice(0, k).match(new RegExp(`(?:[d∂]${W}*/)?$`, "u"));
      return [all, before + all].some((w) => has(this.words, w) && has(this.shapes, this.words[w])) ? all : word + below(at); // dL/dW_i
    });
    text = text.replace(RE.ENTRY_OF, (_, at, k) => `[${[...at].map((c) => LETTERS[INDICES.indexOf(c)] ?? "0123456789+-"[SMALL.indexOf(c)]).join("")},${SMALL.indexOf(k)}]`);
    const ofRow = new RegExp(`(?<!${W})(${this.arrays})([₀-₉])([${INDICES}]+)(?![${P.SUBSCRIPT}])`, "gu");
    text = text.replace(ofRow, (all, w, k, at) => (has(this.words, w + k) ? all : `${w}[${SMALL.indexOf(k)},${lettersOf(at).join(",")}]`)); // A₀ₖ
    const column = new RegExp(`(?<!${W})(${this.arrays})\\[:, ?(${anyOf([...LETTERS].filter((c) => !has(this.words, c)))})\\]`, "gu"); // M[:, j]
    const taken = text + [...text.matchAll(column)].map(([, , c]) => below(c)).join(""), free = [...INDICES].find((c) => !taken.includes(c)) ?? "";
    text = text.replace(column, (_, w, c) => `${w}${free}${below(c)}`);
    return text.replace(new RegExp(`(?<=[${P.SUBSCRIPT}])(?=(?![${P.SUBSCRIPT}${MARKS}])${W})`, "gu"), " "); // aᵢbⱼ
  }

  /** The shape of a value, of a derivative that is one number that of all of its entries. */
  lengths(base) {
    const word = has(this.words, base) ? this.words[base] : "";
    return has(this.full, word) ? this.full[word] : this.shapes[word];
  }

  /** Find how far each index goes: by the result, or else by the values that have it. */
  measure(text, shape, order, isTyped) {
    const used = lettersOf(text), isCount = (c) => "mn".includes(c) && !used.includes(c) && !order.includes(c);
    const sums = lettersOf([...text.matchAll(new RegExp(`(?:Σ|${P.REDUCTION})([${INDICES}]+)`, "gu"))].map(([, at]) => at).join(""));
    const bare = (text.match(RE.TOKEN) ?? []).filter((c) => /^[i-n]$/.test(c) && (!has(this.words, c) || sums.includes(c) || (this.isMatrix(c) && order.includes(c))) && !isCount(c)).concat((text.match(RE.TOKEN) ?? []).filter((c) => /^_[i-n]$/.test(c)).map((c) => c[1]));
    const free = [...new Set([...used, ...bare])].filter((c) => !sums.includes(c)).sort().join("");
    const several = shape.filter((n) => n !== 1);
    this.ofResult = order + free;
    const more = [...free].find((c) => !order.includes(c));
    if (isTyped && more && [...order].some((c) => !free.includes(c))) throw new Unread(`the index ${more} does not stand on the left side`); // dL/dwᵢ = λ wⱼ
    const fits = this.fitting(free, several, text), isOfAxes = !isTyped && !fits.includes(order) && fits.includes(free) && alike([...new Set(order)].sort(), [...free]);
    this.order = ([...order].every((c) => free.includes(c)) || [...free].every((c) => order.includes(c))) && !isOfAxes ? order : "";
    const places = (text.match(new RegExp(`[${INDICES}]|(?<!${W})[i-n](?!${W})`, "gu")) ?? []).map((c) => LETTERS[INDICES.indexOf(c)] ?? c);
    const asTyped = [...new Set(places)].filter((c) => free.includes(c)).join("");
    const isSaid = (text.match(RE.TOKEN) ?? []).map(split).some(([base, at]) => lettersOf(at).join("") === free && has(this.words, base) && alike(this.lengths(base) ?? [], several)); // by gapᵢⱼ
    const isWritten = !this.order && !isOfAxes && asTyped.length === free.length && free.length > 1 && asTyped !== free && !isSaid;
    if (isWritten && this.isReadAs("written")) this.order = asTyped;
    this.order ||= !isOfAxes && fits.length === 1 && fits[0] !== free ? fits[0] : "";
    const axes = LETTERS.slice(0, shape.length), isFewer = !this.order && !isOfAxes && free && free.length < axes.length && [...free].every((c) => axes.includes(c));
    if (isFewer && this.isReadAs("axes")) this.order = axes;
    this.free = free;
    const letters = this.order || free;
    const sizes = several.length === letters.length ? several : shape;
    const extents = Object.fromEntries([...letters].slice(0, sizes.length).map((c, k) => [c, sizes[k]]).filter(([c]) => !sums.includes(c)));
    this.ends = { ...extents };
    for (const token of text.match(RE.TOKEN) ?? []) {
      const [base, at] = split(token), lengths = this.lengths(base) ?? [];
      lettersOf(at).slice(0, lengths.length).forEach((c, k) => { extents[c] ??= lengths[k]; });
    }
    const inside = (text.match(RE.TOKEN) ?? []).map(split).flatMap(([base, at]) => {
      const lengths = this.lengths(base) ?? [], all = [...at.matchAll(RE.MOVED)];
      const isRow = lengths.length > 1 && all.length === 1 && !LETTERS.slice(1, lengths.length).includes(LETTERS[INDICES.indexOf(all[0][1])]); // dL/dxᵢ of a matrix
      return all.length === lengths.length || isRow ? all.map(([, c, sign, k], j) => [LETTERS[INDICES.indexOf(c)], lengths[j] - Math.max(moved(sign, k), 0), sign, all.length === 1 && (lengths[j] > 1 || isRow) && lengths[j]]) : [];
    });
    for (const c of new Set(sums)) {
      const of = inside.filter(([d]) => d === c), vectors = new Set(of.flatMap(([, , , size]) => size || []));
      if (!letters.includes(c) && (of.some(([, , sign]) => sign) || vectors.size > 1)) this.ends[c] = Math.min(...of.map(([, n]) => n));
    }
    for (const [of, [c]] of this.stacksIn(text)) if (sums.includes(c)) extents[c] ??= of.length;
    this.ragged = this.raggedIn(text).filter((c) => sums.includes(c) && !letters.includes(c) && !free.includes(c)); // as far as the shortest of some values
    for (const c of this.ragged) delete this.ends[c];
    const pins = (text.match(RE.TOKEN) ?? []).map(split).filter(([base, at]) => has(this.words, base) && [2, this.lengths(base)?.length].includes(lettersOf(at).length));
    const ofRows = [...text.matchAll(new RegExp(`(?<!${W})(${this.arrays})([${INDICES}])(?![${INDICES}₊₋])`, "gu"))];
    const beside = ofRows.filter(([, w, c]) => ofRows.some(([, v, d]) => v === w && d !== c)).map(([, , c]) => ["", c]); // qᵢ - qⱼ
    this.rows = /\.T|@|\*\+\+|outer|‖/u.test(text) ? LETTERS : [LETTERS[0], ...letters, ...bare, ...[...pins, ...beside].flatMap(([, at]) => lettersOf(at)), ...this.stacksIn(text).flatMap(([, at]) => (at.length > 1 ? at : []))];
    const rest = lettersOf(text.replace(new RegExp(`Σ[${INDICES}]+`, "gu"), ""));
    for (const [, w, at] of text.matchAll(RE.IN_BRACKETS)) { // of j in g[k-j,j]
      const lengths = this.shapes[has(this.words, w) ? this.words[w] : ""] ?? [];
      at.replaceAll(" ", "").split(",").slice(0, lengths.length).forEach((c, k) => { if (c.length === 1) extents[c] ??= lengths[k]; });
    }
    const endless = bare.filter((c) => sums.includes(c) && !has(extents, c) && !rest.includes(c)).sort();
    if (endless.length) throw new Unread(`it cannot be read how far ${endless[0]} goes: write x_${endless[0]} for the entries of x`);
    this.extents = { ...Object.fromEntries(bare.map((c) => [c, shape[0] ?? 1])), ...extents };
    [this.bare, this.scope, this.sums] = [new Set(shape.length || used.length ? bare : []), "", sums];
  }

  /** The values of a loop that stand in lists, each with the indices of the list: aᵢⱼ of a1, a2, …. */
  stacksIn(text) {
    return [...text.matchAll(new RegExp(`stack\\(\\[([^\\][]*)\\]\\)\\)([${INDICES}]+)`, "gu"))].map(([, of, at]) => [of.match(new RegExp(`[\\p{L}_]${W}*`, "gu")), lettersOf(at)]);
  }

  /** The indices of values in a loop that have different numbers of entries. */
  raggedIn(text) {
    const sizes = {}, words = (text.match(RE.TOKEN) ?? []).map(split).filter(([base]) => has(this.words, base) && has(this.shapes, this.words[base]));
    const read = words.map(([base, at]) => [this.words[base].replace(/\d+$/, ""), this.shapes[this.words[base]], lettersOf(at)]);
    read.forEach(([stem, shape]) => (sizes[stem] ??= new Set()).add(JSON.stringify(shape)));
    const inLists = this.stacksIn(text).filter(([of]) => new Set(of.map((w) => JSON.stringify(this.shapes[w]))).size > 1).flatMap(([, at]) => at.slice(1));
    return [...new Set([...read.filter(([stem]) => sizes[stem].size > 1).flatMap(([, , at]) => at), ...inLists])];
  }

  /** The orders of the indices of a result in which each is as long as in the values. */
  fitting(free, sizes, text) {
    const ends = new Set();
    for (const [base, at] of (text.match(RE.TOKEN) ?? []).map(split)) {
      const letters = lettersOf(at), lengths = this.lengths(base) ?? [];
      if (letters.length === lengths.length && !/[₊₋]/.test(at)) letters.forEach((c, k) => { if (free.includes(c)) ends.add(c + lengths[k]); });
    }
    const orders = (rest) => (rest.length ? [...rest].flatMap((c) => orders(rest.replace(c, "")).map((more) => c + more)) : [""]);
    return (free.length === sizes.length && sizes.length < 4 ? orders(free) : []).filter((order) => ends.size === sizes.length && [...order].every((c, k) => ends.has(c + sizes[k])));
  }

  rewritten(tokens) {
    const out = [];
    let calls = false;
    while (tokens.length) {
      const t = tokens.shift();
      if (has(CLOSING, t)) {
        this.brackets(t, tokens, out, calls);
        calls = false;
      } else if (has(BARS, t) && (t === "‖" || !out.length || /^\p{Nd}+$/u.test(out.at(-1)) || !isOperand(out.at(-1)))) {
        this.bars(t, tokens, out);
      } else if ("∈⊗".includes(t) && out.length && tokens.length) {
        out.push(`${t === "∈" ? "isin" : "outer"}(${out.pop()},${this.operand(tokens)})`);
      } else if (out.length && isIndex(t)) {
        out.push(this.placed(out.pop(), t));
      } else if (t === "/" && this.under(tokens)) {
        out.push("/", `(${this.rewritten(tokens.splice(0, this.under(tokens)))})`);
      } else if (t.startsWith("Σ") || (split(t)[0] === "mean" && tokens.length && tokens[0] !== "(" && !has(this.words, "mean"))) {
        const [word, at] = t.startsWith("Σ") ? ["sum", t.slice(1)] : split(t); // meanᵢ xᵢ
        return out.join("") + this.sum(word, at, tokens, out.at(-1) ?? "");
      } else if (tokens.length && (t === "√" || (TABLES.PREFIX.includes(t) && !"(.".includes(tokens[0][0]) && !has(this.words, t)))) {
        add(out, this.called(CALLED[t] ?? t, tokens));
      } else if ([...t].length === 1 && !/[\p{L}\p{N}]/u.test(t) && has(this.words, t) && out.length && tokens.length) {
        out.push(`${this.words[t]}(${out.pop()},${this.operand(tokens)})`);
      } else if (/^\.[^\p{Nd}]/u.test(t) && out.length) {
        out.push(out.pop() + t);
        calls = !TABLES.TURNED.includes(t);
      } else if (/^[\p{L}_]/u.test(t)) {
        calls = this.name(t, tokens, out);
      } else add(out, t);
    }
    return out.join("");
  }

  /** A function without brackets, perhaps with a power: √n, tanh² x, sin 2γ. */
  called(word, tokens) {
    const power = tokens.splice(0, tokens.slice(0, 4).join("").match(/^\*\*(?:2|\(2\))/)?.[0].match(RE.TOKEN).length ?? 0).join("");
    const isNumber = tokens.length > 1 && word !== "sqrt" && /^\p{Nd}+\.?\p{Nd}*$/u.test(tokens[0]);
    const factor = isNumber && /^\p{L}/u.test(tokens[1]) && this.isReadAs("argument") ? `${tokens.shift()}*` : "";
    return `${word}(${factor}${this.operand(tokens)})${power}`;
  }

  bars(bar, tokens, out) {
    const inner = group(tokens, bar), over = isIndex(tokens[0]) ? `,over=_${lettersOf(tokens.shift()).join("")}` : "";
    add(out, `${BARS[bar]}(${this.rewritten(inner)}${over})`);
  }

  brackets(opening, tokens, out, calls) {
    const inner = group(tokens);
    if (opening === "[" && out.at(-1) === "1") {
      const isNot = inner[0] === "not", condition = this.within("[", () => this.rewritten(compared(inner.slice(isNot))));
      out[out.length - 1] = isNot ? `(1-(${condition}))` : `(1*(${condition}))`;
      return;
    }
    const isVector = opening === "[" && tokens[0] === ".T" && inner.includes(",") && !inner.includes(":") && inner[0] !== "["; // g [x, h]ᵀ
    const inside = opening + this.within(opening, () => this.rewritten(calls && out.at(-1) === "where" ? compared(inner) : inner)) + CLOSING[opening];
    if (!isVector && out.length && (calls || (opening === "[" && !NUMBER.test(out.at(-1)) && (has(this.full, out.at(-1)) || this.shapes[out.at(-1)]?.length !== 0))) && isOperand(out.at(-1))) out[out.length - 1] += inside;
    else add(out, inside);
  }

  name(word, tokens, out) {
    if (/^_[i-n]$/.test(word)) { // an index that is called as a value
      add(out, `indexed(${word})`);
      return false;
    }
    const [base, at] = split(word);
    let isValue = has(this.words, base);
    if (at && isValue && tokens[0] === "(" && this.functions.has(base)) isValue = !this.isReadAs("call"); // meanᵢ(x) beside a value of that name
    if (at && tokens.length && !isValue && (tokens[0] === "(" || TABLES.OF_OPERAND.includes(base))) { // softmaxⱼ(S)ᵢⱼ, minₖ dᵢₖ
      const isCall = tokens[0] === "(" && tokens.shift();
      const inside = isCall ? this.rewritten(group(tokens)) : this.operand(tokens), behind = isIndex(tokens[0]) ? `,at=_${lettersOf(tokens.shift()).join("")}` : "";
      add(out, `${base}(${inside},over=_${lettersOf(at).join("")}${behind})`);
      return false;
    }
    if (this.bare.has(word) && !(has(this.words, word) && tokens[0] === "[") && this.isIndex(word)) { // the k of Σₖ, and no array k
      add(out, `indexed(_${word})`);
      return false;
    }
    const isFunction = !has(this.words, base) || (this.functions.has(word) && tokens[0] === "(" && this.isReadAs("call"));
    const factors = isFunction && (tokens[0]?.[0] !== "." || TABLES.TURNED.includes(tokens[0])) ? this.factors(base) : [];
    if (factors.length) { // βμᵢ
      tokens.unshift(...factors.slice(0, -1), factors.at(-1) + at);
      return this.name(tokens.shift(), tokens, out);
    }
    const prefix = isFunction && !this.functions.has(base) && TABLES.PREFIX.find((w) => base.startsWith(w) && has(this.words, base.slice(w.length)));
    if (prefix && (tokens[0]?.[0] !== "." || TABLES.TURNED.includes(tokens[0]))) { // sinγ
      tokens.unshift(base.slice(prefix.length) + at);
      add(out, this.called(prefix, tokens));
      return false;
    }
    const value = this.words[base];
    add(out, isFunction ? word : at ? this.placed(value, at) : value);
    return isFunction;
  }

  /** Whether a letter alone is an index: outside of its sum n is a number, inside perhaps: 1/n Σₙ xₙ / n. */
  isIndex(word) {
    const at = this.scope.lastIndexOf(word);
    if (has(this.words, word) && !(this.isMatrix(word) && this.ofResult.includes(word))) return at >= 0 && (this.scope.slice(at).includes("[") || this.isReadAs("index"));
    if (at < 0 && this.sums.includes(word) && !this.ofResult.includes(word)) throw new Unread("an index of a sum stands outside of it, where it is no name on this sheet");
    return true;
  }

  /** What is rewritten inside of a sum over some letters, or of brackets. */
  within(scope, rewrite) {
    const before = this.scope;
    this.scope += scope;
    const python = rewrite();
    this.scope = before;
    return python;
  }

  /** The values of which a word that is no name is the product; nothing if it is none. */
  factors(word) {
    if (this.functions.has(word) || TABLES.PREFIX.includes(word) || word.startsWith("d") || has(this.words, word)) return [];
    const chars = [...word];
    for (let k = chars.length - 1; k > 0; k--) {
      const first = chars.slice(0, k).join(""), last = chars.slice(k).join("");
      const rest = has(this.words, last) ? [last] : this.factors(last);
      if (has(this.words, first) && rest.length) return [first, ...rest];
    }
    return [];
  }

  /** A value with its indices, which may be moved. */
  placed(value, at) {
    const by = [...at.matchAll(RE.MOVED)].map(([, , sign, k]) => moved(sign, k));
    return `indexed(${value},_${lettersOf(at).join("")}${by.some(Boolean) ? `,${tuple(by)}` : ""})`;
  }

  sum(word, letters, tokens, before) {
    let depth = 0, end = tokens.length;
    for (let k = 0; k < tokens.length; k++) {
      depth += "([{".includes(tokens[k]) - ")]}".includes(tokens[k]);
      const isEnd = depth === 0 && tokens.slice(0, k).filter((t) => t === "‖").length % 2 === 0 && ["+", "-", ",", "<", ">"].includes(tokens[k]);
      if (k && isEnd && !TABLES.OPERATORS.includes(tokens[k - 1])) {
        if ("+-".includes(tokens[k]) && this.isInSum(letters, tokens.slice(k + 1))) continue;
        end = k;
        break;
      }
    }
    if (letters && [...letters].some((c) => !INDICES.includes(c))) throw new Unread(`Σ${letters} cannot be read: sums are over ${[...INDICES].join(" ")}; write its terms`);
    const over = letters ? `,over=_${lettersOf(letters).join("")}` : "";
    let between = "";
    const term = this.within(lettersOf(letters).join(""), () => {
      const near = this.near(letters, tokens.slice(0, end));
      if (near < end && this.isReadAs(before === "/" ? "next below" : "next")) [end, between] = [near, TABLES.OPERATORS.slice(0, -2).includes(tokens[near]) ? "" : "*+"];
      return this.rewritten(tokens.slice(0, end));
    }), rest = this.rewritten(tokens.slice(end));
    return `${isOperand(before) ? "*+" : ""}${word}(${term}${over})${between}${rest}`;
  }

  /** Where the first factor of a sum ends, if the index is not in what follows: 2 / Σᵢ mᵢ x. */
  near(letters, tokens) {
    const rest = [...tokens];
    if (rest.length) this.operand(rest);
    while (rest.length && (rest[0] === "**" || isIndex(rest[0]))) if (rest.shift() === "**") this.operand(rest);
    const own = rest.findIndex((t) => t.startsWith("Σ")), at = rest.slice(0, own < 0 ? rest.length : own).map((t) => split(t)[1]).join("");
    const isWhole = [...letters].some((c) => at.includes(c)) || rest[0] === "/" || /^\p{Nd}/u.test(tokens.join(""));
    return tokens.length - (isWhole ? 0 : rest.length);
  }

  /** Whether the next term has an index of the sum before it, which the result has not: Σᵢ aᵢ - bᵢ. */
  isInSum(letters, tokens) {
    const term = tokens.join(""), n = (term.slice(0, endOfTerm(term, 0)).match(RE.TOKEN) ?? []).length;
    const own = tokens.slice(0, n).findIndex((t) => t.startsWith("Σ") && [...t].some((c) => letters.includes(c)));
    const words = tokens.slice(0, own < 0 ? n : own).map(split).filter(([w]) => has(this.words, w) || !this.functions.has(w)); // softmaxⱼ has none
    const at = lettersOf(words.map(([, at]) => at).join(""));
    return lettersOf(letters).some((c) => at.includes(c) && !this.ofResult.includes(c)) && !term.startsWith("Σ");
  }

  /** How many tokens an inner product below a line has, if it is read so: a / wᵀ w. */
  under(tokens) {
    const [norms] = tokens.join(" ").match(new RegExp(`^(?:${P.NORMS})`, "u")) ?? [];
    if (norms) return this.isReadAs("under") ? norms.split(" ").length : 0; // a / ‖u‖³‖v‖
    const start = tokens[0] === "(" ? group(tokens.slice(1)).length + 3 : 2;
    if (tokens[start - 1] !== ".T") return 0;
    for (let depth = 0, end = start; ; end++) {
      const t = tokens[end] ?? ",";
      depth += "([{".includes(t) - ")]}".includes(t);
      if (depth === 0 && (TABLES.OPERATORS.slice(0, -2).includes(t) || ",<>".includes(t))) return end > start && this.isReadAs("under") ? end : 0;
    }
  }

  operand(tokens) {
    let taken = [tokens.shift()];
    if (has(CLOSING, taken[0])) taken = [taken[0], ...group(tokens), CLOSING[taken[0]]];
    const opening = has(this.words, split(taken[0])[0]) || /^\p{Nd}/u.test(taken[0]) ? "[" : "(["; // √3 (a + b)
    while (tokens.length && ((opening.includes(tokens[0]) && taken.at(-1) !== ")") || tokens[0].startsWith("."))) {
      const t = tokens.shift();
      taken.push(...(has(CLOSING, t) ? [t, ...group(tokens), CLOSING[t]] : [t]));
    }
    return this.rewritten(taken);
  }
}

// -------------------------------------------------------------------------------------------------------- a parser

const LEXEME = new RegExp(
  `\\s*(?:((?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|((?!\\p{Nd})${W}(?:${W}|[${MARKS}])*)|('[a-zA-Z,.> -]*'|"[a-zA-Z,.> -]*"|\\.\\.\\.|\\*\\*|//|<=|>=|==|!=|[-+*/%@()\\[\\]{},.:<>&|~=]))`, "uy",
);
const LEVELS = [["|"], ["&"], ["+", "-"], ["*", "/", "//", "%", "@"]];

/** Why a formula cannot be read: a sign that is not known, a bracket without the other, or its order. */
const unread = (typed, python) => {
  if (/['"]/.test(python)) return "a ' can only be read behind a function, as in σ'(z)";
  const c = python.match(/[^\p{L}\p{M}\s0-9_+\-*/%@()[\]{},.:<>&|~=!#;^]/u)?.[0];
  if (c) return `the character '${c}' (U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}) cannot be read`;
  const opened = [];
  for (const b of python) {
    if (")]}".includes(b) && (!opened.length || "([{".indexOf(opened.pop()) !== ")]}".indexOf(b))) return `unmatched '${b}'`;
    if ("([{".includes(b)) opened.push(b);
  }
  const says = opened.length ? `'${opened.at(-1)}' was never closed` : "invalid syntax";
  const isProduct = new RegExp(`(?<!${W}|\\.)\\p{Nd}[\\p{Nd}.]*[A-Za-z_(]|(?:${W}|[)\\]])\\s+(?:${W}|\\()`, "u").test(typed);
  return isProduct ? `${says}; write * between factors: 2 * x` : says;
};
/** A formula in Python's notation as a tree: [kind, ...]. */
const parsed = (text, typed) => {
  const unreadable = () => { throw new Unread(unread(typed, text)); };
  const tokens = [];
  LEXEME.lastIndex = 0;
  while (LEXEME.lastIndex < text.trimEnd().length) {
    const m = LEXEME.exec(text) ?? unreadable();
    if (m[1] && (/^0[0-9]/.test(m[1]) || /^[0-9.eE+-]*$/.test(m[1]) === false)) unreadable();
    if (m[1] && new RegExp(`^${W}`, "u").test(text.slice(LEXEME.lastIndex))) unreadable();
    tokens.push(m[1] ? ["number", m[1]] : m[2] ? ["name", m[2].normalize("NFKC")] : ["sign", m[3]]);
  }
  let at = 0, depth = 0;
  const is = (sign) => tokens[at]?.[0] === "sign" && tokens[at][1] === sign;
  const isWord = (word) => tokens[at]?.[0] === "name" && tokens[at][1] === word;
  const take = (sign) => (is(sign) ? tokens[at++] : unreadable());
  const deeper = (f) => {
    if (++depth > 60) (() => { throw new Unread("it is nested too deeply"); })();
    const e = f();
    depth--;
    return e;
  };
  const joinedBy = (word, op, part) => () => {
    let e = part();
    while (isWord(word)) { at++; e = ["binary", op, e, part()]; }
    return e;
  };
  const negation = () => (isWord("not") ? ["binary", (at++, "=="), deeper(negation), ["number", "0"]] : comparison());
  const disjunction = joinedBy("or", "|", joinedBy("and", "&", negation));
  const expression = () => deeper(disjunction);
  const comparison = () => {
    const sides = [level(0)], ops = [];
    while (tokens[at]?.[0] === "sign" && has(COMPARISONS, tokens[at][1])) {
      ops.push(tokens[at++][1]);
      sides.push(level(0));
    }
    return ops.map((op, k) => ["binary", op, sides[k], sides[k + 1]]).reduce((a, b) => (a ? ["binary", "&", a, b] : b), null) ?? sides[0];
  };
  const level = (k) => {
    if (k === LEVELS.length) return unary();
    let e = level(k + 1), terms = 0;
    while (tokens[at]?.[0] === "sign" && LEVELS[k].includes(tokens[at][1])) {
      if (++terms > 90) notMarked("it is too long");
      e = ["binary", tokens[at++][1], e, level(k + 1)];
    }
    return e;
  };
  const unary = () => (is("-") || is("+") || is("~") ? ["unary", tokens[at++][1], deeper(unary)] : power());
  const power = () => {
    const e = postfix();
    if (!is("**")) return e;
    at++;
    return ["binary", "**", e, deeper(unary)];
  };
  const items = (end, item) => {
    const list = [];
    while (!is(end)) {
      list.push(item());
      if (!is(end)) take(",");
    }
    take(end);
    return list;
  };
  const slice = () => {
    const parts = [null];
    if (is("...")) { at++; return ["ellipsis"]; }
    for (;;) {
      if (is(":")) { at++; parts.push(null); } else if (is(",") || is("]") || parts.at(-1)) break;
      else parts[parts.length - 1] = expression();
    }
    return parts.length > 3 ? unreadable() : parts.length > 1 ? ["slice", parts] : parts[0] ?? unreadable();
  };
  const argument = () => {
    if (tokens[at]?.[0] === "name" && tokens[at + 1]?.[1] === "=") {
      const word = tokens[at][1];
      at += 2;
      return ["param", word, expression()];
    }
    return expression();
  };
  const postfix = () => {
    let e = atom();
    for (;;) {
      if (is("(")) {
        at++;
        e = ["call", e, items(")", argument)];
      } else if (is("[")) {
        at++;
        const before = at;
        const list = items("]", slice);
        const isTuple = list.length > 1 || (at - 2 >= before && tokens[at - 2][1] === ",");
        e = ["index", e, list.length ? list : unreadable(), isTuple];
      } else if (is(".")) {
        at++;
        e = tokens[at]?.[0] === "name" ? ["attribute", e, tokens[at++][1]] : unreadable();
      } else return e;
    }
  };
  const atom = () => {
    const [kind, word] = tokens[at++] ?? ["end"];
    if (kind === "number") return ["number", word];
    if (kind === "name") return ["and", "or", "not", ...TABLES.WORDS, "True", "False", "None"].includes(word) && !["True", "False", "None"].includes(word) ? unreadable() : ["name", word];
    if (kind === "sign" && /^['"]/.test(word)) return ["word", word.slice(1, -1)];
    if (kind === "sign" && word === "(") {
      const before = at;
      const list = items(")", expression);
      const isTuple = list.length !== 1 || tokens[at - 2][1] === "," && at - 2 > before;
      return isTuple ? ["list", list] : Object.assign(list[0], { isInBrackets: true });
    }
    if (kind === "sign" && word === "[") return ["list", items("]", expression), true];
    return unreadable();
  };
  const list = [expression()];
  while (is(",")) if (++at < tokens.length) list.push(expression());
  return at < tokens.length ? unreadable() : tokens.at(-1)[1] === "," || list.length > 1 ? ["list", list] : list[0];
};

// ----------------------------------------------------------------------------------------------------- its value

const CONSTANTS = { pi: Math.PI, _pi: Math.PI, e: Math.E, inf: Infinity, nan: NaN };
const dotted = (e) => {
  if (e[0] === "name") return e[1];
  const before = e[0] === "attribute" ? dotted(e[1]) : "";
  return before && `${before}.${e[2]}`;
};
const bare = (word) => word.replace(/^((np|numpy)\.)?(linalg\.)?/, "");

const lettersNamed = (e) => (e[0] === "name" && /^_[i-n]+$/.test(e[1]) ? e[1].slice(1) : notMarked("an index"));
/** A linear map of the sheet, such as one that puts a gradient in its places. */
const mapped = ([from, shape, entries], [x, ...rest]) => {
  if (rest.length || !x || !alike(together(x.shape, from) ?? [], from)) notMarked("its arguments");
  const data = Array(count(shape)).fill(0), values = spread(x, from);
  for (const [i, j, v] of entries) data[j] += v * values[i];
  return array(shape, data);
};

/** A term with the number of a round in the place of its variable: h[0] for h[t-1], h_1 for h_t. */
const inRound = (term, word, k) => {
  const at = `${word} ?([-+] ?\\p{Nd}+)?`;
  const moved = (all, by, below) => {
    const n = k + Number((by ?? below ?? "0").replaceAll(" ", ""));
    return all[0] === "[" ? `[${n}]` : `_${n}`;
  };
  term = term.replace(new RegExp(`\\[${at}\\]|_\\{${at}\\}|_${word}(?!${W})`, "gu"), moved);
  return term.replace(new RegExp(`(?<!${W}|\\.)${word}(?!${W})`, "gu"), k);
};

/** The outermost sums and differences of a formula, each without those of its terms in brackets. */
const outermost = (e) => {
  if (e[0] === "unary") return outermost(e[2]);
  if (e[0] !== "binary") return [];
  if (["*", "/"].includes(e[1])) return [...outermost(e[2]), ...outermost(e[3])];
  const isSum = ([kind, op]) => kind === "binary" && ["+", "-"].includes(op);
  return isSum(e) ? [e, ...(isSum(e[2]) && !e[2].isInBrackets ? outermost(e[2]) : [])] : [];
};
/** The attribute of the last factor before a product: T for 2 zᵀ a. */
const lastFactor = ([kind, ...parts]) => (kind === "binary" ? lastFactor(parts[2]) : kind === "unary" ? lastFactor(parts[1]) : kind === "attribute" ? parts[1] : "");
/** A term; 0 where it has an entry beyond the ends, which is NaN. */
const inTerm = (x, isTerm) => (isTerm && x.letters ? { ...x, data: x.data.map((v) => (Number.isNaN(v) ? 0 : v)) } : x);

/** V ⊙ (A B C) for V ⊙ A B C, and for V ⊙ A @ B; nothing for anything else. */
const chained = (e, isPlus) => {
  const factors = [];
  let at = e;
  for (; at[0] === "binary" && !(at !== e && at.isInBrackets) && (at[1] === "@" || (at[1] === "*" && isPlus(at[3]))); at = at[2]) factors.unshift(at);
  const isLong = factors.length > 1 || factors.some((f) => f[1] === "@");
  if (!isLong || at[0] !== "binary" || at[1] !== "*" || at.isInBrackets) return null;
  let [, last, , inner] = factors.pop();
  for (const [, op, , right] of factors.reverse()) {
    const both = ["binary", last, op === "*" ? right[2] : right, inner];
    [last, inner] = [op, op === "*" ? ["unary", "+", both] : both];
  }
  return ["binary", "*", at[2], ["binary", last, at[3], inner]];
};
class Reader {
  constructor(space, { functions, usual, maps, notations, shown, limits, full }) {
    Object.assign(this, { space, shown, full, limits, functions: new Set(functions), usual, maps, notations, used: new Set() });
  }

  formula(text, board, shape, letters, steps, reading) {
    Object.assign(this, { choices: new Set(), used: new Set() });
    if ([...text.trim()].length > 2000) throw new Unread(`it has ${[...text.trim()].length.toLocaleString("en-US")} characters; write it in 2,000 at most`);
    Object.assign(board, { reading, choices: this.choices, free: "?" });
    return this.evaluated(parsed(board.python(text.trim(), shape, letters, steps), text.trim()), board, shape, reading);
  }

  /** The value of the formula that `other` has read last, with the names of this one. */
  sameFormula(other) {
    this.choices = new Set();
    return this.evaluated(other.tree, other.board, other.shape, other.reading);
  }

  evaluated(tree, board, shape, reading) {
    Object.assign(this, { tree, board, shape, reading, numbered: {}, used: new Set(), turned: new Set() });
    Object.assign(this, { extents: board.extents, ends: board.ends, rows: board.rows, free: board.free, gradients: board.gradients, rank: shape.length });
    const order = board.order || (board.free.length === shape.length ? board.free : "");
    this.frame = (order + LETTERS.slice(order.length)).slice(0, shape.length);
    this.sums = new Set(reading.includes("ends") ? outermost(tree) : []);
    return laidOut(inTerm(this.operand(this.value(tree)), reading.includes("ends")), shape, board.order);
  }

  isReadAs(choice) {
    this.choices.add(choice);
    return this.reading.includes(choice);
  }

  /** The number of a part among those of its kind, which is the same at all steps of a sum. */
  number(kind, e) {
    const several = (this.numbered[kind] ??= []), shown = JSON.stringify(e).replace(/\p{Nd}/gu, "");
    if (!several.includes(shown)) several.push(shown);
    return Math.min(several.indexOf(shown) + 1, this.limits.products);
  }

  /** Whether what stands side by side is a product of matrices: where only that fits, or where it is read so. */
  isProduct(e, left, right, kind) {
    const [x, y] = [left, right].map((z) => ({ shape: entryShape(z), data: [] }));
    if (Math.min(x.shape.length, y.shape.length) < 1) return false;
    const [a, b] = rowsAndColumns(x, y);
    if (a.shape.at(-1) !== (b.shape.length > 1 ? b.shape.at(-2) : b.shape[0])) return false;
    if (x.shape.length === 1 && x.shape[0] * count(y.shape) > 1 && this.turned.has(e[3][2]) && !this.reading.includes("row")) return true; // a uᵀ, where u has one entry too
    if (kind === "product" && x.shape.length === 1 && y.shape.length === 1) { // w A w, but not u v, of which the sum may be forgotten
      const isMatrix = (part) => Array.isArray(part) && (part[0] === "name" ? this.space[part[1]]?.shape.length > 1 : part.some(isMatrix));
      kind = "inner";
      if (!isMatrix(e)) return false;
    }
    if (!together(x.shape, y.shape)) return !(isOfEach(x, y) && this.isReadAs("each"));
    const isTurned = y.shape.length === 1 && alike(x.shape, [1, y.shape[0]]) && lastFactor(e[2]) === "T"; // zᵀ a
    if (kind === "dot" && this.isReadAs("dots")) return true; // all of them
    return this.isReadAs(`${kind} ${this.number("product", e)}`) || isTurned;
  }

  operand(x) {
    if (x?.word !== undefined) throw new Unread("a ' can only be read behind a function, as in σ'(z)");
    if (x === null || x === undefined || x.params || x.slice) notMarked("a number or an array is needed");
    if (!x.list) return x;
    const rows = x.list.map((row) => this.operand(row));
    if (!rows.length || rows.some((row) => row.letters)) notMarked("a list of these");
    if (rows.some((row) => !alike(row.shape, rows[0].shape))) throw new Unread("it cannot be computed as it is written");
    return array([rows.length, ...rows[0].shape], rows.flatMap((row) => row.data), kindOf(...rows));
  }

  value(e) {
    switch (e[0]) {
      case "number": {
        const value = Number(e[1]);
        if (!Number.isFinite(value)) return array([], [value], "f", true);
        return array([], [value], /^[0-9]+$/.test(e[1]) ? "i" : "f", true);
      }
      case "word": return { word: e[1] };
      case "name": case "attribute": return this.named(e);
      case "list": {
        const list = e[3] ?? e[1].map((part) => this.value(part));
        if (list.length === 1 && (list[0]?.letters || list[0]?.list || list[0]?.shape?.length) && this.isReadAs("group")) return list[0]; // [a ⊙ b] xᵀ
        if (e[2] && list.some((x) => x?.letters)) return each((...parts) => this.operand({ list: parts }), list.map((x) => this.operand(x))); // [aᵢ, bᵢ]
        if (e[2] && list.some((x) => x?.shape?.length === 1) && list.some((x) => x?.shape?.length === 0) && list.every((x) => x?.shape?.length < 2)) { // [0, x], also of rows
          const sizes = list.find((x) => x.shape.length).shape, isOfRows = alike([list.length, ...sizes], this.shape), isTurned = this.isReadAs("columns"); // [1, x, x²]ᵀ
          const isOfColumns = isTurned !== alike([...sizes, list.length], this.shape);
          if (!isOfColumns && !isOfRows && !isTurned) return FUNCTIONS.hstack({ parts: list });
          const rows = this.operand({ list: list.map((x) => array(sizes, spread(x, sizes), x.kind)) });
          return isOfColumns ? transposed(rows) : rows;
        }
        const made = e[2] && list.every((x) => [0, 2].includes(x?.shape?.length) && !x.letters) ? blocks(list, this.shape) : null; // [A, 0]
        if (made) return made;
        const isJoined = e[2] && list.length > 1 && list.every((x) => x?.shape?.length && !x.letters);
        if (isJoined && list[0].shape.length > 1 && this.isReadAs("below")) return FUNCTIONS.concatenate({ parts: list });
        const areAlike = isJoined && list.every((x) => x.shape.length === 1 && x.shape[0] === list[0].shape[0]);
        if (areAlike && this.isReadAs("columns")) return FUNCTIONS.column_stack({ parts: list });
        return isJoined && this.isReadAs("joined") ? FUNCTIONS.concatenate({ parts: list }, array([], [-1], "i")) : { list };
      }
      case "unary": {
        const x = this.operand(this.value(e[2]));
        if (e[1] === "~") return x.kind === "b" && !x.plain ? withLetters(map((v) => 1 - v, "b", x), x.letters) : notMarked("~");
        if (x.kind === "b" && x.plain) notMarked("a sign of a condition");
        return e[1] === "-" ? withLetters(map((v) => -v, ofNumbers(x.kind), x), x.letters) : x;
      }
      case "binary": {
        const isPlus = (x) => x[0] === "unary" && x[1] === "+", [, op, left, right] = e;
        const of = chained(e, isPlus);
        if (of && this.isReadAs("tight")) return this.value(of);
        const isAfter = op === "*" && isPlus(right) && left[0] === "binary" && left[1] === "*";
        if (isAfter && this.isReadAs("tight")) {
          return this.value(["binary", "*", left[2], ["binary", "*", left[3], right]]); // v ⊙ A b
        }
        const isDot = op === "/" && left[0] === "binary" && left[1] === "*" && !left.isInBrackets && isPlus(left[3]) && isPlus(left[3][2]) && !isPlus(left[3][2][2]);
        if (isDot && this.isReadAs("tight")) return this.value(["binary", "*", left[2], ["unary", "+", ["unary", "+", ["binary", "/", left[3][2][2], right]]]]); // a·b / c
        try {
          return this.binary(e, isPlus);
        } catch (error) { // V ⊙ A B is V ⊙ (A B)
          if (!(error instanceof Misfit && isAfter)) throw error;
          return this.value(["binary", "*", left[2], ["binary", "*", left[3], right]]);
        }
      }
      case "index": return this.indexed(e);
      case "positions": return array(e[1], [...Array(count(e[1])).keys()], "i");
      case "call": return this.call(e);
      default: return notMarked("it cannot be read");
    }
  }

  /** Both operands, one that has an entry for each row of the other perhaps as a column: p ⊙ (log p + H). */
  ofEach(...pair) {
    if (!isOfEach(...pair) || !this.isReadAs("each")) return pair;
    const rank = Math.max(...pair.map((x) => x.shape.length));
    return pair.map((x) => ({ ...x, shape: [...x.shape, ...Array(rank - x.shape.length).fill(1)] }));
  }

  /** An operation of two operands; a comparison of what is beyond the ends says nothing. */
  compared(op, a, b) {
    const none = COMPARISONS[op] && this.reading.includes("ends") && together(a.shape, b.shape) ? map((x, y) => (Number.isNaN(x) || Number.isNaN(y) ? NaN : 0), "f", a, b) : null;
    const y = binary(op, a, b);
    return none?.data.some(Number.isNaN) ? map((v, n) => v + n, "f", y, none) : y;
  }

  binary(e, isPlus) {
    const isLast = ["onehot", "I"].includes(bare(dotted(e[2][0] === "call" ? e[2][1] : e[2]))); // after what it is added to
    const first = this.operand(this.value(e[isLast ? 3 : 2]));
    this.beside = "+-".includes(e[1]) && !first.letters ? first.shape : [];
    const isProduct = e[1] === "@" || (e[1] === "*" && isPlus(e[3])), factor = isLast && (isProduct || e[1] === "*") ? entryShape(first) : [];
    this.columns = isProduct ? factor.slice(-2).slice(0, 1) : factor.slice(-1); // of a onehot
    const second = this.operand(this.value(e[isLast ? 2 : 3]));
    this.beside = this.columns = [];
    let [left, right] = (isLast ? [second, first] : [first, second]).map((x) => inTerm(x, this.sums.has(e)));
    const [n] = left.shape, isSum = ["+", "-", "*", "/"].includes(e[1]) && left.shape.length + right.shape.length === 3 && n > 1 && n * n <= LARGE && n === right.shape[0];
    if (isSum && !left.letters && !right.letters && [left, right].some((x) => x.shape[1] === 1) && this.isReadAs("column")) {
      [left, right] = [left, right].map((x) => ({ ...x, shape: [n, 1] }));
    }
    if (e[1] === "*" && isPlus(e[3]) && isPlus(e[3][2]) && isPlus(e[3][2][2])) { // a × b
      const isCross = [left, right].every((x) => entryShape(x).at(-1) === 3) && this.isReadAs("cross");
      return isCross ? each(FUNCTIONS.cross, [left, right]) : this.entrywise((a, b) => binary("*", a, b), [left, right]);
    }
    const kind = e[1] === "*" && isPlus(e[3]) ? (isPlus(e[3][2]) ? "dot" : "product") : "", before = entryShape(left);
    const isColumn = before.length > 1 && before.at(-1) !== 1 && alike(entryShape(right), [1, before.at(-1)]);
    const isTurned = (part) => Array.isArray(part) && (this.turned.has(part) || part.some(isTurned)); // of a vector: W Xᵢᵀ
    if ((kind || e[1] === "@") && isColumn && isTurned(e[3])) right = each((x) => array([x.data.length], x.data, x.kind), [right]);
    const op = kind && this.isProduct(e, left, right, kind) ? "@" : e[1];
    if (kind && e[3][2][0] === "number" && e[3][2][1] === "1" && entryShape(left).length && this.isReadAs("ones")) {
      return each((x) => reduced(total, ofNumbers(x.kind), x, array([], [-1], "i"), this.shape.length === 2 && this.shape[1] === 1), [left]); // A 1
    }
    const isOfRow = "*@".includes(op) && this.reading.includes("row") && alike([left, right].map((x) => entryShape(x).length).sort(), [1, 2]);
    if (isOfRow && (entryShape(left)[1] ?? entryShape(right)[1]) === 1) return each(entryShape(left).length > 1 ? FUNCTIONS.outer : matmul, [left, right]); // zᵀ a is a matrix, and a zᵀ a number
    if (op === "**" && !left.letters && left.shape.length === 2 && left.shape[0] === left.shape[1] && left.shape[0] > 1 && !right.shape?.length && [2, 3, 4].includes(right.data?.[0]) && this.isReadAs("power")) {
      return [...Array(right.data[0] - 1)].reduce((y) => matmul(y, left), left); // A² x
    }
    if (!left.letters && !right.letters) return binary(op, ...(op === "@" ? [left, right] : this.ofEach(left, right)));
    return op === "@" ? each((a, b) => binary("@", a, b), [left, right]) : this.entrywise((a, b) => (!(left.letters || right.letters) || !"*/".includes(op) ? this.compared(op, a, b) : op === "/" ? quotient(a, b) : scaled(a, b)), [left, right]);
  }

  named(e) {
    const named = dotted(e), all = named.replace(/_direct$/, ""), short = bare(named);
    const word = all !== named && has(this.space, all) && this.isReadAs("total") ? all : named; // ∂L/∂η may be meant as dL/dη
    if (has(this.space, word) && !(["pi", "_pi", "e"].includes(word) && this.isReadAs("number")) && !(word === "I" && this.isUnit(this.space[word]) && this.isReadAs("unit"))) {
      this.used.add(word);
      return this.space[word] ?? notMarked(`${word} is too large for this page`);
    }
    if (word === "I" && this.shape.length) {
      const beside = this.beside ?? [], n = (beside.length > 1 && beside.every((m) => m === beside[0]) ? beside : this.shape).at(-1); // I - diag(h²)
      return n * n > LARGE ? notMarked("it is too large") : array([n, n], Array.from({ length: n * n }, (_, k) => (k % (n + 1) ? 0 : 1)));
    }
    if (word === "True" || word === "False") return array([], [word === "True" ? 1 : 0], "b", true);
    if (short === "newaxis" || word === "None") return null;
    if (has(CONSTANTS, short)) return array([], [CONSTANTS[short]], "f", true);
    if (e[0] === "attribute" && ["T", "mT", "I", "size", "ndim", "shape"].includes(e[2])) {
      if (e[2] === "T") this.beside = []; // onehot(i)ᵀ has other columns
      const x = this.operand(this.value(e[1])), n = x.shape.length;
      if (e[2] === "T" && entryShape(x).length === 1) this.turned.add(e);
      if (x.plain) throw new Unread("a number has no transpose");
      if (e[2] === "shape") return array([n], [...x.shape], "i");
      if (e[2] === "size" || e[2] === "ndim") return array([], [e[2] === "size" ? x.data.length : n], "i", true);
      if (e[2] === "I") {
        const isSquare = entryShape(x).length > 1 && x.shape[n - 1] === x.shape[n - 2] && x.shape[n - 1] > 1 && !this.isReadAs("entry");
        return isSquare ? each((y) => eliminated(y).inverse, [x]) : withLetters(binary("/", array([], [1], "i"), x), x.letters);
      }
      const hasGradient = (part) => Array.isArray(part) && (part[0] === "name" ? this.gradients.has(part[1]) : part.some(hasGradient));
      if (e[2] === "T" && entryShape(x).length === 1 && this.shape.length === 2 && (x.letters || !hasGradient(e)) && this.isReadAs("row")) return each((y) => array([...y.shape, 1], y.data, y.kind), [x]);
      const isStack = e[2] === "mT" || (entryShape(x).length > 2 && this.isReadAs("stack"));
      const turned = (y) => (isStack ? transposed(y, [...Array(y.shape.length - 2).keys(), y.shape.length - 1, y.shape.length - 2]) : transposed(y));
      if (x.letters) return each((y) => (y.shape.length === 1 ? array([1, ...y.shape], y.data, y.kind) : turned(y)), [x]);
      if (n < 2) return e[2] === "mT" ? notMarked("the transpose of a vector") : n ? array([1, ...x.shape], x.data, x.kind) : x;
      return turned(x);
    }
    if (!word || (short !== word && !this.functions.has(short))) notMarked("it cannot be read");
    if (this.functions.has(short) || this.functions.has(word)) throw new Unread(`${word} is a function: write ${word}(…)`);
    throw new Unread(`${word} is not a name on this sheet; its names are ${Object.keys(this.space).map((w) => this.shown[w] ?? w).filter((w) => w && !w.includes("/")).join(", ")}`);
  }

  isUnit(x) {
    return x && x.shape.length === 2 && this.shape.length > 0 && x.shape[0] === x.shape[1] && x.data.every((v, k) => v === (k % (x.shape[0] + 1) ? 0 : 1));
  }

  /** What has some indices; of a derivative that is one number all of its entries. */
  inFull(e, n) {
    const x = this.operand(this.value(e)), word = dotted(e);
    return has(this.full, word) && n <= this.full[word].length && !x.letters && !x.shape.length ? array(this.full[word], spread(x, this.full[word]), x.kind) : x;
  }

  indexed([, of, list, isTuple]) {
    const x = this.inFull(of, list.length);
    if (isTuple && !x.shape.length && !x.letters) return binary("*", x, this.operand(this.value(["list", list, true]))); // (a - b) [0, 1]
    const missing = x.shape.length - list.filter((p) => p[0] !== "ellipsis" && !(["name", "attribute"].includes(p[0]) && /^(None|(np\.)?newaxis)$/.test(dotted(p)))).length;
    const whole = Array(Math.max(missing, 0)).fill(["slice", [null, null]]);
    const places = list.flatMap((p) => (p[0] === "ellipsis" ? whole : [p])).map((part) => {
      if (part[0] === "slice") return { slice: part[1].map((p) => (p ? this.operand(this.value(p)) : null)) };
      const at = this.value(part);
      return at === null ? null : this.operand(at);
    });
    if (list.filter((p) => p[0] === "ellipsis").length > 1) notMarked("this index");
    if (!isTuple && list[0][0] === "list" && !list[0][2]) notMarked("this index");
    if (x.plain) throw new Unread("it cannot be computed as it is written");
    if (!x.letters && places.some((p) => p?.slice?.some((end) => end?.letters))) { // x[i:i+3]
      const sides = places.map((p) => (p?.slice ? p.slice.slice(0, 2) : [p]));
      return each((...at) => this.at(x, sides.map((s) => (s.length > 1 ? { slice: s.map(() => at.shift()) } : at.shift()))), sides.flat());
    }
    if (places.some((p) => p?.letters)) { // E[wᵢ], P[i, yᵢ], X[i, :2]
      const arrays = places.filter((p) => !p?.slice), slices = places.slice(arrays.length);
      if (x.letters) throw new Unread("an index of entries cannot be read");
      if (places.findIndex((p) => p?.slice) < places.findLastIndex((p) => !p?.slice) && slices.length) throw new Unread("a slice before an index of entries cannot be read");
      if (places.some((p) => p?.kind === "f")) throw new Unread("it cannot be computed as it is written");
      if (arrays.some((p) => !p?.shape || p.kind !== "i")) notMarked("this index");
      const y = slices.length ? this.at(x, [...arrays.map(() => ({ slice: [] })), ...slices]) : x;
      return entrywise((...at) => {
        const shape = together(...at.map((p) => p.shape)) ?? notMarked("this index");
        return this.taken(y, at.map((p) => array(shape, spread(p, shape), "i")), true);
      }, arrays);
    }
    return x.letters ? each((entry) => this.at(entry, places), [x]) : this.at(x, places);
  }

  /** The entries of x at some places. */
  at(x, places) {
    if (places.some((p) => p?.kind === "f")) throw new Unread("it cannot be computed as it is written"); // no whole number
    const only = (n) => (n.kind === "i" && !n.shape.length ? n.data[0] : notMarked("this index"));
    const mask = places.length === 1 && places[0]?.kind === "b" ? places[0] : null;
    if (mask && alike(mask.shape, x.shape.slice(0, 1))) { // of rows
      const rows = [...mask.data.keys()].filter((i) => mask.data[i]);
      return this.taken(x, [array([rows.length], rows, "i")]);
    }
    if (mask && alike(mask.shape, x.shape)) { const data = x.data.filter((_, i) => mask.data[i]); return array([data.length], data, x.kind); }
    const ndim = x.shape.length;
    if (places.filter((p) => p !== null).length > ndim) throw new Unread("it cannot be computed as it is written");
    let k = 0;
    const axes = []; // of the result: the size, and the places in x
    const arrays = places.filter((p) => p?.shape?.length);
    const isOne = arrays.length === 1 && arrays[0].kind === "i" && arrays[0].shape.length === 1 && places.every((p) => p === null || p.slice || p === arrays[0]); // x[:, [0]]
    if (arrays.length && !isOne) { // x[0, [1, 2]]
      const shape = (places.every((p) => p?.kind === "i") && together(...places.map((p) => p.shape))) || notMarked("this index");
      return this.taken(x, places.map((p) => array(shape, spread(p, shape), "i")));
    }
    const steps = x.shape.map((_, j) => count(x.shape.slice(j + 1)));
    let start = 0;
    for (const p of places) {
      if (p === null) axes.push([0]);
      else if (p.slice) {
        const n = x.shape[k], [low, high, step] = [0, 1, 2].map((j) => (p.slice[j] ? only(p.slice[j]) : null));
        const by = step ?? 1;
        if (!by) notMarked("this index");
        const clamp = (v, least, most) => Math.min(Math.max(v < 0 ? v + n : v, least), most);
        const first = low === null ? (by > 0 ? 0 : n - 1) : by > 0 ? clamp(low, 0, n) : clamp(low, -1, n - 1);
        const last = high === null ? (by > 0 ? n : -1) : by > 0 ? clamp(high, 0, n) : clamp(high, -1, n - 1);
        const along = [];
        for (let i = first; by > 0 ? i < last : i > last; i += by) along.push(i * steps[k]);
        axes.push(along);
        k++;
      } else if (p.shape.length) {
        axes.push(p.data.map((i) => inside(i, x.shape[k]) * steps[k]));
        k++;
      } else start += inside(only(p), x.shape[k]) * steps[k++];
    }
    for (; k < ndim; k++) axes.push(Array.from({ length: x.shape[k] }, (_, i) => i * steps[k]));
    const at = axes.reduce((sums, along) => sums.flatMap((s) => along.map((i) => s + i)), [start]);
    return array(axes.map((along) => along.length), at.map((i) => x.data[i]), x.kind);
  }

  /** The entries of x, or its rows, at the places that arrays of one shape have. */
  taken(x, arrays, isEndless) {
    const steps = x.shape.map((_, j) => count(x.shape.slice(j + 1))), rest = x.shape.slice(arrays.length), size = count(rest);
    const isInside = (i) => !isEndless || arrays.every((a, j) => a.data[i] >= 0 && a.data[i] < x.shape[j]); // else 0
    const starts = arrays[0].data.map((_, i) => (isInside(i) ? arrays.reduce((sum, a, j) => sum + inside(a.data[i], x.shape[j]) * steps[j], 0) : null));
    const isNone = x.kind === "i" && starts.includes(null) && this.isReadAs("ends"); // labels
    return array([...arrays[0].shape, ...rest], starts.flatMap((s) => (s === null ? Array(size).fill(isNone ? NaN : 0) : x.data.slice(s, s + size))), isNone ? "f" : x.kind);
  }

  /** The values of a loop of which those of some steps have fewer entries, with 0 behind these, or with none. */
  ofOneLength(rows) {
    const sizes = rows.map((x) => x?.shape?.length === 1 && x.shape[0]), n = Math.max(...sizes);
    if (sizes.includes(false) || new Set(sizes).size < 2) return rows;
    const beyond = this.isReadAs("ends") ? NaN : 0;
    return rows.map((x) => array([n], [...x.data, ...Array(n - x.shape[0]).fill(beyond)], "f"));
  }

  /** An elementwise function; beside operands with indices the others stand in the frame, or have none. */
  entrywise(f, args) {
    const letters = args.map((x) => x.letters ?? "").join(""), rest = [...this.frame].filter((c) => !letters.includes(c)).join("");
    const sizes = letters ? args.filter((x) => !x.letters && x.shape.length).map((x) => x.shape.length) : [];
    const isOfRest = sizes.length && sizes.every((n) => n === rest.length) && !this.frame.endsWith(rest) && this.isReadAs("rest");
    return entrywise(f, cut(args, this.board.ragged), isOfRest ? rest : sizes.length && !this.isReadAs("apart") ? this.frame : "");
  }

  /** What the notation writes as indexed(X,_ij), indexed(u,_i,(1,)) or, of an index alone, indexed(_i). */
  withIndices(args) {
    let letters = lettersNamed(args[Math.min(args.length - 1, 1)]);
    if (args.length === 1) {
      const n = this.extents[letters];
      return withLetters(array([n], [...Array(n).keys()], "i"), letters);
    }
    const by = args[2] ? whole(this.operand(this.value(args[2]))) : [];
    this.listed = args[0]; // perhaps a list of the values of a loop
    const value = this.inFull(args[0], letters.length), isOnRing = by.some(Boolean) && !value.letters && this.isReadAs("ring");
    const ndim = entryShape(value).length;
    if (letters.length === 1 && ndim > 1 && !value.letters && !LETTERS.slice(0, ndim).includes(letters) && this.isReadAs("last")) letters = LETTERS.slice(0, ndim - 1) + letters; // Σₖ Pₖ for Σₖ Pᵢₖ
    const hasOne = !value.letters && alike(value.shape, [1]) && (this.ends[letters] ?? 1) > 1 && this.isReadAs("one");
    const x = hasOne ? gathered(value, [this.ends[letters]], (at) => at) : value; // one entry, which stands at index 0 only
    const isShort = letters.length === ndim && x.shape.some((n, k) => n > 1 && n < (this.ends[letters[k]] ?? n));
    const beyond = (by.some(Boolean) || isShort) && !isOnRing && this.isReadAs("ends") ? NaN : 0;
    return indexed(x, letters, by, this.ends, () => !([...letters].every((c) => this.rows.includes(c)) && this.isReadAs("rows")), isOnRing, beyond);
  }

  /** The value of a function of operands with indices, or along the axes of some. */
  along(f, short, args, params, over, at) {
    if (over) {
      if (args.length > 1) notMarked("its arguments");
      let [x] = args;
      if (at && !x.letters && x.shape.length === at.length) x = withLetters(x, at);
      const y = summed(inTerm(x, short === "sum" && this.reading.includes("ends")), over, f, Boolean(x.letters) || !this.isReadAs("dropped"));
      const isLoose = y.letters && ![...y.letters].some((c) => this.free.includes(c)) && this.isReadAs("loose");
      return isLoose ? array(y.shape, y.data, y.kind) : y;
    }
    const isElementwise = has(ENTRYWISE, short) || has(OF_THE_SAME_KIND, short) || has(OPERATORS, short) || PAIRWISE.includes(short);
    if (isElementwise || (["max", "min"].includes(short) && args.length > 1)) return this.entrywise(f, args);
    const [x] = args;
    if (x.letters && !entryShape(x).length && ["sum", "mean", "prod", "max", "min"].includes(short)) {
      const free = [...x.letters].filter((c) => !this.frame.slice(0, this.rank).includes(c)).join("");
      return summed(x, free || x.letters, f, false);
    }
    if (x.letters && !entryShape(x).length && short === "diag") return f(array(x.shape, x.data, x.kind));
    if (x.letters && !entryShape(x).length && ["norm", "softmax", "logsumexp", "cumsum"].includes(short)) {
      throw new Unread(`${short} of one entry cannot be read; write it of a row or of the whole array`);
    }
    return each((...entries) => f(...entries, ...(Object.keys(params).length ? [{ params }] : [])), args);
  }

  /** An array that has x at these places and is 0 elsewhere. */
  placed([x, places, sizes]) {
    const [kind, , list, isTuple] = places ?? [], shape = sizes ? [...whole(this.operand(this.value(sizes)))] : this.shape; // as the source has it
    if (kind !== "index" || count(shape) > LARGE) notMarked("these places");
    const value = this.operand(this.part(x)), at = this.indexed(["index", ["positions", shape], list, isTuple]);
    if (!alike(together(value.shape, at.shape) ?? [-1], at.shape)) throw new Unread(`shape ${shapeText(value.shape)} does not fit at places of shape ${shapeText(at.shape)}`);
    const data = Array(count(shape)).fill(0), entries = spread(value, at.shape);
    at.data.forEach((p, k) => { data[p] += entries[k]; });
    return array(shape, data);
  }

  /** An argument, or a part of one; arrays of one shape in a list are its rows, as in NumPy. */
  part(e) {
    if (e[0] !== "list" || !e[2]) return this.value(e);
    const list = e[1].map((part) => this.part(part)), areRows = list.length > 1 && list.every((x) => x?.shape?.length && !x.letters);
    return areRows && list.every((x) => alike(x.shape, list[0].shape)) ? { list } : this.value(["list", [], true, list]);
  }

  call(e) {
    const [, of, args] = e;
    const word = dotted(of);
    let short = bare(word);
    if (word === "indexed" && args.length) return this.withIndices(args);
    if (word === "bars") { // |x|
      const [m, n, ...more] = entryShape(this.operand(this.value(args[0] ?? notMarked("its arguments"))));
      const hasLength = m !== undefined && !more.length && (n ?? m) === m;
      return this.call(["call", ["name", hasLength && this.isReadAs("length") ? (n === undefined ? "norm" : "det") : "abs"], args]);
    }
    if (of[0] === "attribute" && of[2] === "astype" && /^(np\.)?(float|int)(64)?$/.test(dotted(args[0] ?? [""]))) {
      const x = this.operand(this.value(of[1])), kind = dotted(args[0]).includes("float") ? "f" : "i";
      return x.kind === "f" && kind === "i" ? notMarked("a cast") : { ...x, plain: false, kind };
    }
    const values = [];
    if (word === "placed" || (short === "into_zeros" && args.length === 3)) return this.placed(args);
    if (!word || (has(this.space, word) && !has(FUNCTIONS, word))) {
      if (of[0] !== "attribute" || !METHODS.includes(of[2])) notMarked("a call");
    }
    let isKnown = this.functions.has(word) || this.functions.has(short);
    if (!isKnown && of[0] === "attribute") {
      isKnown = METHODS.includes(of[2]) && !/^(np|numpy)\./.test(word);
      if (!isKnown && !/^(np|numpy)\./.test(word)) notMarked("a call");
      short = of[2];
      if (isKnown) values.push(this.operand(this.value(of[1])));
    }
    if (!isKnown) throw new Unread(`${word} is not a function on this sheet; its functions are ${this.usual} and others of NumPy`);
    if (!has(this.maps, word) && !has(FUNCTIONS, short) && !["onehot", "placed"].includes(short)) notMarked(`${word} is not marked here`);
    const isBoard = word === short && ["max", "min"].includes(short) && args.length === 2 && args[1][0] !== "param";
    if (isBoard) short += "imum"; // max(0, x)
    const added = word === "sum" && args.length === 1 && args[0][0] === "list" && args[0][1].length > 1;
    if (added && this.isReadAs("added")) return this.value(args[0][1].reduce((a, b) => ["binary", "+", a, b])); // Python's own
    const params = {}, letters = {}, isStack = ["array", "stack", "column_stack", "vstack"].includes(short); // whose parts are rows, or columns
    for (const a of args) {
      if (a[0] === "param" && !["over", "at"].includes(a[1])) params[a[1]] = this.value(a[2]);
      else if (a[0] === "param") letters[a[1]] = lettersNamed(a[2]);
      else if (isStack && a[0] === "list") {
        const parts = a[1].map((part) => this.part(part));
        values.push(parts.some((x) => x?.letters) ? this.value(a) : { list: e === this.listed ? this.ofOneLength(parts) : parts });
      } else values.push(this.part(a));
    }
    const isAxis = (x, k) => k > 0 && x?.list && ["sum", "mean", "max", "min", "prod", "expand_dims"].includes(short);
    const isJoined = ["concatenate", "hstack", "vstack", "column_stack"].includes(short), takesWord = ["einsum", "convolve", "correlate"].includes(short);
    if (isJoined && values[0]?.list?.length) values[0] = { parts: values[0].list.map((x) => this.operand(x)) };
    if (values[0]?.parts?.some((x) => x.letters)) notMarked("entries");
    const operands = values.map((x, k) => (isAxis(x, k) || x?.parts || (x?.word && takesWord) ? x : this.operand(x)));
    if (["sum", "mean"].includes(word) && !letters.over && operands[0]?.shape?.length === 0) throw new Unread("a sum of one number cannot be read: write over what it is, as in Σₜ or Σᵢ"); // hₜ at one step
    const onehots = (...x) => { // their columns are those of what it is added to, or of the result
      const ndim = entryShape(x[0]).length, beside = this.beside ?? [], at = beside.length === ndim + 1 ? beside : this.shape;
      const columns = this.columns ?? [], isKnown = at === this.shape && x.length === 1 && (columns.length || ndim) && !(ndim === 0 && beside.length === 2 && beside[1] === 1);
      if (isKnown && this.isReadAs(`classes ${this.number("onehot", e)}`)) return onehot(x, columns[0] ?? Math.max(0, ...x[0].data) + 1);
      const isOfFirst = at === this.shape && x.length === 1 && at.length > 1 && !(ndim === 0 && beside[1] === 1) && this.isReadAs(`first ${this.number("onehot", e)}`);
      return onehot(x, this.notations.onehot?.[1][0] ?? (ndim === 0 && beside.length === 2 && beside[1] === 1 ? beside[0] : at.at(isOfFirst ? 0 : -1) ?? 1));
    };
    if (letters.over || operands.some((x) => x?.letters)) {
      const f = has(this.maps, word) ? (...x) => mapped(this.maps[word], x) : short === "onehot" ? onehots : FUNCTIONS[short] ?? notMarked("this function");
      return this.along((...x) => ({ ...f(...x), plain: false }), short, operands, params, letters.over, letters.at);
    }
    if (short === "bincount" && operands.length < 3 && this.shape.length === 1) params.minlength ??= array([], [this.shape[0]], "i"); // as many entries as the result has
    const isLength = word === "norm" && operands.length === 1 && !Object.keys(params).length && operands[0].shape.length === 2;
    if (isLength && this.isReadAs("of rows")) Object.assign(params, { axis: array([], [1], "i"), keepdims: array([], [1], "b") }); // x / ‖x‖
    if (Object.keys(params).length) operands.push({ params });
    if (short === "onehot") return onehots(...operands);
    if (has(this.maps, word)) return mapped(this.maps[word], operands);
    if (FUNCTIONS[short].length > operands.length) notMarked("its arguments");
    return { ...FUNCTIONS[short](...operands), plain: false };
  }
}

// ------------------------------------------------------------------------------------------------------- the marks

const CLOSE = 1e-6, TYPED = 5e-3, LEAST = 1e-6, FEW = 3;
const largestOf = (data) => data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
const same = (a, b, close) => {
  if (!alike(a.shape, b.shape)) return false;
  let off = 0, size = 0;
  for (let i = 0; i < b.data.length; i++) {
    const x = a.data[i], y = b.data[i];
    if (!Number.isFinite(y)) { if (!Object.is(x, y)) return false; continue; }
    off = Math.max(off, Math.abs(x - y)); // NaN stays NaN
    size = Math.max(size, Math.abs(y));
  }
  return off <= close * Math.max(size, LEAST);
};
const times = (x, factor) => array(x.shape, x.data.map((v) => v * factor));
/** An answer with one entry for several, in the right shape where these are equal in the right one. */
const inFull = (value, right) => {
  const sizes = [...Array(Math.max(right.shape.length - value.shape.length, 0)).fill(1), ...value.shape];
  const fits = sizes.length === right.shape.length && sizes.every((n, k) => n === 1 || n === right.shape[k]);
  const first = fits && gathered(array(right.shape, right.data), right.shape, (at) => at.map((p, k) => (sizes[k] === 1 ? 0 : p)));
  return fits && first.data.every((v, i) => v === right.data[i]) ? array(right.shape, spread(value, right.shape)) : value;
};
const isRight = (value, right, close) => {
  if (same(value, right, close)) return true;
  const shape = together(value.shape, right.shape);
  return shape !== null && alike(shape, right.shape) && value.shape.length <= right.shape.length && same(array(right.shape, spread(value, right.shape)), right, close);
};
/** A number as Python's format "g" has it. */
const general = (x, digits) => {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x < 0 ? "-inf" : "inf";
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const [mantissa, power] = x.toExponential(digits - 1).split("e");
  const p = Number(power), short = (s) => (s.includes(".") ? s.replace(/\.?0+$/, "") : s);
  if (p < -4 || p >= digits) return `${short(mantissa)}e${p < 0 ? "-" : "+"}${String(Math.abs(p)).padStart(2, "0")}`;
  return short(x.toFixed(digits - 1 - p));
};
const fraction = (x, most) => { // the nearest with a denominator of at most so much
  let best = [Math.round(x), 1];
  for (let q = 2; q <= most; q++) {
    const p = Math.round(x * q);
    if (Math.abs(x - p / q) < Math.abs(x - best[0] / best[1])) best = [p, q];
  }
  return best;
};
const ratioOf = (value, right, close) => {
  if (!alike(value.shape, right.shape) || !right.data.some(Boolean) || !right.data.every(Number.isFinite)) return null;
  const dot = (a, b) => a.data.reduce((s, v, i) => s + v * b.data[i], 0);
  const r = dot(right, value) / dot(right, right);
  return same(value, times(right, r), close) && Math.abs(r) > LEAST ? Number(r.toFixed(9)) : null;
};
const countText = ([p, q], value) => {
  const sizes = new Map(value.shape.map((n, k) => [n, `its length along axis ${k}`]));
  sizes.set(value.data.length, "its number of entries");
  for (const [n, what] of sizes) {
    if (n > 2 && (Math.abs(p) === n && q === 1 || Math.abs(p) === 1 && q === n)) {
      return `, and ${n} is ${what}: perhaps ${q === 1 ? "a sum for a mean" : "a mean for a sum"}`;
    }
  }
  return "";
};

const symmetric = (x) => (x.shape.length === 2 && x.shape[0] === x.shape[1] ? map((a, b) => (a + b) / 2, "f", x, transposed(x)) : x);
/** What counts of the gradient of a symmetric value: all of it, or where the right one is that of one triangle the symmetric part. */
const half = (value, right) => {
  const [m, n] = right.shape, isAny = (isThere) => right.data.some((v, k) => v !== 0 && isThere(Math.floor(k / n) - (k % n)));
  return right.shape.length === 2 && m && isAny((d) => d > 0) !== isAny((d) => d < 0) ? symmetric(value) : value;
};
const howWrong = (says) => (says instanceof Error ? (says instanceof Misfit ? 4 : 5) : ["", SAYS.SYMMETRIC].includes(says) ? 0 : says.startsWith("expected shape") ? 3 : / entries are off|^it is off/.test(says) || says === SAYS.NOT_FINITE ? 2 : 1);

/** What is said of one formula for all steps of a loop, of what is said of it for each. */
const ofAllSteps = (several, numbers) => {
  const wrong = [...several.keys()].filter((k) => howWrong(several[k]) > 0);
  const here = wrong.filter((k) => !several[k].startsWith(SAYS.ELSEWHERE));
  if (!wrong.length || several.length < 2) return several[0];
  const k = (here.length ? here : wrong).reduce((a, b) => (howWrong(several[b]) > howWrong(several[a]) ? b : a)), least = several[k];
  const isEverywhere = here.length === several.length;
  if (here.every((at) => several[at] === least) && (isEverywhere || howWrong(least) === 1)) return least;
  return isEverywhere ? `at step t = ${numbers[k]}, ${least}` : SAYS.AT_ONE_STEP;
};

function* causes({ value, right, others, slips, close }) {
  if (!value.data.every(Number.isFinite)) { yield SAYS.NOT_FINITE; return; }
  const isTransposed = value.shape.length === 2 && same(transposed(value), right, close);
  if (isTransposed && !alike(value.shape, right.shape)) yield "it is transposed";
  const ratio = ratioOf(value, right, close);
  const [p, q] = ratio ? fraction(ratio, value.data.length === 1 ? 4 : 12) : [0, 1]; // one number is near to some fraction
  if (ratio && p && Math.abs(p / q) <= 12 && Math.abs(p / q - ratio) < close * Math.abs(ratio)) {
    yield p === -1 && q === 1 ? "the sign is wrong" : `it is ${q === 1 ? p : `${p}/${q}`} times the right one${countText([p, q], value)}`;
  }
  if (isTransposed) yield "it is transposed";
  for (const [sign, more] of [[1, ""], [-1, ", and the sign is wrong"]]) {
    for (const [says, slip] of Object.entries(slips)) {
      const isOfSign = more && says.startsWith("the sign of the term "); // those of the other terms are wrong
      const full = slip.shape.length ? slip : array(value.shape, spread(slip, value.shape));
      if (same(value, times(full, sign), close)) yield isOfSign ? `only ${says.replace(/ is wrong$/, "")} is right` : says + more;
    }
  }
  for (let axis = 0; axis < value.shape.length; axis++) {
    const k = array([], [axis], "i");
    if ([false, true].some((kept) => same(reduced(total, "f", value, k, kept), right, close))) {
      yield right.data.length > 1 ? `the sum over axis ${axis} is missing, along which the argument was broadcast` : "a sum is missing";
    }
  }
  if (value.data.length === 1 && right.data.filter(Boolean).length > 1 && same(array([], value.data), array([], [total(right.data)]), close)) {
    yield `it is summed over all axes: expected shape ${shapeText(right.shape)}`;
  }
  for (const [w, x] of others) if (x && value.data.some(Boolean) && same(value, x, close)) yield `that is ${w}`;
  yield* byAnother(value, right, others, close);
  if (ratio) yield `it is ${general(ratio, 6)} times the right one`;
  const sorted = (x) => array([x.data.length], [...x.data].sort((a, b) => a - b));
  if (alike(value.shape, right.shape) && value.data.length > 1 && same(sorted(value), sorted(right), close)) {
    yield "the right numbers in the wrong places";
  }
}

function* byAnother(value, right, others, close) {
  const isDerivative = ([w]) => /^d[A-Za-z]/.test(w);
  const sorted = [...others.filter(isDerivative), ...others.filter((o) => !isDerivative(o))], isSame = same(value, right, close);
  for (const [sign, more] of [[1, ""], [-1, ", and the sign is wrong"]]) for (const [word, x] of sorted) {
    if (!x || x.kind === "b" || !x.data.length || x.data.includes(0) || x.shape.length > value.shape.length) continue;
    if (x.data.every((v) => v === x.data[0]) && (x.data.length > 1 || (Math.abs(x.data[0]) === 1 && !isSame))) continue;
    if (!together(value.shape, x.shape) || !together(right.shape, x.shape)) continue;
    const [product, without] = [value, right].map((y) => map((a, b) => a * b, "f", y, x));
    if (same(times(product, sign), right, close)) yield `the factor ${word} is missing${more}`;
    if (same(value, times(without, sign), close)) yield `it has to be divided by ${word}${more}`;
  }
}

/** A typed answer in a message, as Python's repr shows it. */
const clipped = (text) => {
  const start = [...text].slice(0, 80).join("");
  if (/[^\P{C}\n\t\r]|[^\P{Z} ]/u.test(start)) notMarked("it cannot be read");
  const quote = start.includes("'") && !start.includes('"') ? '"' : "'";
  const inside = start.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t");
  const shown = [...(quote + (quote === "'" ? inside.replaceAll("'", "\\'") : inside) + quote)];
  return shown.length <= 60 ? shown.join("") : `${shown.slice(0, 56).join("")}…${quote}`;
};

/** How far a number in a formula may be from what it was rounded from, in terms of itself; 0 for fewer digits than three. */
const rounding = (text) => Math.max(0, ...[...text.matchAll(new RegExp(`(?<!${W}|\\.)([0-9]*)\\.([0-9]+)(?!${W}|\\.)`, "gu"))].map(([, a, b]) => {
  const size = Number(`${a}.${b}`);
  return (a + b).replace(/^0+/, "").length > 2 && size ? 0.5 / 10 ** b.length / size : 0;
}));

/** The marking of a sheet: mark(word, text) is { right, says }, or { says, unmarked: true }. */
const marking = (data) => {
  const entry = (v) => (v === "inf" ? Infinity : v === "-inf" ? -Infinity : Number(v)); // "nan" is NaN
  const opened = ([kind, shape, entries]) => array(shape, entries.map(entry), kind === "u" ? "i" : kind);
  const openedAll = (values) => Object.fromEntries(Object.entries(values).map(([w, x]) => [w, x && opened(x)]));
  learned(data);
  const spaces = data.spaces.map(openedAll), main = spaces.length - data.alone.length; // in those behind, given values 0 and numbers stay so, but one that is alone another
  const shapes = Object.entries(spaces[0]).map(([w, x]) => [w, x ? x.shape : []]);
  const areOthers = (x, y) => x?.kind === "i" && y && x.data.some((v, i) => v !== y.data[i]); // labels that have another order
  const gradients = new Set(data.copied.filter((w) => w.includes("/")).map((w) => data.words[w]));
  const labels = spaces.map((at) => Object.keys(at).filter((w) => has(spaces[0], w) && !gradients.has(w) && areOthers(at[w], spaces[0][w])));
  const board = new Board(data, Object.fromEntries(shapes));
  const readers = spaces.map((space) => new Reader(space, data));
  const questions = Object.fromEntries(data.questions.map(([word, , steps]) => [word, steps.map(([of, slips, full, letters, isSymmetric, numbers, own, isOfColumns, diagonal, uses]) => (
    { word: of, slips: slips.map(openedAll), full, letters, isSymmetric, numbers, own, isOfColumns, diagonal, isOfLine: steps.length > 1, uses }))]));
  const fitted = (x, shape, full) => {
    const value = array(x.shape, x.data);
    const long = (shape) => shape.filter((n) => n !== 1), isFull = full && [1, full.length].includes(x.shape.length) && alike(long(x.shape), long(full));
    if (isFull && x.data.length && x.data.every((v) => Math.abs(v - x.data[0]) <= CLOSE * Math.abs(x.data[0]))) return array(shape, x.data.slice(0, 1));
    const isKept = (x.shape.length > shape.length || x.shape.length === 1) && alike(long(x.shape), long(shape));
    return isKept || (x.data.length === 1 && count(shape) === 1) ? array(shape, value.data) : value;
  };
  /** Of a diagonal matrix with n rows the diagonal. */
  const ofDiagonal = (x, n) => (n && alike(x.shape, [n, n]) && x.data.every((v, k) => !v || k % (n + 1) === 0) ? FUNCTIONS.diag(x) : x);
  const read = ({ word, slips, full, letters, isSymmetric, numbers, own, diagonal, isOfLine, uses }, text, reading) => {
    board.isOfLine = isOfLine;
    const n = reading.includes("matrix") ? diagonal : 0, shape = spaces[0][word].shape, how = [board, ...(n ? [[n, n], ""] : [shape, letters]), numbers, reading];
    let answers = [fitted(ofDiagonal(readers[0].formula(text, ...how), n), shape, full)];
    const isNumber = !readers[0].used.size && (spaces[0][word].data.length < 2 || (answers[0].data.length > 1 && !/\b(ones|zeros|full|eye|identity)\b/.test(text)));
    for (const [k, reader] of isNumber ? [] : readers.slice(1).entries()) {
      const isJudged = !labels[k + 1].length || labels[k + 1].some((w) => readers[0].used.has(w) && own.includes(w));
      if (!has(spaces[k + 1], word) || !isJudged) answers.push(null);
      else {
        try {
          const value = fitted(ofDiagonal(reader.sameFormula(readers[0]), n), shape, full);
          answers.push(value.data.every(Number.isFinite) ? value : null);
        } catch (error) {
          if (!(error instanceof Unread || error instanceof Misfit)) throw error;
          answers.push(null);
        }
      }
    }
    const close = isNumber ? TYPED : Math.max(CLOSE, rounding(text));
    answers = answers.map((value, k) => value && inFull(value, spaces[k][word]));
    const isHeld = (k) => answers[k] && isRight(answers[k], array(spaces[k][word].shape, spaces[k][word].data), close);
    const named = data.kept.filter((w) => readers[0].used.has(w)), isOf = (k) => k >= main && ["", ...named].includes(data.alone[k - main]);
    const tried = new Set(isNumber || named.length === data.kept.length ? [] : data.alone.filter((w, k) => isOf(k + main) && answers[k + main]));
    if (tried.size === named.length + 1 && isHeld(0) && answers.every((x, k) => !isOf(k) || !x || isHeld(k))) return "";
    answers = answers.slice(0, main);
    const few = answers.reduce((n, value) => n + (value ? value.data.length : 0), 0) < FEW;
    const judged = answers.map((value, k) => value && {
      value, right: array(spaces[k][word].shape, spaces[k][word].data), slips: slips[k] ?? {}, close,
      others: few ? [] : [...uses.filter((w) => has(spaces[k], w)).map((w) => [w, spaces[k][w]]), ...Object.entries(spaces[k]).filter(([w]) => !uses.includes(w))].filter(([w]) => w !== word && has(spaces[0], w) && data.shown[w] !== ""),
    }).filter(Boolean);
    const wrong = judged.filter((at) => !isRight(at.value, at.right, close));
    if (!wrong.length) return "";
    const halfOf = (at) => ({ ...at, value: half(at.value, at.right), right: symmetric(at.right) });
    if (isSymmetric && wrong.map(halfOf).every((at) => same(at.value, at.right, at.close))) return SAYS.SYMMETRIC;
    const places = [wrong[0], ...judged.filter((at) => at !== wrong[0] && at.value.data.some(Boolean))];
    const halves = isSymmetric ? [places.map(halfOf)] : [];
    const typed = board.nameIn(text, numbers[0] ?? 0);
    for (const [here, ...elsewhere] of [places, ...halves]) {
      const likely = [...new Set(causes(here))].filter((cause) => !typed || !/^that is \S+$/.test(cause)), there = likely.length ? elsewhere.map((at) => new Set(causes(at))) : [];
      for (const cause of likely) if (there.every((set) => set.has(cause))) return cause;
    }
    const { value } = wrong[0], right = full && value.shape.length ? array(full, spread(wrong[0].right, full)) : wrong[0].right;
    if (value !== answers[0]) return SAYS.ELSEWHERE;
    if (!alike(value.shape, right.shape)) return `expected shape ${shapeText(right.shape)}, got ${shapeText(value.shape)}`;
    if (!value.data.every(Number.isFinite)) return SAYS.NOT_FINITE;
    const most = close * largestOf(right.data);
    const off = value.data.map((v, i) => Math.abs(v - right.data[i]));
    const inside = gathered(array(right.shape, off), right.shape.map((n) => Math.max(n - 2, 0)), (at) => at.map((p) => p + 1)).data;
    const where = inside.length && off.filter((d) => !(d <= most)).length > 1 && inside.every((d) => d <= most) ? ", those at the ends" : ""; // where an entry beyond them is 0
    const start = off.length > 1 ? `${off.filter((d) => !(d <= most)).length} of ${off.length} entries are off${where}, by up to` : "it is off by";
    return `${start} ${general(Math.max(...off) * (1 + 1e-14), 4)}`;
  };
  /** Whether a formula has other values where what is asked for has. */
  const isOfItself = ({ word, letters, numbers, diagonal }, text, reading) => {
    if (!readers[0].used.has(word)) return false;
    const how = reading.includes("matrix") ? [[diagonal, diagonal], ""] : [spaces[0][word].shape, letters];
    const at = [0, 1].map((k) => {
      const x = spaces[0][word], space = { ...spaces[0], [word]: array(x.shape, x.data.map((v) => v + k), "f", x.plain) };
      return new Reader(space, data).formula(text, board, ...how, numbers, reading);
    });
    return !alike(at[0].data, at[1].data);
  };
  let isOpen = false; // whether there are axes of which it is not certain which they are
  let isMixed = false; // whether arrays with indices and without them stand side by side
  const says = (question, text) => {
    const verdict = best(question, text), isUncertain = isOpen, isRightAt = (changed, missing = []) => {
      try {
        const verdict = best(question, changed, data.limits.fewer);
        return howWrong(verdict) === 0 || missing.includes(verdict);
      } catch { return false; } // the page cannot read it
    };
    const ones = data.constants.filter(([x]) => x === 1).map(([, w]) => `the factor ${w} is missing`); // who writes 5 for n may omit λ = 1
    for (const named of !(verdict instanceof Error) && howWrong(verdict) > 0 ? withNames(text, data) : []) if (isRightAt(named, ones)) return "";
    if (verdict === SAYS.ELSEWHERE) {
      return `${verdict}${/\p{Nd}\.\p{Nd}/u.test(text) ? SAYS.NAMES : ""}`;
    }
    if (howWrong(verdict) === 3 && isMixed) {
      throw new Unread("arrays with indices and without them stand side by side: write indices of all, or of none");
    }
    if (String(verdict).startsWith("that is d") || (howWrong(verdict) >= 2 && howWrong(verdict) <= 4)) {
      for (const [mistake, changed] of variants(text, data.words, board.shapes)) {
        if (isRightAt(changed)) return mistake;
      }
    }
    const isIndexed = howWrong(verdict) === 4 && String(verdict).includes("do not fit") && !new RegExp(`(?<!${W}|[/.])(?:${board.arrays})(?!${W}|[/[${INDICES}])`, "u").test(text);
    if (isUncertain && !isIndexed && [3, 4].includes(howWrong(verdict)) && !/^(Error: )?the sum/.test(verdict) && (text.replace(/^\s*[d∂][^=<>!]*\/[d∂][^=<>!]*=(?!=)/u, "").search(RE.WITH_INDICES) >= 0 || /range/.test(verdict))) throw new Unread(verdict.message ?? verdict); // it may be meant in a way that is not known
    if (verdict instanceof Error) throw verdict;
    return verdict.replace(new RegExp(`(?!\\p{Nd})${W}+`, "gu"), (w) => (has(data.shown, w) && data.shown[w] || w));
  };
  const isOfPage = (error) => error instanceof Error && !(error instanceof Unread || error instanceof Misfit);
  const best = (question, text, most = data.limits.readings) => {
    const tried = [], readings = [[]];
    isMixed = isOpen = false;
    for (const reading of readings) {
      try {
        const verdict = read(question, text, reading);
        tried.push(howWrong(verdict) === 0 && isOfItself(question, text, reading) ? SAYS.CIRCULAR : verdict);
      } catch (error) {
        tried.push(error);
      }
      if (reading.includes("each") && !isOfPage(tried.at(-1)) && (howWrong(tried.at(-1)) > 1 || String(tried.at(-1)).startsWith("the sum"))) tried[tried.length - 1] = tried[0]; // of what cannot be read in two ways it is not known that it is meant so
      if (howWrong(tried.at(-1)) === 0 || tried.length === most) break;
      isOpen ||= board.free !== "" || [...readers[0].used].some((w) => spaces[0][w]?.shape.length > 1);
      isMixed ||= readers[0].choices.has("apart");
      const choices = [...new Set([...readers[0].choices, ...(question.diagonal ? ["matrix"] : [])])].filter((c) => (c !== "row" || !question.isOfColumns) && (c !== "each" || !text.includes("axis"))).sort(), products = choices.filter((c) => /^(product|dot)/.test(c)); // first all as those of matrices
      for (const several of [products, choices.filter((c) => c.startsWith("first")), ...choices.map((c) => [c])]) {
        const more = [...new Set([...reading, ...several])].sort();
        if (!readings.some((r) => alike(r, more))) readings.push(more);
      }
    }
    const least = tried.reduce((a, b) => (howWrong(b) < howWrong(a) ? b : a));
    const other = tried.find(isOfPage);
    if (other && howWrong(least) > 0) throw other; // in one of its readings it may be right
    return least;
  };
  const mark = (word, text) => {
    if (!/[^_ \t\n]/.test(text)) return { right: false, says: "not answered" };
    try {
      const steps = questions[word], several = steps.map((question) => {
        try {
          const verdict = says(question, text);
          return steps.length > 1 ? board.atStepT(verdict, question.numbers[0]) : verdict;
        } catch (error) {
          if (!(error instanceof Misfit)) throw error;
          return `${clipped(text)} does not work: ${error.message}`;
        }
      });
      const verdict = ofAllSteps(several, steps.map((question) => question.numbers[0]));
      return { right: howWrong(verdict) === 0, says: verdict };
    } catch (error) {
      try {
        if (error instanceof Unread) return { right: false, unmarked: true, says: `not marked here: ${clipped(text)}: ${error.message}` };
        if (error instanceof NotMarked) return { right: false, unmarked: true, says: `not marked here: ${clipped(text)}: this page cannot compute it (${error.message})` };
      } catch { /* it cannot be shown either */ }
      return { right: false, unmarked: true, says: "not marked here: this page cannot read it" };
    }
  };
  return (word, text) => {
    const { says, ...marked } = mark(word, text), ofLetter = (part) => part.replaceAll("ₜ", stepOf(data.letter)).replace(/step t(?!\w)/g, `step ${data.letter}`);
    try { return { ...marked, says: says.split(clipped(text)).map(ofLetter).join(clipped(text)) }; } catch { return { ...marked, says: ofLetter(says) }; }
  };
};
