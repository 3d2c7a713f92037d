"""Settings that all families share, and how a TOML file with dotted overrides becomes settings.

A config contains only what differs from the defaults; an unknown key is an error. The settings of one family are in
``coner.families.<kind>.settings``.
"""
