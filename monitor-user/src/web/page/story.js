// One alert: what it is, what was done before and after, from whom it came, what its rules saw.

import { el, list, place, priority, put, repeat, table, time, told } from "./kit.js";

// Alerts that are younger are asked for again: what comes after them is still on its way.
const YOUNG_MS = 60_000;

const code = (text, kind) => el("code", { class: kind, dir: "ltr" }, text);

const leads = (reference) => reference.url
  ? el("a", { href: reference.url, rel: "noreferrer noopener", target: "_blank" }, reference.id)
  : reference.id;

function facts(it) {
  const fact = (name, value) => value && [el("dt", {}, name), el("dd", {}, value)];
  const repeats = it.repeats > 0 && `${it.repeats} times more${it.last ? `, last at ${time(it.last)} UTC` : ""}`;
  return el("dl", { class: "facts" },
    fact("Time", `${time(it.time)} UTC`), fact("Priority", priority(it.priority)),
    fact("Container", place(it)), fact("Image", it.image), fact("Pod", it.pod), fact("Node", it.node),
    fact("Did", it.did && el("span", { class: "clip" }, it.did)),
    fact("Outcome", it.failed !== null && el("span", { class: "bad" }, `failed, ${it.failed}`)),
    fact("User", it.user), fact("Repeats", repeats),
    fact("Rule", `${it.rule_id}: ${it.description}`),
    fact("ATT&CK", it.attack.length > 0 && el("ul", { class: "inline" },
      it.attack.map((one) => el("li", {}, leads(one), one.name && ` ${one.name}`)))));
}

const offset = (us) => `${us > 0 ? "+" : us < 0 ? "−" : ""}${(Math.abs(us) / 1_000_000).toFixed(3)} s`;

function said(row) {
  const alert = row.alert && el("a", { href: `#/alert/${encodeURIComponent(row.alert)}`, "data-key": row.alert, "data-row": true }, row.said);
  const text = row.is_this ? el("strong", {}, row.said) : alert ? [el("span", { class: "bad" }, "alert "), alert] : row.said;
  return [text, row.failed && el("span", { class: "bad" }, ` ${row.failed}`),
    !row.is_tree && el("span", { class: "dim" }, " (elsewhere in the container)")];
}

function timeline(it) {
  const own = it.processes.at(-1) ?? {};
  const rows = [...it.timeline];
  const at = rows.findIndex((row) => row.offset_us >= 0);
  const kind = it.document.event?.action;
  rows.splice(at < 0 ? rows.length : at, 0, {
    offset_us: 0, name: own.name ?? "", pid: own.pid ?? "", what: kind ?? "alert", said: `This alert: ${it.did || it.output}`,
    is_tree: true, is_own: true, is_this: true,
  });
  const shown = table("Timeline", [
    ["Offset", "number", (row) => offset(row.offset_us)],
    ["Process", "text", (row) => row.pid && `${row.name} (${row.pid})`],
    ["What", "", (row) => row.what],
    ["Of what", "text wide", (row) => said(row)],
  ], rows, (row) => ({ class: row.is_this ? "raised" : row.is_own ? "own" : undefined }));
  shown.classList.add("timeline");
  return shown;
}

// Who started whom: the last one did it.
function chain(processes) {
  const line = (process, at) => {
    const path = process.executable && !process.command.startsWith(process.executable) && `${process.executable}: `;
    return [el("strong", {}, process.name), ` (${process.pid}) `, code([path, process.command].filter((it) => it).join("")),
      at === processes.length - 1 && el("span", { class: "bad" }, " ← did it")];
  };
  const below = processes.reduceRight((inner, process, at) =>
    el("ul", { class: "chain" }, el("li", {}, el("span", { class: "clip" }, line(process, at)), inner)), null);
  return below ?? el("p", { class: "dim" }, "Not known.");
}

const MARKS = { true: ["yes", "good"], false: ["no", "dim"] };

const count = (part) => part.check !== undefined ? 1
  : [...(part.all ?? []), ...(part.one ?? []), part.not, part.is].filter((it) => it)
    .reduce((sum, inner) => sum + count(inner), 0);

// A check with what it saw, or what several come to. What does not hold is folded.
function check(part) {
  const [word, kind] = MARKS[part.truth] ?? ["?", "warn"];
  const mark = el("span", { class: `mark ${kind}` }, word);
  if (part.check !== undefined) {
    const values = part.values ?? [];
    const saw = values.length > 0 ? values.flatMap((value, at) => [at > 0 && ", ", code(value, "saw")]) : "nothing there";
    return el("li", {}, mark, code(part.check), el("span", { class: "dim" }, " saw "), saw);
  }
  const inner = part.all ?? part.one ?? [part.not ?? part.is].filter((it) => it);
  const title = part.all ? "all of" : part.one ? "one of" : part.not ? "not" : part.macro ? `macro ${part.macro}` : "…";
  if (inner.length === 0) return el("li", {}, mark, title);
  const below = el("ul", { class: "checks" }, inner.map(check));
  if (part.truth === "false" && !part.not) {
    return el("li", {}, el("details", {}, el("summary", {}, mark, title, el("span", { class: "dim" }, ` (${count(part)} checks)`)), below));
  }
  return el("li", {}, mark, title, below);
}

function checks(it) {
  const seen = it.checks.filter((rule) => rule.condition || rule.alerts_on);
  if (seen.length === 0) return el("p", { class: "dim" }, "What it saw is not kept.");
  return seen.map((rule) => el("div", {},
    it.checks.length > 1 && el("h3", {}, rule.rule),
    rule.condition && el("ul", { class: "checks" }, check(rule.condition)),
    rule.alerts_on && el("p", {}, rule.alerts_on)));
}

function commands(it) {
  return el("pre", {}, [`runmon alerts show ${it.short_id}`,
    `runmon alerts except ${it.short_id} --owner WHO --reason WHY --expires 90d`,
    `runmon rules disable ${it.rule_id} --for 1h`].join("\n"));
}

function page(it) {
  const about = it.is_kept
    ? "What its process tree did, as the flight recorder kept it; marked: the process itself."
    : `Only what this page keeps is shown: ${it.note}. Acts in the same container, half a minute before and after. `
      + (it.since ? `Events are watched since ${time(it.since)} UTC.` : "");
  return [
    el("h1", {}, it.rule), el("p", { class: "clip said" }, it.output), facts(it),
    el("h2", {}, "Before and after"), el("p", { class: "about" }, about), timeline(it),
    it.is_cut && el("p", { class: "about" }, "There is more than is shown."),
    el("h2", {}, "Processes"), chain(it.processes),
    el("h2", {}, "What its rule saw"), checks(it),
    list("What to look at", it.triage), list("What does this without harm", it.false_positives),
    list("Read more", it.references.map(leads)),
    it.rule_id && [el("h2", {}, "How to go on"), commands(it)],
    el("details", {}, el("summary", { "data-key": "document" }, "The whole document"),
      el("pre", { tabindex: "0" }, JSON.stringify(it.document, null, 2))),
  ].flat(2).filter((node) => node);
}

export function alert(root, id) {
  const shown = el("div");
  root.append(shown);
  let last = "";
  let centred = 0;
  repeat(shown, 5, async () => {
    const it = await told(`/api/alert?id=${encodeURIComponent(id)}`);
    const text = JSON.stringify([it.timeline, it.is_kept, it.repeats, it.rule]);
    // What somebody reads is not to move.
    if (text !== last && !shown.querySelector("details[open]")) {
      const scrolled = shown.querySelector(".timeline")?.scrollTop ?? centred;
      last = text;
      put(shown, page(it));
      const scroll = shown.querySelector(".timeline");
      // Where nobody has looked elsewhere yet, the alert itself is in the middle.
      if (Math.abs(scrolled - centred) < 2) {
        scroll.scrollTop = shown.querySelector("tr.raised").offsetTop - scroll.clientHeight / 2;
        centred = scroll.scrollTop;
      }
    }
    return Date.now() - Date.parse(it.time) > YOUNG_MS;
  });
}
