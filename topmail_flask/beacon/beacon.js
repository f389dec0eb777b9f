// Tells the shop that its visitor really sees this product page. Sets and reads no cookie.
(() => {
  const script = document.currentScript;
  const { topmailToken: token, topmailVariants: list } = script.dataset;
  const tokens = new Map(Object.entries(JSON.parse(list || "{}")));
  const address = script.src.replace(/\.js(\?.*)?$/, "");
  const visit = performance.getEntriesByType("navigation")[0] || {};
  let due = null;
  let chosen = "";
  const tell = () => {
    if (!due || !script.isConnected || document.prerendering || document.hidden) return;
    const age = Math.max(0, Math.round(Date.now() - due.since));
    navigator.sendBeacon(address, `${due.kind} ${age} ${token} ${chosen}`);
    due = null;
  };
  const look = (kind, since) => {
    due = { kind, since };
    tell();
  };
  const choose = (name) => {
    const variant = tokens.get(String(name));
    if (!variant || variant === chosen) return;
    chosen = variant;
    look("variant", Date.now());
  };
  const copied = !visit.workerStart && (visit.deliveryType || (visit.responseEnd && visit.transferSize === 0));
  document.addEventListener("visibilitychange", tell);
  document.addEventListener("prerenderingchange", tell);
  document.addEventListener("topmail:variant", (event) => choose(event.detail));
  document.addEventListener("change", ({ target }) => target.closest("[data-topmail-choice]") && choose(target.value));
  addEventListener("pageshow", (event) => event.persisted && look("back", Date.now()));
  if (document.readyState === "complete") look("swap", Date.now());
  else if (document.prerendering || visit.activationStart) look("prerender", Date.now());
  else look(copied ? "copy" : "load", performance.timeOrigin);
})();
