"""What an address says of its page: words by which shops call carts, searches and listings.

They only ever speak against a product; a product that names the page as its own outranks them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

# No product stands under these.
_ELSEWHERE = frozenset(
    """
    cart carts shopping-cart shoppingcart warenkorb einkaufswagen panier carrito carrello
    winkelwagen winkelmand koszyk kosik nakupni-kosik varukorg kundvagn handlekurv indkobskurv
    ostoskori sepet sepetim carrinho keranjang cos-cumparaturi кошик корзина
    checkout checkouts zur-kasse caisse finalizar-compra afrekenen pokladna odeme
    search searchresults search-results catalogsearch suche suchergebnisse recherche buscar busca
    busqueda ricerca zoeken szukaj hledat vyhledavani kereses pesquisa arama
    wishlist wish-list wishlists favoriten merkzettel merkliste wunschliste wunschzettel favoris
    favoritos verlanglijst ulubione
    compare comparison product_compare product-compare vergleich vergleichsliste comparer comparador
    account my-account myaccount mein-konto kundenkonto mon-compte mi-cuenta customer
    login log-in signin sign-in register anmelden connexion
    order orders order-confirmation order-complete order-received thank-you thank_you thankyou
    bestellung bestellungen commande commandes
    """.split()  # noqa: SIM905  (a list of words)
)
# These are searches and carts too, but also names of places that goods stand under.
_ELSEWHERE_ALONE = frozenset(
    """
    bag basket kasse kassa kassan find results sok haku ara cerca kurv kosar favorites favourites
    konto profile payment success
    """.split()  # noqa: SIM905  (a list of words)
)
_SHOP_ROOTS = frozenset(
    """
    shop store onlineshop webshop eshop catalog boutique tienda negozio sklep obchod butik winkel
    loja magaza index user users my b2c
    """.split()  # noqa: SIM905  (a list of words)
)
# A page directly under one of these lists products, or tells of them.
_LISTINGS = frozenset(
    """
    c collection collections category categories product-category kategorie kategorien
    produkt-kategorie produktkategorie categorie categorie-produit categoria categoria-producto
    kategori brand brands marke marken marque marques marca tag tags product-tag
    blog blogs news magazin magazine journal ratgeber guides recipes rezepte recettes
    """.split()  # noqa: SIM905  (a list of words)
)
_PRODUCTS = frozenset(["p", "product", "products"])
_LANGUAGE = re.compile(r"[a-z]{2}(?:[-_][a-z]{2,4})?\Z")
_EXTENSION = re.compile(r"\.(?:x?html?|php|aspx?|jsp|do)\Z")
_SEARCH = re.compile(r"(?:\A|&)(?:q|query|search|search_query|keywords?|s)=[^&]")


@lru_cache(maxsize=1024)
def is_elsewhere(url: str) -> bool:
    """The address of a cart, a search, an account, a comparison or an order."""
    segments = _segments(url)
    if not segments:
        return False
    # Elsewhere they may be what goods are called: /books/thank-you, /p/search.
    if len(segments) > 1 and segments[0] in _SHOP_ROOTS:
        del segments[0]
    return segments[0] in _ELSEWHERE or (segments[0] in _ELSEWHERE_ALONE and len(segments) == 1)


@lru_cache(maxsize=1024)
def is_listing(url: str) -> bool:
    """The address of a category, a brand, a collection or an article, or of a filtered search."""
    segments = _segments(url)
    if len(segments) > 2 and segments[0] in _SHOP_ROOTS:
        del segments[0]
    if len(segments) > 1 and segments[0] in _LISTINGS and _PRODUCTS.isdisjoint(segments):
        return True
    try:
        return bool(_SEARCH.search(urlsplit(url).query)) and len(segments) <= 1
    except ValueError:
        return False


def _segments(url: str) -> list[str]:
    """The parts of the path in lower case, without a leading language and the file's ending."""
    try:
        path = unquote(urlsplit(url).path).lower()
    except ValueError:
        return []
    segments = [one for one in path.split("/") if one][:20]
    if segments:
        segments[-1] = _EXTENSION.sub("", segments[-1])
        if len(segments) > 1 and _LANGUAGE.match(segments[0]):
            del segments[0]
    return segments
