// Three conveniences; every page works without them.
"use strict";

const dialog = document.getElementById("quick-view");

const priceOf = (variant) =>
  new Intl.NumberFormat("en-IE", { style: "currency", currency: variant.currency }).format(variant.price);

function listPrices(variants) {
  return variants.map((variant) => {
    const row = document.createElement("li");
    const label = document.createElement("span");
    const price = document.createElement("b");
    label.textContent = variant.label;
    price.textContent = variant.available ? priceOf(variant) : "sold out";
    row.append(label, price);
    return row;
  });
}

function fill(product) {
  const picture = dialog.querySelector("img");
  picture.src = product.picture;
  picture.hidden = false;
  dialog.querySelector(".maker").textContent = product.maker;
  dialog.querySelector("h2").textContent = product.name;
  dialog.querySelector(".words").textContent = product.description;
  dialog.querySelector(".prices").replaceChildren(...listPrices(product.variants));
  dialog.querySelector(".button").href = product.path;
}

async function openQuickView(link) {
  try {
    const answer = await fetch(link.dataset.quickView, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    fill(await answer.json());
    dialog.showModal();
  } catch {
    window.location.assign(link.href);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-quick-view]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (link && plain) {
    event.preventDefault();
    openQuickView(link);
  }
  if (event.target === dialog || event.target.closest("#quick-view .close")) dialog.close();
  const person = event.target.closest(".person");
  if (person) {
    document.getElementById("email").value = person.dataset.email;
    document.getElementById("password").value = person.dataset.password;
    document.getElementById("password").form.querySelector("button").focus();
  }
});

/* The price at the top of a product page is that of the chosen variant. */
function headline(choice) {
  const price = document.getElementById("headline-price");
  if (price && choice?.matches("input[name=sku][data-price]")) price.textContent = choice.dataset.price;
}

document.addEventListener("change", ({ target }) => headline(target));

/* Who comes back finds the choice as it was left. */
window.addEventListener("pageshow", () => {
  const choice = document.querySelector("input[name=sku]:checked");
  if (choice && !choice.defaultChecked) headline(choice);
});
