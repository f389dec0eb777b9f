"""Product views of a Flask store, delivered to TopMail."""
