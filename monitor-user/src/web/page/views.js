// Overview, alerts, rules and status.

import { alerts, el, link, list, priority, put, rate, repeat, table, time, to, told } from "./kit.js";

export function search(label, changed) {
  const input = el("input", {
    type: "text", id: "search", "aria-label": label, placeholder: `${label}  ( / )`,
    spellcheck: "false", autocomplete: "off", oninput: () => changed(input.value.toLowerCase()),
  });
  return input;
}

const holds = (row, wanted) => JSON.stringify(row).toLowerCase().includes(wanted);

const chip = (text, kind) => el("span", { class: `chip ${kind ?? ""}` }, text);

export function since(it) {
  return it.since ? `Events since ${time(it.since)} UTC, when this page was opened.` : "";
}

export function overview(root) {
  const shown = el("div");
  let last;
  let wanted = "";
  const show = () => {
    if (!last) return;
    const rows = last.containers.filter((row) => holds([row.name, row.id, row.image], wanted));
    rows.sort((one, other) => other.alerts - one.alerts
      || other.execs + other.connects + other.writes - one.execs - one.connects - one.writes);
    put(shown, [
      el("p", { class: "bar", role: "status" },
        last.ready ? chip("ready", "good") : chip("not ready", "bad"),
        chip(`${last.containers.length} containers`),
        chip(`${last.alerts} alerts`, last.alerts > 0 ? "bad" : ""),
        chip(`${last.lost} records lost`, last.lost > 0 ? "bad" : ""),
        last.late > 0 && chip(`${last.late} came too fast for this page`, "warn"),
        (last.degraded ?? []).map((why) => chip(why.replaceAll("_", " "), "warn"))),
      last.trouble && el("p", { class: "error", role: "alert" }, last.trouble),
      (last.missing ?? []).map((what) => el("p", { class: "error" }, what)),
      table("Containers, and what they do a second", [
        ["Container", "text", (it) => link(to("container", it.id), it.name)],
        ["Exec/s", "number", (it) => rate(it.execs)],
        ["Connect/s", "number", (it) => rate(it.connects)],
        ["Write/s", "number", (it) => rate(it.writes)],
        ["Alerts", "number", (it) => it.alerts > 0 ? el("span", { class: "bad" }, it.alerts) : 0],
        ["Lost", "number", (it) => it.lost],
        ["Processes", "number", (it) => it.processes],
        ["Image", "text", (it) => it.image],
      ], rows),
      el("h2", {}, "Latest alerts"),
      alerts("The latest ten", last.latest),
    ]);
  };
  const input = search("Only containers that hold", (text) => { wanted = text; show(); });
  const about = el("p", { class: "about" });
  root.append(el("h1", {}, "Overview"), about, el("p", { class: "bar" }, input), shown);
  repeat(shown, 2, async () => {
    last = await told("/api/overview");
    about.textContent = since(last);
    show();
  });
}

export function alertList(root) {
  const shown = el("div");
  let rows = [];
  let wanted = "";
  const show = () => put(shown, alerts("Alerts since the daemon began, the latest first",
    rows.filter((row) => holds(row, wanted))));
  root.append(el("h1", {}, "Alerts"),
    el("p", { class: "bar" }, search("Only alerts that hold", (text) => { wanted = text; show(); })),
    shown);
  repeat(shown, 2, async () => { rows = await told("/api/alerts"); show(); });
}

export function rules(root) {
  const shown = el("div");
  let rows = [];
  let wanted = "";
  const state = (it) => it.off_until ? `off until ${time(it.off_until)}`
    : !it.enabled ? "off" : it.shadow ? "shadow" : "on";
  const show = () => {
    const chosen = rows.filter((row) => holds(row, wanted));
    chosen.sort((one, other) => other.alerts - one.alerts || other.matches - one.matches);
    put(shown, table(`${chosen.length} rules, those with most alerts first`, [
      ["Rule", "", (it) => el("details", {}, el("summary", { "data-key": it.id, "data-row": true }, it.name),
        el("p", {}, it.description), el("p", { class: "dim" }, `${it.id}, ${it.file}:${it.line}`),
        ...[list("What to look at", it.triage), list("What does this without harm", it.false_positives)]
          .flat(2).filter((node) => node))],
      ["Priority", "", (it) => priority(it.priority)],
      ["Matches", "number", (it) => it.matches],
      ["Excepted", "number", (it) => it.excepted],
      ["Alerts", "number", (it) => it.alerts],
      ["State", "", state],
      ["ATT&CK", "", (it) => it.techniques.join(", ")],
    ], chosen));
  };
  root.append(el("h1", {}, "Rules"),
    el("p", { class: "bar" }, search("Only rules that hold", (text) => { wanted = text; show(); })), shown);
  repeat(shown, 5, async () => {
    rows = await told("/api/rules");
    // What somebody reads is not to close.
    if (!shown.querySelector("details[open]")) show();
  });
}

const sum = (counts) => Object.values(counts ?? {}).reduce((one, other) => one + other, 0);

const fires = (value) => value === true ? el("span", { class: "good" }, "fires")
  : value === false ? el("span", { class: "bad" }, "silent") : "not tried";

export function status(root) {
  const shown = el("div");
  root.append(el("h1", {}, "Hooks and loss"), shown);
  repeat(shown, 2, async () => {
    const it = await told("/api/status");
    const kinds = Object.entries(it.kernel.kinds);
    put(shown, [
      el("p", { class: "bar", role: "status" },
        it.ready ? chip("ready", "good") : chip("not ready", "bad"),
        chip(`runmon ${it.version}`), chip(`up ${it.up_seconds} s`), chip(`${it.rules} rules`),
        chip(`${it.lost} records lost`, it.lost > 0 ? "bad" : ""),
        it.degraded.map((why) => chip(why.replaceAll("_", " "), "warn"))),
      it.missing.map((what) => el("p", { class: "error" }, what)),
      table("Hooks", [
        ["Kind", "", (hook) => hook.kind],
        ["By", "", (hook) => hook.backend ?? el("span", { class: "bad" }, "nothing")],
        ["Programs", "text free", (hook) => hook.programs.map((program) =>
          el("div", {}, program.attach, " ", fires(program.fires)))],
      ], it.hooks),
      el("h2", {}, "Records of the kernel"),
      table("By kind, since start", [
        ["Kind", "", ([kind]) => kind],
        ["Seen", "number", ([, its]) => its.attempted],
        ["Told", "number", ([, its]) => its.submitted],
        ["Left out by filters", "number", ([, its]) => its.filtered],
        ["Lost", "number", ([, its]) => sum(its.dropped) > 0
          ? el("span", { class: "bad" }, sum(its.dropped)) : 0],
      ], kinds),
      el("h2", {}, "Loss by container"),
      table("Those that lost most", [
        ["Container", "text", (loss) => loss.container],
        ["Lost", "number", (loss) => sum(loss.dropped)],
        ["Why", "text", (loss) => Object.entries(loss.dropped).filter(([, count]) => count > 0)
          .map(([why, count]) => `${why} ${count}`).join(", ")],
      ], it.kernel.losses),
      el("h2", {}, "Sinks"),
      table("Where alerts go", [
        ["Sink", "text", (sink) => sink.name], ["Delivered", "number", (sink) => sink.delivered],
        ["Waiting", "number", (sink) => sink.queued], ["Lost", "number", (sink) => sink.dropped],
        ["Trouble", "", (sink) => sink.trouble ?? ""],
      ], it.sinks),
    ].flat());
  });
}
