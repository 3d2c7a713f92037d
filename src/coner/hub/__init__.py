"""Trained models on the Hugging Face hub: download into its cache (``hf://user/name``), and upload; or installed.

Of a model, this package knows only ``model.json`` and the types of its files.
"""

from coner.hub.client import model_folder, push
from coner.hub.installed import installed_packages, is_local
from coner.hub.names import RepoRef, is_hub_name, model_name, package_name

__all__ = [
    "RepoRef",
    "installed_packages",
    "is_hub_name",
    "is_local",
    "model_folder",
    "model_name",
    "package_name",
    "push",
]
