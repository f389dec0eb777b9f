"""Who saw it? Functions that find the shopper of the current request."""
