"use strict";
/* Without this script the report is complete; it adds sorting, filtering, hover texts and zoom. */

const NUMBER = /[-+]?[\d,]*\.?\d+/;
const SORTED_FROM = 5;  // rows: a shorter table is read as it stands

/** A cell as something to compare: "4.55 times faster (4.11 to 4.72)" is 4.55, "2 times slower" is 0.5. */
function sortKey(cell) {
  const text = cell.textContent.trim();
  const match = NUMBER.exec(text);
  if (!match || /^\d{4}-\d\d-\d\d/.test(text) || !/^[-+\d.,]/.test(text)) return text.toLowerCase();
  const value = parseFloat(match[0].replaceAll(",", ""));
  return text.includes("slower") ? 1 / value : value;
}

function compareKeys(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === typeof b) return a.localeCompare(b, undefined, {numeric: true});
  return typeof a === "number" ? -1 : 1;
}

function sortable(table) {
  const body = table.tBodies[0];
  if (body.rows.length < SORTED_FROM) return;
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const order = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      headers.forEach(other => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...body.rows].map(row => [sortKey(row.cells[column]), row]);
      rows.sort((a, b) => sign * compareKeys(a[0], b[0]));
      body.append(...rows.map(pair => pair[1]));
    });
  });
}

function filterable(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < Number(table.dataset.filterFrom)) return;
  const label = document.createElement("label"), input = document.createElement("input");
  const count = document.createElement("span");
  input.type = "search";
  label.append("Rows with ", input);
  count.setAttribute("role", "status");
  const bar = document.createElement("p");
  bar.className = "filter";
  bar.append(label, " ", count);
  table.closest(".scroll").before(bar);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
    }
    const left = rows.filter(row => !row.hidden).length;
    count.textContent = words.length ? `${left} of ${rows.length} rows` : "";
  });
}

/** The marks of a figure with their texts; the narrow drawing has the wide one's texts. */
function marksOf(figure, svg) {
  const marks = [];
  for (const group of figure.querySelectorAll("svg.wide [data-tips]")) {
    const texts = group.dataset.tips.split("|");
    const drawn = svg.querySelector(`[data-group="${group.dataset.group}"]`);
    if (!drawn) continue;
    let shapes = [...drawn.querySelectorAll("use, path")].filter(shape => !shape.closest("defs"));
    if (texts.length > 1 && shapes.some(shape => shape.localName === "use")) {
      shapes = shapes.filter(shape => shape.localName === "use");
    }
    if (texts.length === 1 || texts.length === shapes.length) {
      shapes.forEach((shape, place) => marks.push({shape, text: texts[texts.length > 1 ? place : 0]}));
    }
  }
  return marks;
}

const REACH = 16; /* pixels from a mark within which it answers */
const MAX_ZOOM = 8;
const tip = document.createElement("div");
tip.className = "tip";
tip.setAttribute("role", "status");
let lit = null;

function hide() {
  lit?.classList.remove("lit");
  lit = null;
  tip.hidden = true;
}

function show(mark, x, y) {
  if (lit !== mark.shape) {
    hide();
    lit = mark.shape;
    lit.classList.add("lit");
    tip.textContent = mark.text;
  }
  tip.hidden = false;
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${y + 20 + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 12 : y + 20}px`;
}

function answering(figure) {
  const box = figure.querySelector(".paper");
  let marks = [], of = null, place = -1;
  const current = () => {
    const svg = [...figure.querySelectorAll("svg")].find(one => one.clientWidth || one.getBoundingClientRect().width);
    if (svg !== of) [marks, of, place] = [svg ? marksOf(figure, svg) : [], svg, -1];
    return marks;
  };
  const nearest = event => {
    const known = current();
    const direct = known.find(mark => mark.shape === event.target);
    if (direct) return direct;
    let best = null, least = REACH ** 2;
    for (const mark of known) {
      const {left, right, top, bottom} = mark.shape.getBoundingClientRect();
      if (right - left > 60 && bottom - top > 60) continue; /* a curve answers where it is met */
      const x = Math.max(left - event.clientX, 0, event.clientX - right);
      const y = Math.max(top - event.clientY, 0, event.clientY - bottom);
      if (x * x + y * y < least) [best, least] = [mark, x * x + y * y];
    }
    return best;
  };
  let queued = null;
  const follow = event => {
    if (!queued) requestAnimationFrame(() => {
      const mark = nearest(queued);
      if (mark) show(mark, queued.clientX, queued.clientY); else hide();
      queued = null;
    });
    queued = event;
  };
  box.addEventListener("pointermove", follow);
  box.addEventListener("pointerdown", follow);
  box.addEventListener("pointerleave", hide);
  box.addEventListener("blur", hide);
  box.addEventListener("keydown", event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (event.key === "Escape") hide();
    if (!step || !current().length) return;
    event.preventDefault();
    place = (place + step + marks.length + (place < 0 && step < 0 ? 1 : 0)) % marks.length;
    marks[place].shape.scrollIntoView({block: "nearest", inline: "nearest"});
    const {right, bottom} = marks[place].shape.getBoundingClientRect();
    show(marks[place], right, bottom);
  });
  box.setAttribute("aria-describedby", "keys");
}

function zoomable(figure) {
  const box = figure.querySelector(".paper"), sheet = box.firstElementChild;
  const tools = document.createElement("div");
  tools.className = "tools";
  let zoom = 1;
  let looked = [0.5, 0.5]; /* where the pointer was last, as shares of the sheet */
  const set = to => {
    if (zoom === 1) box.style.height = `${box.getBoundingClientRect().height}px`; /* the page stays as it is */
    zoom = Math.min(Math.max(to, 1), MAX_ZOOM);
    sheet.style.width = zoom > 1 ? `${zoom * 100}%` : "";
    if (zoom === 1) box.style.height = "";
    const [x, y] = looked;
    box.scrollTo(x * sheet.offsetWidth - box.clientWidth / 2, y * sheet.offsetHeight - box.clientHeight / 2);
    box.classList.toggle("zoomed", zoom > 1);
    smaller.disabled = zoom === 1;
    larger.disabled = zoom === MAX_ZOOM;
  };
  let grip = null;
  box.addEventListener("pointerdown", event => {
    if (zoom > 1 && event.pointerType === "mouse") {
      grip = [event.clientX + box.scrollLeft, event.clientY + box.scrollTop];
      event.preventDefault();
      box.setPointerCapture(event.pointerId);
    }
  });
  box.addEventListener("pointermove", event => {
    if (grip) return box.scrollTo(grip[0] - event.clientX, grip[1] - event.clientY);
    const {left, top, width, height} = sheet.getBoundingClientRect();
    looked = [(event.clientX - left) / width, (event.clientY - top) / height];
  });
  box.addEventListener("pointerup", () => { grip = null; });
  box.addEventListener("pointercancel", () => { grip = null; });
  box.addEventListener("dblclick", event => set(event.shiftKey ? zoom / 2 : zoom * 2));
  const button = (text, act) => {
    const one = document.createElement("button");
    one.type = "button";
    one.textContent = text;
    one.setAttribute("aria-label", `${text}: ${figure.dataset.title}`);
    one.addEventListener("click", act);
    tools.append(one);
    return one;
  };
  const larger = button("Zoom in", () => set(zoom * 2));
  const smaller = button("Zoom out", () => set(zoom / 2));
  smaller.disabled = true;
  figure.querySelector("figcaption").append(tools);
}

function start() {
  document.body.append(tip);
  hide();
  document.querySelectorAll("table").forEach(table => { sortable(table); filterable(table); });
  document.querySelectorAll("figure").forEach(figure => {
    zoomable(figure);
    if (figure.querySelector("svg [data-tips]")) answering(figure);
  });
  addEventListener("keydown", event => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", hide, {passive: true});
}

start();
