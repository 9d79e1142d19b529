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
  const group = new Map([...svg.querySelectorAll("g.node, g.edge")].map((g) => [g.id.replace(/^e(?=.*_)/, ""), g]));
  let step = 0;

  // ------------------------------------------------------------------ steps
  const show = (k) => {
    if (!data.steps.length) return;
    step = Math.max(0, Math.min(k, data.steps.length - 1));
    const s = data.steps[step];
    const has = Object.fromEntries(["now", "known", "values", "gradients", "partials"].map((n) => [n, new Set(s[n])]));
    for (const [key, g] of group) {
      const now = has.now.has(key);
      g.classList.toggle("now", now);
      g.classList.toggle("pale", !now && !has.known.has(key));
      g.classList.toggle("no-value", !has.values.has(key));
      g.classList.toggle("no-gradient", !has.gradients.has(key));
      g.classList.toggle("no-partial", lines.has(key) && lines.get(key).symbol !== "" && !has.partials.has(key));
    }
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
      at = next.length ? next[0].head : null;
    }
    return symbols.join(" · ");
  };
  const showDetails = (title, pairs) => {
    const list = document.createElement("dl");
    for (const [name, value] of pairs) {
      if (!value) continue;
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = name;
      dd.textContent = value;
      list.append(dt, dd);
    }
    find("about").textContent = title;
    find("facts").replaceChildren(list);
  };
  const mark = (key) => {
    const { boxes, passed } = pathFrom(items.has(key) ? key : lines.get(key).head);
    if (lines.has(key)) { boxes.add(lines.get(key).tail); passed.push(key); }
    svg.classList.add("tracing");
    for (const [k, g] of group) g.classList.toggle("path", boxes.has(k) || passed.includes(k));
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
    for (const g of group.values()) g.classList.remove("path");
  };
  for (const [key, g] of group) {
    if (!items.has(key) && !lines.has(key)) continue;
    g.setAttribute("tabindex", "0");
    g.setAttribute("role", "img");
    const title = g.querySelector("title");
    if (title) { g.setAttribute("aria-label", title.textContent); title.remove(); }
    g.addEventListener("pointerenter", () => mark(key));
    g.addEventListener("focus", () => mark(key));
    g.addEventListener("pointerleave", unmark);
    g.addEventListener("blur", unmark);
  }

  // ------------------------------------------------------------ zoom and pan
  const whole = svg.getAttribute("viewBox").split(" ").map(Number);
  let view = [...whole];
  const look = () => svg.setAttribute("viewBox", view.map((v) => v.toFixed(3)).join(" "));
  const zoom = (by, x = 0.5, y = 0.5) => {
    const w = Math.min(Math.max(view[2] * by, whole[2] / 40), whole[2] * 4);
    const f = w / view[2];
    view = [view[0] + view[2] * x * (1 - f), view[1] + view[3] * y * (1 - f), w, view[3] * f];
    look();
  };
  const fit = () => { view = [...whole]; look(); };
  const frame = find("picture");
  frame.addEventListener("wheel", (e) => {
    e.preventDefault();
    const box = svg.getBoundingClientRect();
    zoom(e.deltaY > 0 ? 1.12 : 1 / 1.12, (e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height);
  }, { passive: false });
  let held = null;
  frame.addEventListener("pointerdown", (e) => { held = [e.clientX, e.clientY, ...view]; });
  window.addEventListener("pointerup", () => { held = null; });
  frame.addEventListener("pointermove", (e) => {
    if (!held) return;
    const box = svg.getBoundingClientRect();
    const scale = Math.max(view[2] / box.width, view[3] / box.height);
    view = [held[2] - (e.clientX - held[0]) * scale, held[3] - (e.clientY - held[1]) * scale, view[2], view[3]];
    look();
  });

  // ---------------------------------------------------------------- controls
  const on = (id, what) => find(id).addEventListener("click", what);
  on("first", () => show(0));
  on("back", () => show(step - 1));
  on("next", () => show(step + 1));
  on("last", () => show(data.steps.length - 1));
  on("closer", () => zoom(1 / 1.25));
  on("wider", () => zoom(1.25));
  on("fit", fit);
  on("shade", () => document.documentElement.classList.toggle("dark"));
  find("slider").addEventListener("input", (e) => show(Number(e.target.value)));
  [...find("steps").children].forEach((li, n) => li.addEventListener("click", () => show(n)));
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target === find("slider")) return;
    const does = {
      ArrowRight: () => show(step + 1), ArrowLeft: () => show(step - 1), Home: () => show(0), End: () => show(data.steps.length - 1),
      "+": () => zoom(1 / 1.25), "=": () => zoom(1 / 1.25), "-": () => zoom(1.25), 0: fit, Escape: unmark,
    }[e.key];
    if (does) { does(); e.preventDefault(); }
  });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", () => document.documentElement.classList.toggle("dark", dark.matches));
  show(data.steps.length - 1 && 0);
  document.documentElement.dataset.ready = "yes";
})();
