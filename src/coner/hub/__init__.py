"""Trained models on the Hugging Face hub: got into its cache (``hf://user/name``), and put there.

Nothing here knows what a model is, but for ``model.json`` and the kinds of files that one may have.
"""

from coner.hub.place import Place, is_place, model_name
from coner.hub.pull import model_folder
from coner.hub.push import push

__all__ = ["Place", "is_place", "model_folder", "model_name", "push"]
