"""What the shop remembers."""

from example_store.models.catalogue import Category, Product, Variant
from example_store.models.customers import Choice, Customer, Subscriber, Waiting
from example_store.models.occasions import GiftSet, Workshop
from example_store.models.orders import Order, OrderLine
from example_store.models.viewed import ViewedProduct

__all__ = [
    "Category",
    "Choice",
    "Customer",
    "GiftSet",
    "Order",
    "OrderLine",
    "Product",
    "Subscriber",
    "Variant",
    "ViewedProduct",
    "Waiting",
    "Workshop",
]
