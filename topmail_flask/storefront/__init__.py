"""What a visitor looked at, shown to them again in the shop: local, by id only, off until used."""
