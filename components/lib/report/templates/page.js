"use strict";
// Everything is on the page before this runs; it adds sorting, filtering, paging and the movable threshold.
const read = (id) => { const at = document.getElementById(id); return at && JSON.parse(at.textContent); };
const grouped = (value) => Math.round(value).toLocaleString("en-US");

// The same texts as cell_text() in text.py writes.
function cellText(value, kind) {
  if (value === null) return "–";
  if (kind === "text") return value;
  if (kind === "count") return grouped(value);
  if (kind === "interval") return value.map((end) => cellText(end, "number")).join(" … ");
  const size = Math.abs(value);
  const said = size < 1000 ? size.toFixed(4) : grouped(size);
  if (said === "0.0000") return said;
  return (value < 0 ? "−" : kind === "signed" ? "+" : "") + said;
}

function slices() {
  const data = read("slices-data");
  const table = document.getElementById("slice-table");
  if (!table) return;
  const { columns, rows, shown } = data;
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const [find, group, note, status, previous, next] = ["find", "group", "note", "status", "previous", "next"]
    .map((name) => document.getElementById(`slice-${name}`));
  const noteAt = columns.length - 2;
  const groupAt = columns.length - 1;
  const state = { found: rows, page: 0, column: -1, down: false, size: shown };
  const lower = rows.map((row) => row[0].toLowerCase());
  const place = new Map(rows.map((row, at) => [row, at]));

  function choose() {
    const wanted = find.value.trim().toLowerCase();
    state.found = rows.filter((row, at) => lower[at].includes(wanted)
      && (!group.value || row[groupAt] === group.value)
      && (note.value === "all" || (note.value === "large" ? row[noteAt] !== "too few examples" : row[noteAt] === note.value)));
    if (state.column >= 0) {
      const { column, down } = state;
      const text = columns[column].kind === "text";
      const order = new Intl.Collator("en", { numeric: true });
      const value = (row) => (columns[column].kind === "interval" && row[column] ? row[column][0] : row[column]);
      state.found.sort((a, b) => {
        const [left, right] = [value(a), value(b)];
        if (left === right) return place.get(a) - place.get(b);
        if (left === null || left === "") return 1;
        if (right === null || right === "") return -1;
        return (down ? -1 : 1) * (text ? order.compare(left, right) : left - right);
      });
    }
    state.page = 0;
    draw();
  }

  function draw() {
    const { found, size } = state;
    const pages = Math.max(1, Math.ceil(found.length / size));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    const from = state.page * size;
    const visible = found.slice(from, from + size);
    body.replaceChildren(...visible.map((row) => {
      const line = document.createElement("tr");
      if (row[noteAt] === "too few examples") line.className = "small";
      row.slice(0, -1).forEach((value, at) => {
        const cell = document.createElement(at ? "td" : "th");
        if (at) { if (columns[at].kind !== "text") cell.className = "n"; } else cell.scope = "row";
        cell.textContent = cellText(value, columns[at].kind);
        line.append(cell);
      });
      return line;
    }));
    status.textContent = found.length
      ? `${grouped(from + 1)}–${grouped(from + visible.length)} of ${grouped(found.length)} slices` : "no slice fits";
    previous.disabled = state.page === 0;
    next.disabled = state.page >= pages - 1;
  }

  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const column = Number(button.dataset.column);
    state.down = state.column === column ? !state.down : false;
    state.column = column;
    heads.forEach((head, at) => at === column
      ? head.setAttribute("aria-sort", state.down ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
    choose();
  });
  find.addEventListener("input", choose);
  group.addEventListener("change", choose);
  note.addEventListener("change", choose);
  document.getElementById("slice-controls").addEventListener("submit", (event) => event.preventDefault());
  previous.addEventListener("click", () => { state.page -= 1; draw(); });
  next.addEventListener("click", () => { state.page += 1; draw(); });
  // On paper nobody can turn pages. Beyond some hundreds of rows nobody reads them there either.
  addEventListener("beforeprint", () => { state.size = 500; draw(); });
  addEventListener("afterprint", () => { state.size = shown; draw(); });
}

function threshold() {
  const data = read("thresholds-data");
  const slider = document.getElementById("threshold");
  if (!data || !slider) return;
  const share = (part, whole) => cellText(whole ? part / whole : null, "number");
  const marks = [...document.querySelectorAll("svg[data-curve]")].map((svg) => {
    const [x0, x1, y0, y1] = svg.dataset.frame.split(" ").map(Number);
    const dots = data.counts.map((_, at) => {
      const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
      dot.setAttribute("r", "5");
      dot.setAttribute("class", `chosen m${at + 1}`);
      svg.append(dot);
      return dot;
    });
    return { kind: svg.dataset.curve, dots, x: (v) => x0 + v * (x1 - x0), y: (v) => y0 + v * (y1 - y0) };
  });

  function move() {
    const at = Number(slider.value);
    const said = data.thresholds[at].toFixed(3);
    document.getElementById("threshold-said").textContent = said;
    slider.setAttribute("aria-valuetext", `threshold ${said}`);
    const spoken = data.counts.map((counts, model) => {
      const [tn, fp, fn, tp] = counts[at];
      const cells = document.querySelectorAll(`table[data-model="${model}"] td.n`);
      [tn, fp, fn, tp].forEach((count, cell) => { cells[cell].textContent = grouped(count); });
      const rates = `precision ${share(tp, tp + fp)} · recall ${share(tp, tp + fn)} · accuracy ${share(tn + tp, tn + fp + fn + tp)}`;
      document.querySelector(`[data-rates="${model}"]`).textContent = rates;
      for (const { kind, dots, x, y } of marks) {
        const across = kind === "roc" ? fp / (fp + tn) : tp / (tp + fn);
        const up = kind === "roc" ? tp / (tp + fn) : tp / (tp + fp);
        const known = Number.isFinite(across) && Number.isFinite(up);
        dots[model].setAttribute("visibility", known ? "visible" : "hidden");
        if (known) { dots[model].setAttribute("cx", x(across)); dots[model].setAttribute("cy", y(up)); }
      }
      return rates;
    });
    return spoken;
  }
  slider.addEventListener("input", move);
  // Every step of a drag spoken aloud would be noise.
  slider.addEventListener("change", () => { document.getElementById("threshold-status").textContent = move().join("; "); });
  move();
}

slices();
threshold();
