"""Knowing a shopper without a log-in: cookies, links in mails, and the views from just before."""
