"""The pages of the shop, one blueprint a corner."""
