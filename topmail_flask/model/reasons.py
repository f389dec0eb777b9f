"""Why a view was not sent: one closed list, for signals, counters, headers and tests alike."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason why no view was sent. A member is its own text: ``Reason.ROBOT == "robot"``.

    :ivar sentence: what happened, for people.
    :ivar fix: what to do if the view should have been sent; empty when all is as it should be.
    """

    sentence: str
    fix: str

    def __new__(cls, value: str, sentence: str, fix: str = "") -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        member.fix = fix
        return member

    # An enumeration hashes its name, and in Python: "robot" would find nothing under Reason.ROBOT.
    __hash__ = str.__hash__

    # Is it the view of a page at all?
    METHOD = "method", "Only a GET request is a page view."
    STATUS = "status", "The final answer was not a page: its status is not 200."
    NOT_HTML = (
        "not_html",
        "The answer is not an HTML page.",
        "Mark a JSON endpoint with @product_page(callable), or call topmail.track(product).",
    )
    ATTACHMENT = "attachment", "The answer is a download."
    PARTIAL = (
        "partial",
        "The request asked for a part of a page (htmx, Turbo or XMLHttpRequest).",
        "Mark the route with @product_page if the part shows the product.",
    )
    PREFETCH = (
        "prefetch",
        "The browser or a script fetched the page ahead; nobody has seen it yet.",
        "A script that shows what it fetches asks for it with Accept: text/html.",
    )
    CROSS_SITE = (
        "cross_site",
        "Another site framed the page or fetched it by script: the shopper did not open it.",
        "A front end of the shop on another site sends its own Authorization: Bearer.",
    )
    ROBOT = "robot", "The visitor is a robot."
    EXCLUDED = "excluded", "The shop excludes this request (@topmail.exclude)."
    STAFF = (
        "staff",
        "The user who is logged in is one of the shop's own (is_admin, is_staff or is_superuser).",
        "Try it as a shopper, or set TOPMAIL_EXCLUDE_STAFF = False.",
    )
    SAMPLED_OUT = "sampled_out", "The shopper is outside the sample (TOPMAIL_SAMPLE_RATE)."
    DISABLED = (
        "disabled",
        "Sending is switched off.",
        "Set TOPMAIL_API_KEY; TOPMAIL_ENABLED must not be False; under TESTING it must be True.",
    )
    # May it be counted?
    CONSENT = "consent", "The shopper has not consented to tracking."
    CONSENT_UNREADABLE = (
        "consent_unreadable",
        "The cookie of a consent banner cannot be read, so it counts as a refusal.",
        "Answer with @topmail.consent: flask topmail doctor names the banner.",
    )
    PRIVACY_SIGNAL = "privacy_signal", "The browser asks not to be tracked (Sec-GPC or DNT)."
    CONSENT_WITHDRAWN = "consent_withdrawn", "The shopper withdrew consent while the view waited."
    # What was on the page?
    NO_PRODUCT = (
        "no_product",
        "No product was found on the page.",
        "Mark the view with @product_page and its variable, or set TOPMAIL_TEMPLATE_VARIABLES.",
    )
    NO_BODY = (
        "no_body",
        "The page was streamed or not sent, so it could not be read.",
        "Mark the route with @product_page or declare the product in its template.",
    )
    ENCODED = (
        "encoded",
        "The page was compressed before it could be read.",
        "Mark the route, or install the package of its coding (brotli, zstandard) in the store.",
    )
    TOO_LARGE = (
        "too_large",
        "The page is larger than TOPMAIL_MAX_PAGE_BYTES.",
        "Mark the route with @product_page or declare the product in its template.",
    )
    INCOMPLETE = (
        "incomplete",
        "What could be the product lacks an id, a name or a price.",
        "Say where it is: @product_page(fields={...}); or give the page's product all three.",
    )
    INVALID_PRODUCT = (
        "invalid_product",
        "The product's id or name cannot be one.",
        "An id has 1 to 100 characters and no control characters; a name is text.",
    )
    ID_TOO_LONG = (
        "id_too_long",
        "The product's id has more than 100 characters; an id is never cut.",
        "Use a shorter identifier: @product_page(fields={'id': ...}).",
    )
    AMBIGUOUS = (
        "ambiguous",
        "The page shows several products and none is the page's own.",
        "Mark the route with @product_page or declare the product in its template.",
    )
    NO_PAGE = (
        "no_page",
        "The response is data, not a page, and the product has no address of a page of its own.",
        "Give the product its url, or set TOPMAIL_PRODUCT_URL.",
    )
    LISTING = "listing", "The page is a listing: a category, a search, a cart."
    BACK_OFFICE = (
        "back_office",
        "The route's name or a form says that a product is worked on here, not shown to a shopper.",
        "Mark the view with @product_page if shoppers see the product here.",
    )
    BUYING = (
        "buying",
        "The page is of a cart, an order, a search or a category, not of the product.",
        "Mark the view with @product_page if it is the product's own page.",
    )
    FRONT_PAGE = "front_page", "The front page is no product page, whatever it promotes."
    # Who saw it?
    ANONYMOUS = (
        "anonymous",
        "Nobody knows who the visitor is.",
        "If somebody was logged in: flask topmail doctor says how shoppers are found.",
    )
    INVALID_SHOPPER = (
        "invalid_shopper",
        "The shopper's e-mail address or contact id cannot be one.",
        "Let @topmail.shopper_loader return a Shopper, an e-mail address or None.",
    )
    INVALID_PURCHASE = (
        "invalid_purchase",
        "The purchase's order id, revenue or currency cannot be one.",
        "An order id has 1 to 100 characters; revenue is a number of 0 or more with its currency.",
    )
    INVALID_EVENT = (
        "invalid_event",
        "A value of the trigger or conversion cannot be one.",
        "The log says which: an automation that TOPMAIL_AUTOMATIONS names, data of JSON.",
    )
    # Does it count?
    KNOWN_ORDER = "known_order", "This order was recorded before: it counts once."
    KNOWN_NAME = "known_name", "This was recorded before under the same once=: it counts once."
    REPEAT = "repeat", "The same shopper saw the same product within TOPMAIL_REPEAT_WINDOW."
    COUNTED = "counted", "The server rendered this page for this visitor, and decided then."
    BEACON = "beacon", "The page came from a cache of the store: its beacon tells who sees it."
    BEACON_EXPIRED = (
        "beacon_expired",
        "The page of the beacon is older than TOPMAIL_BEACON_MAX_AGE.",
        "Raise it above the time that caches keep your pages.",
    )
    BEACON_REFUSED = (
        "beacon_refused",
        "A beacon came from another site, too often, or without a token of this store.",
        "All workers need one SECRET_KEY; a proxy must pass on the Host, or set TOPMAIL_SITE_URL.",
    )
    VETOED = (
        "vetoed",
        "A before_send function of the shop returned None.",
        "Nothing, if that was meant; else let it return the view: return view.",
    )
    HOOK_FAILED = (
        "hook_failed",
        "A function of the shop (loader, adapter, consent, before_send) raised an error.",
        "The log names the function and the type of the error.",
    )
    INTERNAL_ERROR = (
        "internal_error",
        "An error of topmail_flask itself: the page was served without it.",
        "Update topmail-flask; if it happens again, open an issue with what the log says of it.",
    )
    # What became of it on its way?
    CONTACT_NOT_FOUND = (
        "contact_not_found",
        "TopMail does not know the contact.",
        'Create the contact, or set TOPMAIL_UNKNOWN_CONTACTS = "create".',
    )
    REJECTED = (
        "rejected",
        "TopMail refused the view for good.",
        "The log names the error code and the fields.",
    )
    REPLAYED_ERROR = (
        "replayed_error",
        "TopMail answered the same error to every attempt with this key.",
        "flask topmail outbox retry sends it under a new key.",
    )
    PURCHASED = "purchased", "The shopper has bought since: the view would ask about it again."
    SUPERSEDED = (
        "superseded",
        "Of a shopper's views that waited for more than 15 minutes only the newest 20 are sent.",
    )
    EXPIRED = "expired", "The view waited longer than TOPMAIL_MAX_AGE."
    OVERFLOW = (
        "overflow",
        "More views waited than the outbox holds; the oldest was dropped.",
        "See flask topmail outbox status: why is nothing sent?",
    )
    LOST = "lost", "The outbox file was deleted while no process of the store had it open."
    TORN = "torn", "A line of the journal was damaged, as by a power cut."
    INVALID_ROW = "invalid_row", "A row of the outbox is not a view; it was not sent."
    UNDELIVERED = (
        "undelivered",
        "The process ended with the view in memory only.",
        "Give TOPMAIL_OUTBOX a directory that is writable and on a local disk.",
    )
    CANCELLED = "cancelled", "topmail.cancel() took it back while it waited."
    FORGOTTEN = "forgotten", "The shopper was forgotten (flask topmail forget)."
    REMOVED = "removed", "Somebody removed the view from the outbox by hand."
