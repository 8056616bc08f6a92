// The processes of a container as a picture: a row for each, a bar from its begin to its end, and
// a line from who started it.

import { draw, el } from "./kit.js";

const [ROW, LEFT, TOP] = [20, 260, 26];

// Pixels that the time takes: as many as there is room for.
const width = () => Math.min(Math.max(document.documentElement.clientWidth - LEFT - 60, 360), 1300);

// Processes that are drawn; the oldest are left out.
const ROWS = 200;

const clip = (text, most) => text.length > most ? `${text.slice(0, most - 1)}…` : text;

// In the order of the tree: who started them stands above.
function ordered(lives) {
  const below = new Map();
  const last = new Map();
  lives.forEach((life, at) => {
    const parent = last.get(life.parent);
    const key = parent !== undefined && life.parent !== life.pid ? parent : -1;
    below.set(key, [...(below.get(key) ?? []), at]);
    last.set(life.pid, at);
  });
  const rows = [];
  const visit = (at, depth, parent) => {
    const row = rows.push({ ...lives[at], depth, parent }) - 1;
    for (const child of below.get(at) ?? []) visit(child, depth + 1, row);
  };
  for (const at of below.get(-1) ?? []) visit(at, 0, -1);
  return rows;
}

export function picture(it) {
  const rows = ordered(it.lives.slice(-ROWS));
  if (rows.length === 0) return el("p", { class: "dim" }, "No process was seen yet.");
  const wide = width();
  const first = Math.min(...rows.map((row) => row.first_ms));
  const now = Math.max(...rows.map((row) => row.ended_ms ?? row.last_ms), first + 1000);
  const x = (ms) => LEFT + (ms - first) / (now - first) * wide;
  const y = (at) => TOP + at * ROW;
  const seconds = (now - first) / 1000;
  const height = TOP + rows.length * ROW + 6;
  const axis = [0, 1, 2, 3, 4].map((part) => {
    const at = LEFT + part / 4 * wide;
    return [draw("line", { class: "axis", x1: at, x2: at, y1: TOP - 6, y2: height }),
      draw("text", { class: "tick", x: at, y: 14, "text-anchor": part === 4 ? "end" : "middle" },
        `${(part / 4 * seconds).toFixed(1)} s`)];
  });
  const bars = rows.map((row, at) => {
    const [from, until] = [x(row.first_ms), x(row.ended_ms ?? now)];
    const kind = row.ended_ms ? "ended" : row.begun ? "life" : "guess";
    const indent = 4 + Math.min(row.depth, 10) * 10;
    const state = row.ended_ms ? `ended after ${(row.ended_ms - row.first_ms) / 1000} s` : "not seen to end";
    return draw("g", { role: "listitem" },
      draw("title", {}, `${row.name} (${row.pid}), ${row.begun ? "begun" : "first seen"} at `
        + `${((row.first_ms - first) / 1000).toFixed(3)} s, ${state}, ${row.acts} acts: ${clip(row.command, 300)}`),
      row.parent >= 0 && draw("path", { class: "join",
        d: `M${from} ${y(row.parent) + ROW - 5}V${y(at) + ROW / 2}` }),
      draw("text", { x: indent, y: y(at) + 14, direction: "ltr" },
        clip(`${row.name} ${row.pid}`, Math.floor((LEFT - indent - 10) / 7.3))),
      draw("rect", { class: kind, x: from, y: y(at) + 4, width: Math.max(until - from, 3), height: ROW - 8, rx: 2 }));
  });
  const raised = it.alerts.map((alert) => Date.parse(alert.time)).filter((ms) => ms >= first && ms <= now)
    .map((ms) => draw("line", { class: "raised", x1: x(ms), x2: x(ms), y1: TOP - 6, y2: height },
      draw("title", {}, "an alert")));
  const about = `${rows.length} processes over ${seconds.toFixed(1)} s`
    + (it.lives.length > rows.length ? ` (${it.lives.length - rows.length} older ones left out)` : "");
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": about },
    el("p", { class: "about" }, `${about}. Grey: ended; hollow: its begin was not seen; red lines: alerts.`),
    draw("svg", { class: "tree", width: LEFT + wide + 10, height, role: "list", "aria-label": about },
      axis.flat(), raised, bars));
}
