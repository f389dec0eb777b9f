"""What topmail_flask costs, measured beside what a shop would run without it."""
