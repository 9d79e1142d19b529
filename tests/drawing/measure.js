// What is wrong with the page as it is rendered: small text, boxes or text that overlap, parts that cannot be reached.
(() => {
  const SMALLEST = 13, SLACK = 1;
  const found = [];
  const say = (...words) => found.push(words.join(" "));
  const frame = document.getElementById("picture");
  const svg = frame.querySelector("svg");
  const visible = (e) => e.getClientRects().length && getComputedStyle(e).visibility === "visible";
  const overlap = (a, b) => a.left < b.right - SLACK && b.left < a.right - SLACK && a.top < b.bottom - SLACK && b.top < a.bottom - SLACK;
  const inside = (a, b) => a.left >= b.left - SLACK && a.right <= b.right + SLACK && a.top >= b.top - SLACK && a.bottom <= b.bottom + SLACK;

  // Text is large enough.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || ["SCRIPT", "STYLE"].includes(e.tagName) || !visible(e)) continue;
    const scale = e instanceof SVGElement ? e.getScreenCTM().a : 1;
    const size = parseFloat(getComputedStyle(e).fontSize) * scale;
    if (size < SMALLEST - 0.01) say("small:", n.data.trim(), size.toFixed(1));
  }

  // In the picture nothing lies over anything else, and all text of a box is inside it.
  const texts = [...svg.querySelectorAll(".node text, .edge text, .cluster text")].filter(visible)
    .map((e) => ({ text: e.textContent, group: e.parentElement, box: e.getBoundingClientRect() }));
  const nodes = [...svg.querySelectorAll(".node")].map((g) => ({ group: g, box: g.querySelector("path, polygon, ellipse").getBoundingClientRect() }));
  texts.forEach((t, k) => {
    for (const u of texts.slice(k + 1)) if (overlap(t.box, u.box)) say("text over text:", t.text, "|", u.text);
    for (const n of nodes) {
      if (n.group === t.group && !inside(t.box, n.box)) say("text outside its box:", t.text);
      if (n.group !== t.group && overlap(t.box, n.box)) say("text over a box:", t.text, "|", n.group.id);
    }
    if (!inside(t.box, svg.getBoundingClientRect())) say("clipped:", t.text);
  });
  nodes.forEach((n, k) => { for (const m of nodes.slice(k + 1)) if (overlap(n.box, m.box)) say("box over box:", n.group.id, m.group.id); });
  for (const path of svg.querySelectorAll(".edge path")) {
    const matrix = path.getScreenCTM(), length = path.getTotalLength(), id = path.parentElement.id;
    const points = Array.from({ length: 81 }, (_, k) => path.getPointAtLength((length * k) / 80).matrixTransform(matrix));
    for (const t of texts) {
      const { left, right, top, bottom } = t.box, d = (bottom - top) / 4;
      if (points.some((p) => p.x > left && p.x < right && p.y > top + d && p.y < bottom - d)) say("line over text:", id, "|", t.text);
    }
  }

  // Everything can be reached: the page fits the window, and what is larger than its pane scrolls.
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) say("the page is larger than the window");
  if (frame.scrollWidth < svg.clientWidth || frame.scrollHeight < svg.clientHeight) say("the picture is cut");
  for (const e of document.querySelectorAll("header, nav, aside, figure, #caption, #legend, #details, #derivation, #steps li, #details dd, button")) {
    const style = getComputedStyle(e);
    if (e.scrollWidth > e.clientWidth + SLACK && style.overflowX !== "auto") say("too wide:", e.id || e.tagName, e.textContent.slice(0, 40));
    if (e.scrollHeight > e.clientHeight + SLACK && style.overflowY !== "auto") say("too high:", e.id || e.tagName, e.textContent.slice(0, 40));
  }
  const details = document.getElementById("details");
  if (details.clientHeight > details.scrollHeight + SLACK) say("the details are larger than their content");
  for (const li of document.querySelectorAll("#steps li")) {
    const parts = [...li.children].map((m) => m.getBoundingClientRect());
    parts.forEach((a, k) => { for (const b of parts.slice(k + 1)) if (overlap(a, b)) say("formula over formula:", li.textContent.slice(0, 40)); });
  }
  return found;
})()
