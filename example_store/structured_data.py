"""What search engines read: schema.org structured data of products and their way home."""

from __future__ import annotations

from typing import Any

from flask import url_for

from example_store.models import Product, Variant
from example_store.tracking import on_site

AVAILABILITY = {True: "https://schema.org/InStock", False: "https://schema.org/OutOfStock"}


def product_markup(product: Product) -> dict[str, Any]:
    """A Product with its Offer, or a ProductGroup with one Product per variant."""
    shared = {
        "name": product.name,
        "description": product.description,
        "image": on_site(product.picture),
        "brand": {"@type": "Brand", "name": product.maker},
        "category": product.category.name,
        "url": on_site(product.path),
    }
    if len(product.variants) == 1:
        only = product.variants[0]
        return {
            "@context": "https://schema.org",
            "@type": "Product",
            "productID": product.id,
            "sku": only.sku,
            **shared,
            "offers": _offer(only, shared["url"]),
        }
    return {
        "@context": "https://schema.org",
        "@type": "ProductGroup",
        "productGroupID": product.id,
        **shared,
        "hasVariant": [_variant(variant) for variant in product.variants],
    }


def _variant(variant: Variant) -> dict[str, Any]:
    address = on_site(variant.path)
    return {
        "@type": "Product",
        "sku": variant.sku,
        "name": variant.title,
        "url": address,
        "image": on_site(variant.picture),
        "offers": _offer(variant, address),
    }


def _offer(variant: Variant, address: Any) -> dict[str, Any]:
    return {
        "@type": "Offer",
        "price": str(variant.price),
        "priceCurrency": "EUR",
        "availability": AVAILABILITY[variant.available],
        "itemCondition": "https://schema.org/NewCondition",
        "url": address,
    }


def breadcrumb_markup(crumbs: list[tuple[str, str]]) -> dict[str, Any]:
    """A BreadcrumbList of names and paths, the front page first."""
    trail = [("Home", url_for("storefront.home")), *crumbs]
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": number, "name": name, "item": on_site(path)}
            for number, (name, path) in enumerate(trail, 1)
        ],
    }
