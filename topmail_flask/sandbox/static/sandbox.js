"use strict";

const byId = (id) => document.getElementById(id);
const feed = byId("feed");
const filter = byId("filter"); // only on the pages with a feed, as most of what follows
const contact = document.body.dataset.contact;
let changeNumber = document.body.dataset.changeNumber;
let events = null;

/* Rows and other parts come rendered; one that is here is replaced, one that is new goes on top. */

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function replaceRow(old, fresh) {
  if (old.querySelector("details")?.open) unfold(fresh);
  const focused = old.contains(document.activeElement);
  const on = document.activeElement === old ? fresh : fresh.querySelector("a, button, summary");
  old.replaceWith(fresh);
  if (focused) on?.focus();
}

const numberOf = (row) => row.id.replace("call-", "");

/* What was sent and answered is on the call's own page: asked for when it is first opened. */

const unfolding = new WeakMap(); // once for each row, however fast the keys follow each other

async function unfold(row) {
  const details = row.querySelector("details");
  details.open = true;
  if (!details.querySelector(".tools")) {
    const done = () => unfolding.delete(details);
    if (!unfolding.has(details)) unfolding.set(details, fill(details, numberOf(row)).finally(done));
    await unfolding.get(details);
  }
  return row;
}

async function fill(details, number) {
  const page = await (await fetch(`/calls/${number}`)).text();
  const whole = new DOMParser().parseFromString(page, "text/html").querySelector("details");
  if (whole) details.replaceChildren(...whole.childNodes);
}

function place({ list, id, html }) {
  const old = byId(id);
  const fresh = element(html);
  if (!fresh) {
    old?.remove();
  } else if (old) {
    replaceRow(old, fresh);
  } else if (list !== "feed" || !document.body.dataset.before) {
    fresh.classList.add("new");
    byId(list).prepend(fresh);
    if (list !== "feed") return;
    byId("announcement").textContent = `${fresh.classList[1]}: ${fresh.querySelector("h3").textContent}`;
    count(1);
  }
}

const number = (id) => Number(byId(id).textContent.replaceAll(",", ""));
const write = (id, value) => (byId(id).textContent = value.toLocaleString("en"));

function count(more) {
  write("total", number("total") + more);
  write("shown", feed.children.length);
}

function showCounters(counters) {
  for (const [name, value] of Object.entries(counters)) {
    for (const shown of document.querySelectorAll(`[data-counter="${name}"]`)) {
      shown.textContent = value.toLocaleString("en");
      shown.closest("label")?.toggleAttribute("data-some", value > 0);
    }
  }
  if (!contact) document.title = counters.views ? `(${counters.views}) TopMail sandbox` : "TopMail sandbox";
}

/* What is asked for: the address of the page says it, so that it can be kept and sent to others. */

function wanted() {
  const given = new FormData(filter);
  const search = new URLSearchParams();
  if (given.get("q").trim()) search.set("q", given.get("q").trim());
  if (given.get("show") !== "all") search.set("show", given.get("show"));
  return search;
}

function forServer(search) {
  const asked = new URLSearchParams(search);
  if (contact) asked.set("contact", contact);
  return asked;
}

function settle() {
  const nothing = feed.children.length === 0;
  const filtered = wanted().size > 0 || contact;
  byId("welcome").hidden = !nothing || filtered;
  byId("nothing-found").hidden = !nothing || !filtered;
  byId("more").hidden = nothing;
  byId("no-contacts").hidden = byId("contacts").children.length > 0;
}

async function ask(more) {
  const search = wanted();
  const asked = forServer(search);
  if (more) asked.set("before", numberOf(feed.lastElementChild));
  const answer = await (await fetch(`/_sandbox/feed?${asked}`)).json();
  if (wanted().toString() !== search.toString()) return; // somebody typed on
  const rows = answer.rows.map(({ html }) => element(html));
  if (more) feed.append(...rows);
  else {
    const open = new Set([...feed.querySelectorAll("details[open]")].map((each) => each.closest("li").id));
    for (const row of rows) if (open.has(row.id)) unfold(row);
    feed.replaceChildren(...rows);
    delete document.body.dataset.before;
    history.replaceState(null, "", search.size ? `?${search}` : location.pathname);
    byId("export").href = `/_sandbox/export?${forServer(search)}`;
    changeNumber = answer.change_number;
    live();
  }
  write("total", answer.total);
  write("shown", feed.children.length);
  byId("older").hidden = answer.older === null;
  settle();
  if (more) rows[0]?.focus();
}

function live() {
  const link = byId("link");
  const say = (state, text) => {
    link.dataset.state = state;
    link.querySelector("b").textContent = text;
  };
  const asked = forServer(wanted());
  asked.set("since", changeNumber);
  events?.close();
  events = new EventSource(`/_sandbox/events?${asked}`);
  events.addEventListener("open", () => say("live", "live"));
  events.addEventListener("error", () => say("lost", "not connected"));
  events.addEventListener("reload", () => location.reload());
  events.addEventListener("update", (event) => {
    const { counters, fragments } = JSON.parse(event.data);
    fragments.forEach(place);
    showCounters(counters);
    settle();
  });
}

/* Steering: everything goes through the JSON endpoints. */

async function post(path, body) {
  const answer = await fetch(`/_sandbox/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const problem = byId("problem");
  const given = await answer.json();
  problem.hidden = answer.ok;
  if (!answer.ok) problem.textContent = given.error.message;
  return answer.ok ? given : null;
}

const faultsInForce = async () => (await fetch("/_sandbox/faults")).json();

function say(button, text) {
  const before = button.dataset.label ?? button.textContent;
  button.dataset.label = before;
  button.textContent = text;
  setTimeout(() => (button.textContent = before), 1800);
}

async function copy(button, text) {
  if (!navigator.clipboard) return false; // only on a page of this machine: elsewhere, Ctrl-C
  await navigator.clipboard.writeText(text);
  say(button, "Copied");
  return true;
}

async function resend(button) {
  const { resend: call, newKey } = button.dataset;
  const given = await post(`calls/${call}/resend`, { new_key: newKey === "true" });
  if (given) say(button, `Sent: ${given.status ?? "no response"}`);
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const { copy: id, create, step } = button.dataset;
  if (id) {
    const source = byId(id);
    if (source.hidden && !navigator.clipboard) source.hidden = false;
    if (!(await copy(button, source.textContent))) getSelection().selectAllChildren(source);
  } else if (create) {
    if (await post("contacts", { emails: [create] })) {
      button.textContent = "Created";
      button.disabled = true;
    }
  } else if (step) {
    const faults = await faultsInForce();
    faults.script.push(JSON.parse(step));
    await post("faults", faults);
  } else if (button.dataset.resend) {
    await resend(button);
  }
});

/* The keyboard. */

function move(by) {
  const rows = [...feed.children];
  const now = rows.indexOf(document.activeElement.closest(".entry"));
  const next = rows[Math.min(Math.max(now + by, 0), rows.length - 1)];
  next?.focus();
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  o: (row) => row?.querySelector("summary").click(),
  c: async (row) => row && (await unfold(row)).querySelector("[data-copy^=curl]")?.click(),
  r: async (row) => row && (await unfold(row)).querySelector("[data-resend]")?.click(),
  "/": () => filter?.elements.q.focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !feed) return;
  if (event.key === "Escape" && filter) {
    filter.elements.q.value = "";
    filter.elements.show.value = "all";
    ask();
  } else if (keys[event.key] && !event.target.matches("input, select, textarea")) {
    event.preventDefault();
    keys[event.key](document.activeElement.closest(".entry"));
  }
});

feed?.addEventListener("toggle", ({ target }) => target.open && unfold(target.closest("li")), true);

/* A picture that does not load leaves the product's initial. */
feed?.addEventListener("error", ({ target }) => target.matches("img") && target.remove(), true);

if (filter) {
  const form = byId("faults");
  const emptyFaultForm = () => {
    for (const name of ["latency_ms", "jitter_ms", "error_percent"]) form.elements[name].value = 0;
    form.elements.rate_limit.value = "";
    form.elements.outage.checked = false;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    const limit = given.get("rate_limit");
    await post("faults", {
      latency_ms: Number(given.get("latency_ms")),
      jitter_ms: Number(given.get("jitter_ms")),
      error_rate: Number(given.get("error_percent")) / 100,
      outage: given.has("outage"),
      rate_limit: limit === "" ? null : Number(limit),
      per: given.get("per"),
      script: (await faultsInForce()).script,
    });
  });
  byId("no-faults").addEventListener("click", () => {
    emptyFaultForm();
    post("faults", {});
  });
  byId("clear").addEventListener("click", () => {
    emptyFaultForm();
    post("reset", { keep_contacts: true });
  });
  byId("add-contact").addEventListener("submit", async (event) => {
    event.preventDefault();
    const email = event.target.elements.email;
    if (await post("contacts", { emails: [email.value.trim()] })) email.value = "";
  });
  let typing;
  filter.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(ask, 150);
  });
  filter.addEventListener("submit", (event) => event.preventDefault());
  byId("older").addEventListener("click", (event) => {
    event.preventDefault();
    ask(true);
  });
  settle();
  live();
}
