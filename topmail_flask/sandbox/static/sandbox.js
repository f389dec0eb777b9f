"use strict";

const byId = (id) => document.getElementById(id);
const feed = byId("feed");
const lists = { feed, contacts: byId("contacts"), orders: byId("orders") };
const filter = byId("filter");
const MOST_ROWS = 200;

/* Live: fragments come rendered; one that is here is replaced, one that is new goes on top. */

function place({ list, id, html }) {
  const old = byId(id);
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  if (!fresh) {
    old?.remove();
    return;
  }
  if (old) {
    const open = old.querySelector("details")?.open;
    if (open) fresh.querySelector("details").open = true;
    const focused = old.contains(document.activeElement);
    old.replaceWith(fresh);
    if (focused) fresh.querySelector("a, button, summary")?.focus();
  } else {
    fresh.classList.add("new");
    lists[list].prepend(fresh);
    if (list === "feed") byId("announcement").textContent = fresh.dataset.announce;
  }
}

function showCounters(counters) {
  for (const [name, value] of Object.entries(counters)) {
    for (const shown of document.querySelectorAll(`[data-counter="${name}"]`)) {
      shown.textContent = value.toLocaleString("en");
      shown.parentElement.toggleAttribute("data-some", value > 0);
    }
  }
  document.title = counters.views ? `(${counters.views}) TopMail sandbox` : "TopMail sandbox";
}

function settle() {
  while (feed.children.length > MOST_ROWS) feed.lastElementChild.remove();
  const wanted = new FormData(filter);
  const words = wanted.get("q").trim().toLowerCase();
  const show = wanted.get("show");
  let shown = 0;
  for (const row of feed.children) {
    const fits = (show === "all" || row.dataset.kind.split(" ").includes(show)) && row.dataset.search.includes(words);
    row.hidden = !fits;
    shown += fits;
  }
  const filtered = words !== "" || show !== "all";
  byId("welcome").hidden = feed.children.length > 0 || filtered;
  byId("nothing-found").hidden = shown > 0 || !filtered;
  byId("no-contacts").hidden = lists.contacts.children.length > 0;
}

function live() {
  const link = byId("link");
  const say = (state, text) => {
    link.dataset.state = state;
    link.querySelector("b").textContent = text;
  };
  const events = new EventSource(`/_sandbox/events?since=${document.body.dataset.changeNumber}`);
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
  problem.hidden = answer.ok;
  if (!answer.ok) problem.textContent = (await answer.json()).error.message;
  return answer.ok;
}

async function orderInForce() {
  return (await fetch("/_sandbox/faults")).json();
}

byId("faults").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const limit = form.get("rate_limit");
  await post("faults", {
    latency_ms: Number(form.get("latency_ms")),
    jitter_ms: Number(form.get("jitter_ms")),
    error_rate: Number(form.get("error_percent")) / 100,
    outage: form.has("outage"),
    rate_limit: limit === "" ? null : Number(limit),
    per: form.get("per"),
    script: (await orderInForce()).script,
  });
});

function emptyFaultForm() {
  const form = byId("faults");
  for (const name of ["latency_ms", "jitter_ms", "error_percent"]) form.elements[name].value = 0;
  form.elements.rate_limit.value = "";
  form.elements.outage.checked = false;
}

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

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const { copy, create, step, filter: words } = button.dataset;
  if (copy) {
    getSelection().selectAllChildren(byId(copy));
    if (!navigator.clipboard) return; // only on a page of this machine: elsewhere, Ctrl-C
    await navigator.clipboard.writeText(byId(copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  } else if (create) {
    if (await post("contacts", { emails: [create] })) {
      button.textContent = "Created";
      button.disabled = true;
    }
  } else if (step) {
    const order = await orderInForce();
    order.script.push(JSON.parse(step));
    await post("faults", order);
  } else if (words) {
    filter.elements.q.value = filter.elements.q.value === words ? "" : words;
    settle();
  }
});

filter.addEventListener("input", settle);
filter.addEventListener("submit", (event) => event.preventDefault());

/* A picture that does not load leaves the product's initial. */
feed.addEventListener("error", ({ target }) => target.matches("img") && target.remove(), true);

settle();
if ("EventSource" in window) live();
else setInterval(() => location.reload(), 5000);
