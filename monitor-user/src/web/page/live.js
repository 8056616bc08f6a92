// What happens, line after line.

import { ask, el, guarded, state, trouble, Unanswered } from "./kit.js";

// Rows that are kept; the oldest go.
const ROWS = 500;

let stream;

export function stop() {
  stream?.abort();
  stream = undefined;
}

export function live(root) {
  const input = el("input", {
    type: "text", id: "search", spellcheck: "false", autocomplete: "off",
    placeholder: "evt.type = execve and container.id != host",
  });
  const onlyAlerts = el("input", { type: "checkbox", id: "only-alerts" });
  const error = el("p", { class: "error", role: "alert", id: "filter-error" });
  const count = el("span", { class: "dim", role: "status" });
  const log = el("ol", { class: "log", tabindex: "0", role: "log", "aria-label": "Events", "aria-live": "off" });
  let shown = 0;
  let held = [];
  const tell = () => {
    count.textContent = `${shown} shown${held.length > 0 ? `, ${held.length} held back` : ""}`;
  };
  const flush = () => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(...held);
    shown += held.length;
    held = [];
    while (log.childElementCount > ROWS) log.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
    tell();
  };
  const add = (text, kind) => {
    held.push(el("li", { class: kind, dir: "ltr" }, text));
    if (held.length > ROWS) held.splice(0, held.length - ROWS);
  };
  const take = (kind, data) => {
    if (kind === "line") add(JSON.parse(data));
    if (kind === "lost") add(`${JSON.parse(data)} came faster than they were shown`, "lost");
    if (kind === "begin") {
      const { unseen } = JSON.parse(data);
      if (unseen.length > 0) add(`No hook sees ${unseen.join(", ")} on this kernel.`, "lost");
    }
  };
  const begin = async () => {
    stop();
    const own = stream = new AbortController();
    error.textContent = "";
    input.removeAttribute("aria-invalid");
    const query = new URLSearchParams({ filter: input.value, alerts: onlyAlerts.checked ? "1" : "" });
    try {
      const answer = await ask(`/api/stream?${query}`, { signal: own.signal });
      await read(answer.body.getReader(), take, () => { if (!state.halted) flush(); else tell(); });
      if (!own.signal.aborted) add("The stream ended.", "lost");
    } catch (failed) {
      if (own.signal.aborted) return;
      if (failed instanceof Unanswered && failed.status === 400) {
        error.textContent = failed.message;
        input.setAttribute("aria-invalid", "true");
        return;
      }
      if (failed instanceof Unanswered) throw failed;
      trouble("The stream was cut: does the daemon still run?");
    }
  };
  const halt = el("button", { type: "button", id: "halt", "aria-pressed": String(state.halted) }, "Halt (p)");
  halt.addEventListener("click", () => document.dispatchEvent(new Event("runmon-halt")));
  root.append(el("h1", {}, "Live"),
    el("form", { class: "bar", onsubmit: (event) => { event.preventDefault(); guarded(begin); } },
      el("label", { for: "search" }, "Filter"), input,
      el("label", { for: "only-alerts" }, onlyAlerts, " alerts only"),
      el("button", { id: "show" }, "Show"), halt,
      el("button", { type: "button", onclick: () => { log.replaceChildren(); } }, "Clear")),
    error, el("p", { class: "bar" }, count), log);
  input.setAttribute("aria-describedby", "filter-error");
  const changed = () => {
    if (!log.isConnected) return document.removeEventListener("runmon-halted", changed);
    halt.setAttribute("aria-pressed", String(state.halted));
    halt.textContent = state.halted ? "Go on (p)" : "Halt (p)";
    if (!state.halted) flush();
  };
  document.addEventListener("runmon-halted", changed);
  guarded(begin);
}

// Reads server-sent events.
async function read(reader, take, rest) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const field = (name) => part.split("\n").find((line) => line.startsWith(`${name}: `))
        ?.slice(name.length + 2);
      if (field("event")) take(field("event"), field("data"));
    }
    rest();
  }
}
