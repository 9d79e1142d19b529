// The numbers of the page and what depends on them. Names come from the data and reach the page as text only.
const live = JSON.parse(document.getElementById("live-data").textContent);
const M = JSON.parse(live.maps);
const { data, groups, refresh } = window.page;
const find = (id) => document.getElementById(id);

// ------------------------------------------------------------------------------------------------ numbers
const leaves = live.leaves.map((leaf) => ({ ...leaf, first: leaf.trained, now: constant(leaf), start: constant(leaf) }));
const all = { v: Object.create(null), d: Object.create(null), p: Object.create(null) }, { v, d, p } = all;
for (const [name, x] of Object.entries(live.rest)) v[name] = constant(x);
const compute = () => {
  for (const leaf of leaves) v[leaf.name] = leaf.now;
  forward(v);
  backward(v, d);
};
/** Everything from inputs that have other last digits. */
const beside = (seed) => {
  const near = { v: Object.create(null), d: Object.create(null), p: Object.create(null) };
  const others = (x) => array(x.shape, x.data.map((y, k) => y * (1 + live.limits.digits * Math.cos(seed + k))));
  for (const [name, x] of Object.entries(live.rest)) near.v[name] = constant(x);
  for (const leaf of leaves) near.v[leaf.name] = leaf.kind === "f" ? others(leaf.now) : leaf.now;
  forward(near.v);
  backward(near.v, near.d);
  partials(near.v, near.p);
  return near;
};
const loss = () => v[live.loss].data[0];

/** A step against the gradient. */
const descend = () => {
  const rate = Number(find("rate").value);
  for (const { trained, now, name } of leaves) {
    if (trained && d[name]) now.data.forEach((x, k) => { now.data[k] = x - rate * d[name].data[k]; });
  }
};
const load = (batch) => {
  for (const leaf of leaves) if (leaf.name in batch) leaf.now.data.set(batch[leaf.name].map(entry));
};
const examples = live.batches.length ? live.batches : [{}];  // without examples the present numbers are the only one
/** Does something for each example, and puts the present inputs back. */
const each = (what) => {
  const before = leaves.filter((leaf) => !leaf.trained).map((leaf) => [leaf, leaf.now]);
  for (const [leaf, now] of before) leaf.now = copy(now);
  for (const batch of examples) {
    load(batch);
    compute();
    what();
  }
  for (const [leaf, now] of before) leaf.now = now;
};
/** The mean loss of the examples. */
const mean = () => {
  let total = 0;
  each(() => { total += loss(); });
  return total / examples.length;
};

// --------------------------------------------------------------------------------------------- as text
/** As Python writes it to some digits: ties go to the even digit. */
const number = (x, digits, kind) => {
  if (kind === "b") return x ? "True" : "False";
  if (kind === "i" || kind === "u") return String(x);
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  const parts = (n) => Math.abs(x).toExponential(n - 1).replace(".", "").split("e");
  let [found, e] = parts(digits);
  const [more, power] = parts(digits + 1);
  if (more.endsWith("5") && Number(more[digits - 1]) % 2 === 0 && /^50*$/.test(parts(81)[0].slice(digits))) [found, e] = [more.slice(0, -1), power];
  e = Number(e);
  const sign = x < 0 ? "-" : "";
  const point = (word, at) => (at >= word.length ? word.padEnd(at, "0") : `${word.slice(0, at)}.${word.slice(at)}`.replace(/\.?0+$/, ""));
  const size = Math.abs(x), whole = Math.round(size) - (size % 1 === 0.5 && Math.round(size) % 2);
  if (size >= 10 ** digits && size < 9999.5) return `${sign}${whole}`;
  if (e < -4 || e >= digits) return `${sign}${point(found, 1)}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  return sign + (e < 0 ? point(`${"0".repeat(-e)}${found}`, 1) : point(found, e + 1));
};
/** Rounding errors as 0: small numbers that change much where the inputs have other last digits, in near(0), near(1), …;
    one of them says little, as an error may be the same by chance. */
const rounded = (x, role, key, near) => {
  const limit = live.limits.rounding * x.data.reduce((most, y) => (Number.isFinite(y) ? Math.max(most, Math.abs(y)) : most), 1);
  const isError = (y, k) => {
    for (let n = 0; y !== 0 && Math.abs(y) < limit && n < live.limits.tried; n++) {
      if (!(Math.abs(near(n)[role][key].data[k] - y) < live.limits.steady * Math.abs(y))) return true;
    }
    return false;
  };
  return { ...x, data: x.data.map((y, k) => (isError(y, k) ? 0 : y)) };
};
const rows = (x, digits) => {
  const wide = x.shape.at(-1) ?? 1;
  return Array.from({ length: x.data.length / wide }, (_, i) => [...x.data.slice(i * wide, (i + 1) * wide)].map((y) => number(y, digits, x.kind)));
};
/** The entries of a small vector or matrix, row by row. */
const matrix = (x) => {
  if (x.data.length < 2 || x.shape.length > 2) return [];
  const found = rows(x, 2);
  return found.length > live.limits.lines || found[0].length > live.limits.columns ? [] : found;
};
const lines = (x) => {
  if (x.data.length === 1) return [number(x.data[0], 3, x.kind)];
  const small = matrix(x);
  if (small.length) return small.map((row) => `[${row.join("  ")}]`);
  if (x.kind === "b") return [`${x.data.length} entries`];
  const finite = [...x.data].filter(Number.isFinite);
  if (!finite.length) return ["no finite entry"];
  const bad = x.data.length - finite.length, ends = [Math.min(...finite), Math.max(...finite)];
  const [low, high] = ends.map((y) => number(y, 2, x.kind)), middle = finite.reduce((a, b) => a + b, 0) / finite.length;
  const mean = number(Math.abs(middle) > 1e-15 * Math.max(-ends[0], ends[1]) ? middle : 0, 2);
  if (ends[0] === ends[1] && !bad) return [`all ${low}`];
  return [`${low} … ${high}, mean ${mean}${bad ? `, ${bad} not finite` : ""}`];
};
/** For the details: all entries unless there are many. */
const entries = (x) => {
  if (x.data.length > live.limits.many || x.shape.length > 2 || !x.data.length) return lines(x).join(" ");
  return x.data.length === 1 ? number(x.data[0], 6, x.kind) : rows(x, 4);
};

// ------------------------------------------------------------------------------------------- where they are
const element = (tag, text = "", attributes = {}) => {
  const made = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};
/** A number as mathematics, to four digits. */
const mathNumber = (x) => {
  const [digits, power] = number(Math.abs(x), 4).split("e");
  const sign = x < 0 ? [element("mo", "−")] : [];
  if (!Number.isFinite(x)) return [...sign, element("mi", Number.isNaN(x) ? "nan" : "∞")];
  const isOne = digits === "1" && power !== undefined && !(Number(power) >= -4 && Number(power) < 7);
  const plain = power === undefined || (!isOne && Number(power) >= 4 && Number(power) < 15);
  if (plain) return [...sign, element("mn", power === undefined ? digits : String(Number(`${digits}e${power}`)))];
  const exponent = element("mrow");
  exponent.append(...(Number(power) < 0 ? [element("mo", "−")] : []), element("mn", String(Math.abs(Number(power)))));
  const base = element("msup");
  base.append(element("mn", "10"), exponent);
  return [...sign, ...(isOne ? [] : [element("mn", digits), element("mo", "×", { stretchy: "false" })]), base];
};
const mathMatrix = (x) => {
  if (x.data.length === 1) return mathNumber(x.data[0]);
  const table = element("mtable", "", { class: "bracketed", columnalign: "right" });
  const wide = x.shape.at(-1);
  for (let i = 0; i < x.data.length; i += wide) {
    const row = table.appendChild(element("mtr"));
    for (const y of x.data.slice(i, i + wide)) row.appendChild(element("mtd")).append(...mathNumber(y));
  }
  return [table];
};

/** Writes text into an element of the picture, not wider than what was laid out there. */
const room = new Map();
const ruler = document.createElement("canvas").getContext("2d");  // measures without a layout of the page
const put = (text, word) => {
  if (text.textContent === word) return;
  text.textContent = word;
  const { wide, font } = room.get(text);
  ruler.font = font;
  if (ruler.measureText(word).width <= wide) return text.removeAttribute("textLength");
  text.setAttribute("textLength", wide - 3);  // a gap to the next column
  text.setAttribute("lengthAdjust", "spacingAndGlyphs");
};
const texts = (key, role) => groups.filter(([k, g]) => k === key && !g.id.includes("_row"))
  .flatMap(([, g]) => [...g.querySelectorAll(`text[fill="var(--${role})"]`)]);
for (const item of live.items) {
  const { key, name } = item;
  for (const role of ["value", "gradient"]) item[role] = item[role] && { texts: texts(key, role), from: role === "value" ? "v" : "d" };
}
for (const line of live.lines) line.text = texts(line.key, "partial").find((t) => t.textContent.replaceAll("\u00a0", " ") === line.text);
const measured = [...live.items.flatMap((i) => [i.value, i.gradient].flatMap((s) => (s ? s.texts : []))), ...live.lines.flatMap((l) => l.text || [])];
for (const t of measured) {
  const { fontWeight, fontFamily } = getComputedStyle(t);
  room.set(t, { wide: t.getComputedTextLength(), font: `${fontWeight} ${t.getAttribute("font-size")}px ${fontFamily}` });
}
/** Keeps a text where it is whatever its width: numbers of a column end at the same place, others are centred. */
const anchor = (t, at) => {
  t.setAttribute("x", Number(t.getAttribute("x")) + room.get(t).wide * (at === "end" ? 1 : 0.5));
  t.setAttribute("text-anchor", at);
};
for (const { texts } of live.items.flatMap((i) => [i.value, i.gradient].filter(Boolean))) {
  for (const t of texts) if (!t.textContent.endsWith("=")) anchor(t, texts.length > 1 ? "end" : "middle");
}
for (const { text } of live.lines) if (text) anchor(text, "middle");
const given = new Set(leaves.map((leaf) => leaf.key));
const labelled = new Map(groups.filter(([, g]) => !g.id.includes("_row")));

/** Everything that is shown, from the present numbers. */
const draw = () => {
  const shown = new Map();  // for the steps, by role and key
  const others = [], near = (n) => (others[n] ??= beside(n));
  data.items.forEach((target, n) => {
    const item = live.items[n];
    const words = [item.label];
    for (const role of ["value", "gradient"]) {
      if (!item[role]) continue;
      const { from } = item[role];
      const now = { ...all[from][item.name], kind: role === "value" ? item.kind : "f" };
      const x = role === "value" && given.has(item.key) ? now : rounded(now, from, item.name, near);
      shown.set(`${role} ${item.key}`, x);
      target[role] = entries(x);
      words.push(`${role} ${lines(x).join(" ")}`);
      const spots = item[role].texts, small = matrix(x).flat();
      if (small.length) spots.slice(-small.length).forEach((t, k) => put(t, small[k]));
      else if (spots.length) put(spots[0], spots[0].textContent.includes("= ") ? `${spots[0].textContent.split("= ")[0]}= ${lines(x)[0]}` : lines(x)[0]);
    }
    labelled.get(item.key)?.setAttribute("aria-label", words.join("  "));
  });
  const byKey = new Map(data.lines.map((l) => [l.key, l]));
  for (const { key, label, text } of live.lines) {
    const x = rounded(p[key], "p", key, near);
    shown.set(`value ${key}`, x);
    byKey.get(key).value = entries(x);
    labelled.get(key)?.setAttribute("aria-label", `${label} = ${lines(x).join(" ")}`);
    if (text) put(text, `= ${lines(x)[0]}`);
  }
  live.steps.forEach((step, n) => {
    if (!step.of) return;
    const x = shown.get(step.of.join(" "));
    if (step.caption !== null) data.steps[n].caption = `${step.caption} = ${lines(x)[0]}`;
    if (!step.formula || step.known?.every((y, k) => y === x.data[k])) return;
    step.known = x.data.slice();
    find("steps").children[n].querySelector("math:last-of-type").replaceChildren(element("mo", "="), ...mathMatrix(x));
  });
  for (const leaf of leaves) for (const cell of leaf.cells) cell.show();
  find("loss").textContent = `${live.written} = ${number(rounded(v[live.loss], "v", live.loss, near).data[0], 6)}`;
  refresh();
};
const update = () => {
  compute();
  partials(v, p);
  draw();
};

// ------------------------------------------------------------------------------------------------ editing
const change = (leaf, k, x) => {
  if (Number.isNaN(x)) return;
  const whole = leaf.kind !== "f" ? Math.round(x) : x;
  leaf.now.data[k] = Math.min(Math.max(whole, leaf.low ?? -Infinity), leaf.high ?? Infinity);
  update();
};
/** A round number some small steps away. */
const moved = (leaf, from, steps) => {
  const most = Math.max(...leaf.start.data.filter(Number.isFinite).map(Math.abs)) || 1;
  const grain = leaf.kind !== "f" ? 1 : 10 ** (Math.floor(Math.log10(most)) - 2);
  return Number((Math.round(from / grain + steps) * grain).toPrecision(12));
};
const draggable = (target, leaf, k) => {
  target.addEventListener("pointerdown", (e) => {
    if (e.button || document.activeElement === target) return;
    e.stopPropagation();
    e.preventDefault();  // a table cell is focused below, unless it is dragged
    const from = leaf.now.data[k], slow = leaf.kind === "f" ? 2 : 16;
    let far = false;
    const move = (m) => {
      const steps = Math.trunc((m.clientX - e.clientX) / slow);
      far = far || steps !== 0;
      if (far) change(leaf, k, moved(leaf, from, steps));
    };
    const end = () => {
      window.removeEventListener("pointermove", move);
      if (!far) target.focus();
    };
    window.addEventListener("pointermove", move);
    for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, end, { once: true });
  });
};
/** A number as it was typed, unless it is long; the cell that is edited has all digits. */
const typed = (x, kind) => (Number.isFinite(x) && String(x).length <= live.limits.typed ? String(x) : number(x, 3, kind));
/** Makes the cells of an input wide enough for a number; a point or a sign is half as wide as a digit. */
const widen = (leaf, word) => {
  const digits = word.length - word.replace(/[^.-]/g, "").length / 2;
  if (digits <= (leaf.digits ?? 0)) return;
  leaf.digits = digits;
  leaf.set.style.setProperty("--digits", digits);
};
const cell = (leaf, k) => {
  const input = document.createElement("input");
  const at = [];
  for (let n = leaf.shape.length - 1, rest = k; n >= 0; rest = Math.floor(rest / leaf.shape[n--])) at.unshift(rest % leaf.shape[n]);
  input.inputMode = "decimal";
  input.setAttribute("role", "spinbutton");
  input.setAttribute("aria-label", leaf.written + (at.length ? `[${at.join(", ")}]` : ""));
  for (const [name, bound] of [["aria-valuemin", leaf.low], ["aria-valuemax", leaf.high]]) if (bound !== null) input.setAttribute(name, bound);
  input.show = (all = document.activeElement === input) => {
    const x = leaf.now.data[k];
    if (input.known === x && !all) return;
    input.known = x;
    input.value = all ? String(x) : typed(x, leaf.kind);
    if (!all) widen(leaf, input.value);
    input.setAttribute(Number.isFinite(x) ? "aria-valuenow" : "aria-valuetext", x);
    input.removeAttribute(Number.isFinite(x) ? "aria-valuetext" : "aria-valuenow");
  };
  input.addEventListener("focus", () => { input.show(true); input.select(); });
  input.addEventListener("blur", () => { input.known = null; input.show(false); });
  input.addEventListener("change", () => { change(leaf, k, input.value.trim() === "" ? NaN : entry(input.value.trim())); input.show(true); });
  input.addEventListener("keydown", (e) => {
    const steps = { ArrowUp: 10, ArrowDown: -10, PageUp: 100, PageDown: -100 }[e.key];
    if (steps) {
      change(leaf, k, moved(leaf, leaf.now.data[k], leaf.kind === "f" ? steps : Math.sign(steps)));
      input.show(true);
      e.preventDefault();
    } else if (e.key === "Escape") input.show(true);
  });
  draggable(input, leaf, k);
  return input;
};
/** Says whether a step changes an input. */
const mark = (leaf, trained) => {
  leaf.trained = trained;
  if (leaf.tick) leaf.tick.checked = trained;
  const item = data.items.find((i) => i.key === leaf.key);
  item.kind = `${item.kind.split(";")[0]}; ${trained ? "a" : "no"} step changes it`;
};
for (const leaf of leaves) {
  const set = leaf.set = find("arrays").appendChild(document.createElement("fieldset"));
  const dims = leaf.shape.join("×");
  const many = leaf.now.data.length > live.limits.edited;
  set.appendChild(document.createElement("legend")).textContent = `${leaf.written}${dims && ` (${dims})`}${many ? ": too large to edit here" : ""}`;
  if (leaf.graded) {
    const label = set.lastElementChild.appendChild(document.createElement("label"));
    leaf.tick = label.appendChild(document.createElement("input"));
    leaf.tick.type = "checkbox";
    leaf.tick.setAttribute("aria-label", `train ${leaf.written}`);
    leaf.tick.addEventListener("change", () => { mark(leaf, leaf.tick.checked); refresh(); });
    label.append("train");
  }
  mark(leaf, leaf.trained);
  leaf.cells = many ? [] : Array.from(leaf.now.data, (_, k) => cell(leaf, k));
  const wide = leaf.shape.at(-1) ?? 1, high = leaf.shape.at(-2) ?? 1;
  for (let i = 0; i < leaf.cells.length; i += wide) {
    if (i % (wide * high) === 0) set.appendChild(document.createElement("table")).setAttribute("role", "presentation");
    const row = set.lastElementChild.insertRow();
    for (const input of leaf.cells.slice(i, i + wide)) row.insertCell().append(input);
  }
  const spots = live.items.find((i) => i.key === leaf.key).value.texts;  // numbers in the picture can be dragged as well
  if (spots.length === leaf.cells.length) spots.forEach((t, k) => { t.classList.add("number"); draggable(t, leaf, k); });
}

// ----------------------------------------------------------------------------------------------- training
let losses = [];
let running = 0;
const plot = () => {
  const curve = find("curve"), finite = losses.filter(Number.isFinite);
  for (const part of [curve, find("trend")]) part.toggleAttribute("hidden", losses.length < 2);
  if (losses.length < 2) return;
  const [low, high] = [Math.min(0, ...finite), Math.max(...finite)];
  const at = (x, k) => `${(300 * k) / (losses.length - 1)},${68 - (66 * (x - low)) / (high - low || 1)}`;
  curve.firstElementChild.setAttribute("points", losses.map((x, k) => (Number.isFinite(x) ? at(x, k) : "")).join(" "));
  const trend = `${live.batches.length ? "mean loss of the examples" : "loss"}, step by step: ${number(losses[0], 3)} → ${number(losses.at(-1), 3)}`;
  find("trend").textContent = trend;
  curve.setAttribute("aria-label", trend);
};
const stop = () => {
  cancelAnimationFrame(running);
  running = 0;
  find("train").textContent = "train";
};
const on = (id, what) => find(id).addEventListener("click", what);
on("descend", () => {
  if (!losses.length) losses.push(mean());
  compute();
  descend();
  losses.push(mean());
  update();
  plot();
});
on("train", () => {
  if (running) return stop();
  let left = Math.max(1, Math.round(Number(find("epochs").value)) || 1);
  const share = Math.ceil(left / 60);  // epochs per frame, so that training takes about a second to watch
  find("train").textContent = "stop";
  if (!losses.length) losses.push(mean());
  const work = () => {
    const end = performance.now() + 10;
    for (let k = 0; k < share && left > 0 && performance.now() < end; k++, left--) {
      each(descend);
      losses.push(mean());
    }
    update();
    plot();
    if (left > 0) running = requestAnimationFrame(work);
    else stop();
  };
  running = requestAnimationFrame(work);
});
on("restore", () => {
  stop();
  for (const leaf of leaves) {
    leaf.now = copy(leaf.start);
    mark(leaf, leaf.first);
  }
  losses = [];
  find("rate").value = live.rate;
  find("example").value = 1;
  update();
  plot();
});
find("choice").hidden = !live.batches.length;
find("example").max = live.batches.length;
find("example").addEventListener("change", (e) => {
  const batch = live.batches[Number(e.target.value) - 1];
  if (batch) load(batch);
  update();
});
find("rate").value = live.rate;
window.page.live = { leaves, v, d, p, change, losses: () => losses, busy: () => running !== 0 };
update();
window.page.show(data.steps.length - 1);  // everything is known
