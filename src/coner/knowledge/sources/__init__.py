"""The sources of names: one file each, whose name is the value of ``coner kb build --from``."""
