"""Settings that every family shares, and how a config file becomes settings: a TOML file, then dotted overrides.

A config holds only what differs from the defaults, so that it shows what the experiment is about. An unknown key is an
error. Settings of one family are in its own folder, ``coner.families.<kind>.settings``.
"""
