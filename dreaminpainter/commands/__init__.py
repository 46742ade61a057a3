"""What the subcommands of `dreaminpainter` do, a module each, imported when one is called."""
