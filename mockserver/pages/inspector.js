"use strict";
// Everything that came in from elsewhere is written as text (`textContent`), never as markup.

const ROOT = "/_imageproof";
const EVERY_MS = 1000;
const LINES = 60;
const TASKS = 50;
const MANY = 40; // requests between two looks: the mock has more to do than to draw for this page
const MARKS = { valid: "conforms", refused: "should", drift: "must", fault: "must", left: "not-tested" };
const VERDICTS = { valid: "valid", refused: "refused", drift: "drift played", fault: "fault", left: "caller left" };
const STATES = { succeeded: "conforms", failed: "must", canceled: "not-tested", "needs-input": "should" };

const $ = (id) => document.getElementById(id);
const lines = new Map(); // request -> its element
let waiting = []; // pictures that are not looked at before it is calm
let seen = {};
let counted = 0;
let catalogue = {};
let paused = false;
let looking = Promise.resolve();
let asking = 0;

function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in made && !name.startsWith("aria")) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// --- asking ---------------------------------------------------------------------------------------

class Refused extends Error {
  constructor(status, error) {
    super(error ? `${error.message}\nexpected: ${error.expected}` : `the server answered ${status}`);
    this.status = status;
  }
}

async function call(path, method = "GET", body) {
  const headers = { Accept: "application/json" };
  const token = sessionStorage.getItem("imageproof-token");
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(ROOT + path, { method, headers, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) });
  const value = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, value && value.error);
  return value;
}

function alertOf(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

function live(state, text) {
  $("live").dataset.state = state;
  $("live").textContent = text;
}

// One look after the other; whoever asks for one gets one that begins after that.
function look() {
  asking += 1;
  looking = looking.then(lookOnce).finally(() => { asking -= 1; });
  return looking;
}

async function lookOnce() {
  if (paused || document.hidden) return;
  try {
    const state = await call("/state");
    $("token").hidden = true;
    served(state);
    const requests = `${state.holds.requests} ${state.holds.journal} ${state.last_request}`;
    if (requests !== seen.requests) await showRequests(state);
    const drifts = JSON.stringify(state.settings.drifts);
    if (drifts !== seen.drifts) await showDrifts(state);
    seen = { requests, drifts };
    if (Math.abs(state.holds.requests - counted) <= MANY) showPictures();
    counted = state.holds.requests;
    await showTasks(state);
    live("live", "live");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) {
      $("token").hidden = false;
      live("lost", "token needed");
    } else if (error instanceof Refused) {
      live("lost", `refused: ${error.message}`);
    } else {
      live("lost", "no answer: is it still running?");
    }
  }
}

function served(state) {
  const workers = state.workers > 1 ? `, ${state.workers} processes, seen together` : "";
  $("served").textContent = `profile ${state.profile}${workers}`;
  $("requests-count").textContent = state.holds.requests.toLocaleString("en");
  $("tasks-count").textContent = state.holds.tasks.toLocaleString("en");
}

// --- requests -------------------------------------------------------------------------------------

const nameOf = (entry) => `${entry.request_id} ${entry.at}`; // after a reset ids begin anew

async function showRequests(state) {
  const { entries } = await call(`/journal?limit=${LINES}`);
  const known = new Set(entries.map(nameOf));
  for (const [id, line] of lines) if (!known.has(id)) { line.remove(); lines.delete(id); }
  const fresh = entries.filter((entry) => !lines.has(nameOf(entry)));
  for (const entry of fresh) {
    const line = lineOf(entry);
    lines.set(nameOf(entry), line);
    $("lines").prepend(line);
  }
  filter();
  const older = state.holds.requests - entries.length;
  $("none").textContent = entries.length === 0
    ? `Nothing has been asked yet. Point a client at ${location.origin}/v1.`
    : `${older.toLocaleString("en")} older ones are not shown here; the journal and /verify know those that are kept.`;
  $("none").hidden = entries.length > 0 && older <= 0;
}

function lineOf(entry) {
  const body = el("div", { className: "whole", id: `whole-${entry.request_id}`, hidden: true });
  const open = el(
    "button",
    { className: "open", type: "button", "aria-expanded": "false", "aria-controls": body.id },
    el("span", { className: "when" }, new Date(entry.at * 1000).toLocaleTimeString("en-GB")),
    el(
      "span", { className: "came" },
      el("span", { className: "status" }, entry.status === 0 ? "–" : String(entry.status)),
      el("span", { className: `mark ${MARKS[entry.verdict]}` }, VERDICTS[entry.verdict]),
    ),
    what(entry),
    thumbs(entry),
  );
  open.addEventListener("click", () => toggle(open, body, entry));
  const line = el("li", { className: "line" }, open, body);
  line.dataset.verdict = entry.verdict;
  line.dataset.text = [entry.path, entry.operation, entry.problem, entry.fault, ...entry.drifts, ...Object.values(entry.asked)].join(" ").toLowerCase();
  return line;
}

function what(entry) {
  const asked = entry.asked;
  const count = asked.count > 1 ? `${asked.count} × ` : "";
  const told = [asked.model, asked.size && count + asked.size].filter(Boolean).join(" · ");
  const path = entry.path.split("?")[0];
  const why = entry.fault || (entry.problem && [entry.problem, entry.detail].filter(Boolean).join(": ")) || entry.drifts.join(", ");
  return el(
    "span", { className: "what" },
    el("code", {}, `${entry.method} ${path}`), told ? el("span", { className: "soft" }, ` ${told}`) : null,
    asked.prompt ? el("span", { className: "prompt", dir: "auto" }, String(asked.prompt)) : null,
    why ? el("span", { className: "why" }, why) : null,
  );
}

function thumbs(entry) {
  const more = entry.made - entry.pictures.length;
  const prompt = String(entry.asked.prompt || "no prompt");
  return el(
    "span", { className: "thumbs" },
    ...entry.pictures.map((picture) => pictureOf(picture, prompt)),
    more > 0 ? el("span", { className: "more" }, `+${more}`) : null,
  );
}

function showPictures() {
  for (const [image, source] of waiting) if (image.isConnected) image.src = source;
  waiting = [];
}

function pictureOf(picture, prompt) {
  const made = el("img", { alt: `picture of: ${prompt.slice(0, 80)}`, loading: "lazy", decoding: "async" });
  waiting.push([made, picture.thumbnail]);
  made.addEventListener("error", () => made.replaceWith(el("span", { className: "soft" }, "not shown")), { once: true });
  return made;
}

async function toggle(open, body, entry) {
  const show = body.hidden;
  open.setAttribute("aria-expanded", String(show));
  body.hidden = !show;
  if (!show || body.childElementCount) return;
  try {
    body.append(...whole(await call(`/journal/${encodeURIComponent(entry.request_id)}`)));
    showPictures();
  } catch (error) {
    body.append(el("p", { className: "note" }, error.message));
  }
}

function whole(entry) {
  const facts = [
    ["request", `${entry.method} ${entry.path}`],
    ["id", entry.request_id],
    ["operation", entry.operation || "none: no such path or method"],
    ["took", `${(entry.seconds * 1000).toFixed(1)} ms`],
    ["problem", entry.problem],
    ["detail", entry.detail],
    ["drifts", entry.drifts.join(", ")],
    ["fault", entry.fault],
  ].filter(([, value]) => value);
  const prompt = String(entry.asked.prompt || "no prompt");
  const parts = [el("dl", { className: "facts" }, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))];
  if (entry.pictures.length) {
    parts.push(el("ul", { className: "thumbs" }, ...entry.pictures.map((picture) => el(
      "li", {},
      el("a", { href: picture.link, target: "_blank", rel: "noopener" }, pictureOf(picture, prompt)),
      picture.width ? `${picture.width}x${picture.height} ${picture.format}` : "as delivered",
    ))));
  }
  if (entry.body) parts.push(el("h3", {}, `Body, ${entry.media || "of no type"}, ${entry.size.toLocaleString("en")} bytes`), el("pre", {}, el("code", {}, pretty(entry.body))));
  const { head, body, cut } = entry.answer;
  const more = cut ? ", its beginning" : "";
  if (head) parts.push(el("h3", {}, `Answer${more}`), el("pre", { className: "answer" }, el("code", {}, `${head}\n\n${pretty(body)}${cut ? "…" : ""}`)));
  const copy = el("button", { type: "button", className: "copy" }, "Copy");
  copy.addEventListener("click", () => copyText(entry.curl, copy));
  parts.push(el("div", { className: "again" }, el("h3", {}, "As curl"), copy), el("pre", { className: "curl" }, el("code", {}, entry.curl)));
  return parts;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // only a page of this machine or one over TLS may do that
    const area = el("textarea", { value: text, className: "unseen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = "Copied";
  $("said").textContent = "Copied the command";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function filter() {
  const verdict = $("verdict").value;
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const line of lines.values()) {
    line.hidden = (verdict && line.dataset.verdict !== verdict) || !words.every((word) => line.dataset.text.includes(word));
  }
}

// --- tasks ----------------------------------------------------------------------------------------

async function showTasks(state) {
  const { tasks } = state.holds.tasks > 0 ? await call(`/tasks?limit=${TASKS}`) : { tasks: [] };
  $("no-tasks").hidden = tasks.length > 0;
  $("task-list").replaceChildren(...tasks.reverse().map((task) => el(
    "li", {},
    el(
      "div", { className: "row" },
      el("span", { className: `mark ${STATES[task.state] || ""}` }, task.state),
      el("code", {}, task.id),
      el("span", { className: "number" }, `${task.polls} ${task.polls === 1 ? "poll" : "polls"}`),
    ),
    el("progress", { max: 100, value: task.progress, "aria-label": `progress of ${task.id}` }),
    el("span", { className: "prompt soft", dir: "auto" }, task.prompt),
    task.reason ? el("span", { className: "why" }, task.reason) : null,
  )));
}

// --- drifts ---------------------------------------------------------------------------------------

async function showDrifts(state) {
  catalogue = await call("/drifts");
  const on = Object.keys(catalogue).filter((id) => catalogue[id].on);
  const several = state.workers > 1;
  $("drift-note").hidden = !several;
  $("drift-note").textContent = several ? "Several processes serve here, so drifts are set at the start only: imageproof serve --drift ID." : "";
  $("drifts-count").textContent = `${on.length} of ${Object.keys(catalogue).length} on`;
  const kinds = new Map();
  for (const [id, drift] of Object.entries(catalogue)) {
    if (!kinds.has(drift.class)) kinds.set(drift.class, []);
    if (!drift.on) kinds.get(drift.class).push(id);
  }
  const opened = new Set([...document.querySelectorAll(".drift-list details[open]")].map((part) => part.dataset.kind));
  const focused = document.activeElement && document.activeElement.dataset.drift;
  $("drift-list").replaceChildren(
    on.length ? el("div", { className: "on-now" }, ...on.map((id) => driftOf(id, several))) : "",
    ...[...kinds].map(([kind, ids]) => {
      const part = el("details", { open: opened.has(kind) }, el("summary", {}, kind, el("span", { className: "number" }, String(ids.length))), ...ids.map((id) => driftOf(id, several)));
      part.dataset.kind = kind;
      return part;
    }),
  );
  filterDrifts();
  if (focused) document.querySelector(`[data-drift="${CSS.escape(focused)}"]`)?.focus();
}

function driftOf(id, disabled) {
  const drift = catalogue[id];
  const box = el("input", { type: "checkbox", checked: drift.on, disabled, id: `drift-${id}` });
  box.dataset.drift = id;
  box.addEventListener("change", () => change(id, box.checked ? { ...drift.with } : null));
  const row = el(
    "div", { className: "drift" }, box,
    el("label", { htmlFor: box.id, title: `${drift.contract} → ${drift.observed}` }, drift.title, el("span", { className: "id" }, id)),
  );
  row.dataset.text = `${id} ${drift.title} ${drift.class} ${drift.clause}`.toLowerCase();
  if (drift.on && Object.keys(drift.with).length) {
    row.append(el("div", { className: "with" }, ...Object.entries(drift.with).flatMap(([name, value]) => {
      const field = el("input", { type: "search", value, disabled, id: `drift-${id}-${name}` });
      field.addEventListener("change", () => change(id, { ...drift.with, [name]: field.value }));
      return [el("label", { htmlFor: field.id }, name), field];
    })));
  }
  return row;
}

async function change(id, told) {
  const others = Object.keys(catalogue).filter((other) => catalogue[other].on && other !== id);
  const rivals = told ? others.filter((other) => catalogue[other].switch === catalogue[id].switch) : [];
  const drifts = others.filter((other) => !rivals.includes(other)).map((other) => ({ id: other, with: catalogue[other].with }));
  try {
    await call("/settings", "PATCH", { drifts: told ? [...drifts, { id, with: told }] : drifts });
    const instead = rivals.length ? `, instead of ${rivals.join(", ")}` : "";
    $("said").textContent = `${id} is ${told ? `on${instead}` : "off"}`;
    alertOf("");
  } catch (error) {
    alertOf(error.message);
  }
  seen = {};
  await look();
}

function filterDrifts() {
  const words = $("drift-search").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll(".drift")) row.hidden = !words.every((word) => row.dataset.text.includes(word));
  for (const part of document.querySelectorAll(".drift-list details")) {
    const some = part.querySelector(".drift:not([hidden])") !== null;
    part.hidden = !some;
    if (words.length && some) part.open = true;
  }
}

for (const button of document.querySelectorAll(".choose button")) {
  button.addEventListener("click", () => {
    document.querySelector(".rooms").dataset.room = button.dataset.room;
    for (const other of document.querySelectorAll(".choose button")) other.setAttribute("aria-pressed", String(other === button));
  });
}

// --- steering -------------------------------------------------------------------------------------

$("verdict").addEventListener("change", filter);
$("search").addEventListener("input", filter);
$("drift-search").addEventListener("input", filterDrifts);
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  live(paused ? "waiting" : "live", paused ? "paused" : "live");
  look();
});
$("reset").addEventListener("click", async () => {
  if (!confirm("As it was when it started: settings, clock, tasks and the journal?")) return;
  try {
    await call("/reset", "POST");
    alertOf("");
  } catch (error) {
    alertOf(error.message);
  }
  seen = {};
  await look();
});
$("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("imageproof-token", $("token-text").value);
  $("token-text").value = "";
  look();
});
function takeToken() { // as the link printed at the start has it: behind #, which no server gets to see
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  sessionStorage.setItem("imageproof-token", given);
  history.replaceState(null, "", location.pathname);
  look();
}

window.addEventListener("hashchange", takeToken);
takeToken();
document.addEventListener("visibilitychange", look);
look();
setInterval(() => asking || look(), EVERY_MS);
