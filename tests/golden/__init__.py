"""What goes in and what comes out, byte for byte: the net under every change of the inside."""
