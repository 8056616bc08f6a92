// One container: its processes, what it contacted and wrote, its alerts.

import { alerts, el, put, repeat, table, to, told } from "./kit.js";
import { picture } from "./tree.js";
import { since } from "./views.js";

const TABS = [
  ["Processes", (it) => it.processes, (it) => table("Process tree", [
    ["PID", "number", (row) => row.pid],
    ["Acts", "number", (row) => row.acts],
    ["Program", "text name", (row) => "\u00a0\u00a0".repeat(Math.min(row.depth, 12)) + row.name],
    ["Command", "text", (row) => row.command],
    ["", "", (row) => row.ended ? "ended" : ""],
  ], it.processes)],
  ["Over time", (it) => it.lives, picture],
  ["Connections", (it) => it.contacts, (it) => objects("Contacts, the latest first", "Address", it.contacts)],
  ["Files", (it) => it.files, (it) => objects("Files opened for writing, the latest first", "File", it.files)],
  ["Alerts", (it) => it.alerts, (it) => alerts("Alerts, the latest first", it.alerts)],
];

function objects(caption, what, rows) {
  return table(caption, [
    [what, "text", (row) => row.name],
    ["Times", "number", (row) => row.count],
    ["Failed", "number", (row) => row.failed],
    ["Last by", "text", (row) => `${row.by} (${row.pid})`],
  ], rows);
}

export function container(root, id) {
  const [title, about] = [el("h1", {}, id), el("p", { class: "about" })];
  const panel = el("div", { role: "tabpanel", id: "panel", "aria-labelledby": "tab-0" });
  let chosen = 0;
  let last;
  const tabs = TABS.map(([name], at) => el("button", {
    type: "button", role: "tab", id: `tab-${at}`, "aria-controls": "panel",
    onclick: () => choose(at),
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) choose((at + step + TABS.length) % TABS.length, true);
    },
  }, name));
  const show = () => {
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === chosen));
      tab.tabIndex = at === chosen ? 0 : -1;
      if (last) tab.textContent = `${TABS[at][0]} ${TABS[at][1](last).length}`;
    });
    panel.setAttribute("aria-labelledby", `tab-${chosen}`);
    if (last) put(panel, TABS[chosen][2](last));
  };
  const choose = (at, focus) => {
    chosen = at;
    show();
    if (focus) tabs[at].focus();
  };
  root.append(title, about, el("div", { class: "tabs", role: "tablist", "aria-label": "Of this container" }, tabs),
    panel);
  show();
  repeat(panel, 2, async () => {
    last = await told(`/api/container?id=${encodeURIComponent(id)}`);
    title.textContent = last.name;
    about.textContent = [last.id, last.pod, last.image, since(last),
      last.forgotten > 0 && `${last.forgotten} older entries made way.`].filter((it) => it).join("  ·  ");
    show();
  });
}
