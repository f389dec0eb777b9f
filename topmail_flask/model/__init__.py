"""What a product view is: plain frozen values, standard library only."""
