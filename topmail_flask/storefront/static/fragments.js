// Fills the places that topmail_recently_viewed_fragment() printed, for this visitor.
const fill = async (place) => {
  try {
    const answer = await fetch(place.dataset.topmailFragment, { cache: "no-store" });
    place.innerHTML = answer.status === 200 ? await answer.text() : "";
    place.hidden = !place.innerHTML;
    place.dispatchEvent(new CustomEvent("topmail:filled", { bubbles: true }));
  } catch {
    // The page is well without it.
  }
};
const fillAll = () => document.querySelectorAll("[data-topmail-fragment]").forEach(fill);
// A page that is only prepared has been seen by nobody yet; one that comes back may be outdated.
if (document.prerendering) document.addEventListener("prerenderingchange", fillAll, { once: true });
else fillAll();
addEventListener("pageshow", (event) => event.persisted && fillAll());
