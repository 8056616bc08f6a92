// Which view is shown, and what the keys do.

import { container } from "./container.js";
import { ask, guarded, key as session, state } from "./kit.js";
import { live, stop } from "./live.js";
import { alert } from "./story.js";
import { alertList, overview, rules, status } from "./views.js";

const VIEWS = { overview, live, alerts: alertList, rules, status, container, alert };
const NUMBERED = ["overview", "live", "alerts", "rules", "status"];

// Where views are found that are not in the list of them.
const BELOW = { container: "overview", alert: "alerts" };

const main = document.getElementById("main");
const help = document.getElementById("help");

// The token is changed for a cookie and a key, and leaves the address: it is not to be in the
// history. A view may stand behind it.
async function enter() {
  const [, token, view] = /^#token=([0-9a-f]+)(\/.+)?$/.exec(location.hash) ?? [];
  if (!token) return;
  history.replaceState(null, "", `/#${view ?? "/overview"}`);
  const answer = await ask("/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  session.set((await answer.json()).key);
}

function show() {
  const [, name, id] = location.hash.split("/");
  if (location.hash === "#main") return main.focus();
  stop();
  const view = Object.hasOwn(VIEWS, name ?? "") ? name : "overview";
  for (const item of document.querySelectorAll("nav a")) {
    if (item.dataset.view === (BELOW[view] ?? view)) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  }
  document.title = `${view} – runmon`;
  main.replaceChildren();
  // Each view has a place of its own: what a view that is gone still gets is not shown.
  const root = document.createElement("div");
  main.append(root);
  main.focus({ preventScroll: true });
  let wanted = id ?? "";
  try { wanted = decodeURIComponent(wanted); } catch { /* It is taken as it is. */ }
  guarded(async () => VIEWS[view](root, wanted));
}

function halt() {
  state.halted = !state.halted;
  document.title = state.halted ? "halted – runmon" : "runmon";
  document.dispatchEvent(new Event("runmon-halted"));
}

function step(by) {
  const rows = [...main.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by;
  rows[Math.max(0, Math.min(next, rows.length - 1))]?.focus();
}

function key(event) {
  const typing = event.target instanceof HTMLInputElement && event.target.type === "text";
  if (event.ctrlKey || event.altKey || event.metaKey || help.open) return;
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const number = NUMBERED[Number(event.key) - 1];
  const acts = {
    j: () => step(1), k: () => step(-1), p: halt, "?": () => help.showModal(),
    "/": () => document.getElementById("search")?.focus(), Backspace: () => history.back(),
  };
  const act = number ? () => { location.hash = `#/${number}`; } : acts[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
}

document.addEventListener("keydown", key);
document.addEventListener("runmon-halt", halt);
document.getElementById("keys").addEventListener("click", () => help.showModal());
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", async () => {
  await guarded(enter);
  show();
});
await guarded(enter);
show();
