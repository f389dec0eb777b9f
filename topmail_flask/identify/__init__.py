"""Knowing a shopper without a log-in: cookies, links in mails, and the looks from just before."""
