// What all views use. Text becomes text nodes and nothing else: nothing here makes markup of it.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

export function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// An answer that is none: what is to be done about it.
export class Unanswered extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

// What shows, beside the cookie, that this page asks. No other port is told it.
const KEY = "runmon-key";

export const key = {
  get: () => localStorage.getItem(KEY) ?? "",
  set: (value) => localStorage.setItem(KEY, value),
};

export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { "X-Runmon-Key": key.get(), ...options?.headers } });
  } catch {
    throw new Unanswered(0, "The daemon does not answer: does it still run?");
  }
  if (!answer.ok) throw new Unanswered(answer.status, (await answer.text()).trim());
  return answer;
}

export async function told(path) {
  return (await ask(path)).json();
}

// Columns are [title, kind, value of a row]; a value is text or a node. On a narrow screen a row is
// no row of cells any more: who listens is told all the same what it is.
export function table(caption, columns, rows, attributes) {
  const cell = ([title, kind, value], row) => {
    const told = value(row);
    const clipped = kind.startsWith("text") && kind !== "text free";
    const shown = clipped ? el("span", { class: "clip", dir: "ltr" }, told ?? "") : told ?? "";
    return el("td", { class: kind, role: "cell", "data-label": title }, shown);
  };
  const head = columns.map(([title, kind]) =>
    el("th", { scope: "col", role: "columnheader", class: kind === "number" ? kind : undefined }, title));
  const body = rows.map((row) =>
    el("tr", { role: "row", ...attributes?.(row) }, columns.map((column) => cell(column, row))));
  if (rows.length === 0) {
    body.push(el("tr", { role: "row" },
      el("td", { colspan: columns.length, class: "dim", role: "cell" }, "Nothing yet.")));
  }
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", { role: "table" }, el("caption", {}, caption),
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)),
      el("tbody", { role: "rowgroup" }, body)));
}

// Puts nodes in the place of others; who has the focus keeps it, and lists where they are.
export function put(root, nodes) {
  const key = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const scrolled = [...root.querySelectorAll(".scroll")].map((it) => [it.scrollLeft, it.scrollTop]);
  root.replaceChildren(...[nodes].flat().filter((it) => it));
  root.querySelectorAll(".scroll").forEach((it, at) => {
    [it.scrollLeft, it.scrollTop] = scrolled[at] ?? [0, 0];
  });
  if (key !== undefined) {
    [...root.querySelectorAll("[data-key]")].find((it) => it.dataset.key === key)?.focus();
  }
}

// Asks again and again while the view is there, until the work says that it is done; `p` halts it.
export function repeat(view, seconds, work) {
  let isDone = false;
  const turn = async () => {
    if (!view.isConnected || isDone) return;
    if (!document.hidden && !state.halted) await guarded(async () => { isDone = await work() === true; });
    setTimeout(turn, seconds * 1000);
  };
  // The view is put in place first.
  setTimeout(turn, 0);
}

export const state = { halted: false };

export function trouble(text) {
  const shown = document.getElementById("trouble");
  shown.hidden = !text;
  if (shown.textContent !== (text ?? "")) shown.textContent = text ?? "";
}

export async function guarded(work) {
  try {
    await work();
    trouble();
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    trouble(error.message);
  }
}

export function link(to, text) {
  return el("a", { href: to, "data-key": to, "data-row": true }, text);
}

export const to = (view, id) => `#/${view}/${encodeURIComponent(id)}`;

export const time = (text) => (text ?? "").replace("T", " ").slice(0, 23);

export function rate(number) {
  if (number === 0) return "-";
  return number < 10 ? number.toFixed(1) : number.toFixed(0);
}

export const list = (title, texts) => texts?.length > 0
  && [el("h2", {}, title), el("ul", {}, texts.map((text) => el("li", {}, text)))];

const GRAVE = ["emergency", "alert", "critical", "error"];

export function priority(text) {
  const name = (text ?? "").toLowerCase();
  const kind = GRAVE.includes(name) ? "bad" : name === "warning" ? "warn" : "dim";
  return el("span", { class: kind }, name);
}

// Where an alert is about; those about the monitor itself are about no container.
export function place(alert) {
  if (!alert.container) return el("span", { class: "dim" }, "runmon itself");
  return link(to("container", alert.container), alert.container_name || alert.container);
}

export function alerts(caption, rows) {
  return table(caption, [
    ["Time", "time", (it) => time(it.time)],
    ["Priority", "", (it) => priority(it.priority)],
    ["Rule", "", (it) => link(to("alert", it.id), it.rule)],
    ["Container", "", place],
    ["What happened", "text wide", (it) => it.output + (it.repeats > 0 ? ` ×${it.repeats}` : "")],
  ], rows);
}
