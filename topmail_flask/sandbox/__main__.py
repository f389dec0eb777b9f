"""``python -m topmail_flask.sandbox``."""

from topmail_flask.sandbox.command import sandbox_command

sandbox_command()
