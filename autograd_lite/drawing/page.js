"use strict";
// The data comes from a script element and reaches the page as text only: a name cannot become markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (id) => document.getElementById(id);
  const svg = document.querySelector("#picture svg");
  const items = new Map(data.items.map((i) => [i.key, i]));
  const lines = new Map(data.lines.map((l) => [l.key, l]));
  const byTail = new Map();
  for (const l of data.lines) byTail.set(l.tail, [...(byTail.get(l.tail) || []), l]);
  // A wrapped picture repeats the name of a box in another row: one key may have several groups.
  const keyOf = (g) => g.id.replace(/_row\w+$/, "").replace(/^e(?=.*_)/, "");
  const groups = [...svg.querySelectorAll("g.node, g.edge")].map((g) => [keyOf(g), g]);
  let step = 0;

  // ---------------------------------------------------------- zoom and scroll
  // The picture fills its frame, but its text, of 12 units, is never smaller than 13 pixels; the frame then scrolls.
  const frame = find("picture");
  const [wide, high] = svg.getAttribute("viewBox").split(" ").slice(2).map(Number);
  const LEGIBLE = 13 / 12;
  let scale = 1;
  const whole = () => Math.min((frame.clientWidth - 1) / wide, (frame.clientHeight - 1) / high);
  const zoomTo = (s, x = frame.clientWidth / 2, y = frame.clientHeight / 2) => {  // keeps what is at (x, y) there
    const grows = s / scale;
    scale = s;
    svg.setAttribute("width", wide * s);
    svg.setAttribute("height", high * s);
    frame.scrollTo({ left: (frame.scrollLeft + x) * grows - x, top: (frame.scrollTop + y) * grows - y, behavior: "instant" });
  };
  const zoom = (by, x, y) => zoomTo(Math.min(Math.max(scale * by, whole() / 4), 40 * whole()), x, y);
  const fit = () => zoomTo(Math.min(whole(), 2 * LEGIBLE));
  const legibly = () => zoomTo(Math.max(LEGIBLE, Math.min(whole(), 1.5 * LEGIBLE)), 0, 0);
  const bringIntoView = (rectangles) => {
    if (!rectangles.length) return;
    const box = frame.getBoundingClientRect();
    const [left, top] = ["left", "top"].map((n) => Math.min(...rectangles.map((r) => r[n])) - box[n]);
    const [right, bottom] = [["right", "left"], ["bottom", "top"]].map(([n, m]) => Math.max(...rectangles.map((r) => r[n])) - box[m]);
    const by = (a, b, size) => (b - a > size ? a : a < 0 || b > size ? (a + b - size) / 2 : 0);
    frame.scrollBy({ left: by(left, right, frame.clientWidth), top: by(top, bottom, frame.clientHeight) });
  };
  frame.addEventListener("wheel", (e) => {
    if (!e.ctrlKey) return;
    e.preventDefault();
    const box = frame.getBoundingClientRect();
    zoom(e.deltaY > 0 ? 1 / 1.12 : 1.12, e.clientX - box.left, e.clientY - box.top);
  }, { passive: false });
  let held = null;
  frame.addEventListener("pointerdown", (e) => { if (e.pointerType === "mouse") held = [e.clientX + frame.scrollLeft, e.clientY + frame.scrollTop]; });
  window.addEventListener("pointerup", () => { held = null; });
  frame.addEventListener("pointermove", (e) => {
    if (held) frame.scrollTo({ left: held[0] - e.clientX, top: held[1] - e.clientY, behavior: "instant" });
  });

  // ------------------------------------------------------------------ steps
  const show = (k) => {
    if (!data.steps.length) return;
    step = Math.max(0, Math.min(k, data.steps.length - 1));
    const s = data.steps[step];
    const has = Object.fromEntries(["now", "known", "values", "gradients", "partials"].map((n) => [n, new Set(s[n])]));
    for (const [key, g] of groups) {
      const now = has.now.has(key);
      g.classList.toggle("now", now);
      g.classList.toggle("pale", !now && !has.known.has(key));
      g.classList.toggle("no-value", !has.values.has(key));
      g.classList.toggle("no-gradient", !has.gradients.has(key));
      g.classList.toggle("no-partial", lines.has(key) && lines.get(key).symbol !== "" && !has.partials.has(key));
    }
    bringIntoView(groups.filter(([key]) => has.now.has(key)).map(([, g]) => g.getBoundingClientRect()));
    find("caption").textContent = s.caption;
    find("slider").value = step;
    find("slider").setAttribute("aria-valuetext", `step ${step + 1} of ${data.steps.length}: ${s.caption}`);
    find("count").textContent = `${step + 1} of ${data.steps.length}`;
    [...find("steps").children].forEach((li, n) => {
      li.classList.toggle("now", n === step);
      li.classList.toggle("later", n > step);
      if (n === step) {
        li.setAttribute("aria-current", "step");
        const panel = find("derivation");
        const at = li.offsetTop;
        if (at < panel.scrollTop || at + li.offsetHeight > panel.scrollTop + panel.clientHeight) panel.scrollTop = at - panel.clientHeight / 2;
      } else li.removeAttribute("aria-current");
    });
  };

  // ---------------------------------------------------------------- details
  const pathFrom = (key) => {
    const seen = new Set([key]);
    const passed = [];
    const stack = [key];
    while (stack.length) {
      for (const l of byTail.get(stack.pop()) || []) {
        passed.push(l.key);
        if (!seen.has(l.head)) { seen.add(l.head); stack.push(l.head); }
      }
    }
    return { boxes: seen, passed };
  };
  const route = (key) => {  // one path to the loss, and whether there are others
    const words = [];
    let more = false;
    const seen = new Set();
    for (let at = key; at && !seen.has(at); ) {
      seen.add(at);
      words.push(items.get(at).name);
      const next = byTail.get(at) || [];
      more = more || next.length > 1;
      at = next.length ? next[next.length - 1].head : null;
    }
    return words.join(" → ") + (more ? "   (and other paths)" : "");
  };
  const product = (key) => {
    const symbols = [];
    const seen = new Set();
    for (let at = key; at && !seen.has(at); ) {
      seen.add(at);
      const next = byTail.get(at) || [];
      if (next.length > 1) return "";
      if (next.length && !next[0].symbol) return "";
      if (next.length) symbols.unshift(next[0].symbol);
      if (next.length && next[0].isGradient) break;
      at = next.length ? next[0].head : null;
    }
    return symbols.join(" · ");
  };
  const matrix = (rows) => {
    const table = document.createElement("table");
    table.className = "bracketed";
    for (const row of rows) {
      const tr = table.insertRow();
      for (const entry of row) tr.insertCell().textContent = entry;
    }
    return table;
  };
  const showDetails = (title, pairs) => {
    const list = document.createElement("dl");
    for (const [name, value] of pairs) {
      if (!value) continue;
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = name;
      dd.append(typeof value === "string" ? value : matrix(value));
      if (typeof value !== "string") dd.tabIndex = 0;  // it may scroll
      list.append(dt, dd);
    }
    find("about").textContent = title;
    find("facts").replaceChildren(list);
  };
  let described = "";
  const mark = (key) => {
    const { boxes, passed } = pathFrom(items.has(key) ? key : lines.get(key).head);
    if (lines.has(key)) { boxes.add(lines.get(key).tail); passed.push(key); }
    svg.classList.add("tracing");
    for (const [k, g] of groups) g.classList.toggle("path", boxes.has(k) || passed.includes(k));
    describe(key);
  };
  const describe = (key) => {
    described = key;
    if (items.has(key)) {
      const i = items.get(key);
      showDetails(i.title, [["what", i.kind], ["shape", i.shape], ["value", i.value], ["gradient", i.gradient], ["to the loss", route(key)],
        ["chain rule", product(key)], ["written at", i.origin], ["note", i.note]]);
    } else {
      const l = lines.get(key);
      showDetails(l.title, [["partial", l.symbol], ["formula", l.formula], ["value", l.value], ["how", l.how], ["shape", l.shape],
        ["to the loss", route(l.tail)], ["note", l.note]]);
    }
  };
  const unmark = () => {
    svg.classList.remove("tracing");
    for (const [, g] of groups) g.classList.remove("path");
  };
  for (const [key, g] of groups) {
    if (!items.has(key) && !lines.has(key)) continue;
    g.querySelector("title").remove();  // the details say more
    g.addEventListener("pointerenter", () => mark(key));
    g.addEventListener("focus", () => mark(key));
    g.addEventListener("pointerleave", unmark);
    g.addEventListener("blur", unmark);
  }

  // ---------------------------------------------------------------- controls
  const on = (id, what) => find(id).addEventListener("click", what);
  on("first", () => show(0));
  on("back", () => show(step - 1));
  on("next", () => show(step + 1));
  on("last", () => show(data.steps.length - 1));
  on("closer", () => zoom(1.25));
  on("wider", () => zoom(1 / 1.25));
  on("fit", fit);
  on("shade", () => document.documentElement.classList.toggle("dark"));
  find("slider").addEventListener("input", (e) => show(Number(e.target.value)));
  [...find("steps").children].forEach((li, n) => {
    li.addEventListener("click", () => show(n));
    li.addEventListener("keydown", (e) => { if (e.key === "Enter") show(n); });
  });
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input")) return;
    const does = {
      ArrowRight: () => show(step + 1), ArrowLeft: () => show(step - 1), Home: () => show(0), End: () => show(data.steps.length - 1),
      "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(1 / 1.25), 0: fit, Escape: unmark,
    }[e.key];
    if (does) { does(); e.preventDefault(); }
  });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", () => document.documentElement.classList.toggle("dark", dark.matches));
  legibly();
  show(0);
  window.page = { data, groups, show, refresh() { if (data.steps.length) find("caption").textContent = data.steps[step].caption; if (described) describe(described); } };
  document.documentElement.dataset.ready = "yes";
})();
