"""The trials of a search: optuna chooses and prunes, ``runs.execute`` trains, a storage keeps the results.

Several processes may work on one study. If one dies, the next process in the same folder resumes its trial from the
last checkpoint. The seed of a trial is derived from its number, so that an interrupted search gives the same trials.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import optuna
import tomli_w
from optuna import Study, Trial
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from coner.config.load import load_values, override_paths
from coner.core.errors import ConerError, ConfigError
from coner.core.files import atomic_write, make_folder
from coner.core.locks import lock_folder, try_lock_folder
from coner.core.progress import Log, SilentLog
from coner.data.splits import SplitCache
from coner.families.manifest import remove_model
from coner.families.recipe import Training
from coner.families.registry import family
from coner.families.settings import parse_trainable
from coner.runs.choice import settings_for
from coner.runs.execute import CHECKPOINT, execute
from coner.runs.sweep.space import Space, load_space

BEST = "best.toml"
STUDY = "study.db"
SOURCE = "coner sweep"  # in messages
OTHER = "Fix: choose another --out"
STARTUP = 8  # random trials, before the sampler has a model and the pruner a median


class Pruned(Exception):
    """The trial is worse than the median of the others after the same epoch."""


def sweep(
    config: str, space: Path, out: Path, *, trials: int = 30, storage: str = "", overrides: Sequence[str] = ()
) -> Study:
    """Search for the settings with the best macro F1 on ``data.dev``; the test split is never used.

    A study that was interrupted is resumed. The best settings are written into ``best.toml`` in the folder.

    Args:
        config: file, or name of a built-in one; settings outside the space keep its values.
        space: TOML file with a table for each setting that varies.
        out: folder of the search; each trial gets a folder in it.
        trials: number of trials, earlier ones included.
        storage: URL of the database of the study; by default a file in the folder.
        overrides: changes of the config, as ``train.epochs=4``.

    Raises:
        ConfigError: the config or the space is faulty, or the folder has a search with others.
        DataError: the data cannot be read.
    """
    base = load_values(config, overrides)
    parse_trainable(base, source=config)
    return Search(base, load_space(space), out, storage=storage).run(trials)


class Search:
    """A search in a folder, which has a run folder for each trial.

    Args:
        base: unchecked settings, changed by the values of the space.
        storage: URL of a database; by default a file in the folder.

    Raises:
        ConfigError: a setting is not valid, or the folder or storage holds another search or cannot be used.
    """

    def __init__(self, base: Mapping[str, Any], space: Space, folder: Path, *, storage: str = "") -> None:
        self.base, self.space, self.folder, self.cache = base, space, folder, SplitCache()
        self.settings = parse_trainable(dict(base))
        tests = {"data.test": self.settings.data.test}
        tests |= {f"data.union[{i}].test": files.test for i, files in enumerate(self.settings.data.union)}
        for key, path in tests.items():
            if path is not None:
                fix = f"Fix: leave it out, and train {BEST} with it"
                raise ConfigError(f"{key}: got a test split; expected none in a search. {fix}")
        space.check(lambda values: parse_trainable(override_paths(base, values)))
        self.settings = settings_for(base, self.cache.train, source=SOURCE, log=Log())
        recipe = Training(self.settings)
        values = [recipe.fingerprint(recipe.read(self.cache)), repr(space)]
        self.identity = hashlib.sha256(json.dumps(values).encode()).hexdigest()
        state = make_folder(folder / ".locks")
        with lock_folder(folder, wait=True):
            self.folder_id = _folder_id(state / "name")
            owner = state / "search"  # contains the identity of the search
            if owner.exists():
                if owner.read_text(encoding="utf-8") != self.identity:
                    raise ConfigError(f"{folder}: contains a search with other settings or another space. {OTHER}")
            elif (folder / STUDY).exists():
                raise ConfigError(f"{folder}: contains a search by an earlier version of coner. {OTHER}")
            self.study = self._open(storage or f"sqlite:///{(folder / STUDY).resolve()}")
            with atomic_write(owner) as handle:
                handle.write(self.identity)

    def run(self, trials: int) -> Study:
        """Run trials until the study has this many, those of other processes included."""
        with Log() as log:
            while (claimed := self._next(trials)) is not None:
                trial, lock = claimed
                with lock:
                    log(f"trial {trial.number}: {json.dumps(self.space.suggest(trial))}")
                    log(f"trial {trial.number}: {self._try(trial)}")
                    self._tidy()
        self._tidy()  # other machines may have better trials
        return self.study

    def place(self, number: int) -> Path:
        """Folder of a trial."""
        return self.folder / f"trial-{number:04}"

    def _open(self, url: str) -> Study:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        # A trial that learns slowly may be the best in the end.
        warmup = family(self.settings.kind).epochs(self.settings) // 3
        pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=warmup)
        try:
            # Named by the settings: machines that share a storage share the study, wherever their folders are.
            return optuna.create_study(
                storage=url, study_name=self.identity, direction="maximize", pruner=pruner, load_if_exists=True
            )
        except Exception as error:  # of any database
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise ConfigError(f"--storage: the study cannot be opened: {why}") from None

    def _next(self, trials: int) -> tuple[Trial, AbstractContextManager[object]] | None:
        """A trial of a dead process in this folder, or a new one, with its lock; ``None`` if there are enough."""
        with lock_folder(self.folder, wait=True):
            for running in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if running.user_attrs.get("place") == self.folder_id and (lock := self._lock(running.number)):
                    return self._draw(Trial(self.study, running._trial_id)), lock
            if len(self.study.get_trials(deepcopy=False)) >= trials:
                return None
            trial = self.study.ask()
            trial.set_user_attr("place", self.folder_id)
            lock = self._lock(trial.number)
            assert lock is not None, "a new trial cannot be locked yet"
            return self._draw(trial), lock

    def _draw(self, trial: Trial) -> Trial:
        seed = self.settings.seed + trial.number  # so that two machines that ask at once draw different values
        self.study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        self.space.suggest(trial)
        return trial

    def _lock(self, number: int) -> AbstractContextManager[object] | None:
        return try_lock_folder(self.place(number))

    def _try(self, trial: Trial) -> str:
        def on_epoch(epoch: int, macro_f1: float) -> None:
            trial.report(macro_f1, epoch)
            if trial.should_prune():
                raise Pruned

        try:
            values = override_paths(self.base, {**self.space.suggest(trial), "name": f"trial-{trial.number}"})
            recipe = Training(settings_for(values, self.cache.train, source=SOURCE, log=SilentLog()))
            record = execute(recipe, self.place(trial.number), cache=self.cache, on_epoch=on_epoch)
        except Pruned:
            self.study.tell(trial, state=TrialState.PRUNED)
            return "pruned: worse than the median"
        except Exception as error:  # of any library: it fails one trial, not the search
            why = str(error) if isinstance(error, ConerError) else f"{type(error).__name__}: {error}"
            trial.set_user_attr("failed", " ".join(why.split())[:300])
            self.study.tell(trial, state=TrialState.FAIL)
            return f"failed: {why}"
        macro_f1 = record.scores["dev"].deciding_f1
        self.study.tell(trial, macro_f1)
        return f"dev macro F1 {macro_f1:.4f}"

    def _tidy(self) -> None:
        """Write the settings of the best trial, and delete the models of the other finished ones."""
        with lock_folder(self.folder, wait=True):  # another process must not change the best trial meanwhile
            best = best_trial(self.study)
            if best is not None:
                chosen = self.space.suggest(optuna.trial.FixedTrial(best.params))
                with atomic_write(self.folder / BEST, "wb") as handle:
                    tomli_w.dump(override_paths(self.base, {**chosen, "name": "best"}), handle)
            for trial in self.study.get_trials(deepcopy=False):
                place = self.place(trial.number)
                if trial.state.is_finished() and place.exists() and (best is None or trial.number != best.number):
                    remove_model(place)
                    (place / CHECKPOINT).unlink(missing_ok=True)


def _folder_id(path: Path) -> str:
    """The random identifier of a folder in its study, which is kept when the folder is moved."""
    if not path.exists():
        with atomic_write(path) as handle:
            handle.write(uuid.uuid4().hex)
    return path.read_text(encoding="utf-8")


def best_trial(study: Study) -> FrozenTrial | None:
    """The finished trial with the highest score; ``None`` if none is finished."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(finished, key=lambda trial: trial.value or 0.0, default=None)


def plain_trial(trial: FrozenTrial) -> dict[str, Any]:
    """A trial as plain values, for JSON: its settings, and the macro F1 on dev, also by epoch."""
    texts = [name for name, values in trial.distributions.items() if isinstance(values, CategoricalDistribution)]
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "dev_macro_f1": trial.value if trial.state == TrialState.COMPLETE else None,
        "settings": {name: json.loads(value) if name in texts else value for name, value in trial.params.items()},
        "by_epoch": {str(epoch): value for epoch, value in sorted(trial.intermediate_values.items())},
        "failed": trial.user_attrs.get("failed"),
    }
