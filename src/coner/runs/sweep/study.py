"""The trials of a search: optuna chooses and prunes, ``experiment.run`` trains, a storage keeps what came of it.

Several processes may work on one study. One that dies loses no more than what its trial did since the last checkpoint:
the next process in the same folder goes on with it. Each trial is drawn by a seed of its own number, so that a search
that was interrupted is the same as one that was not.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import tomli_w
from filelock import FileLock, Timeout
from optuna import Study, Trial
from optuna.trial import FrozenTrial, TrialState

from coner.core.errors import ConerError, ConfigError
from coner.core.files import atomic_write, make_folder
from coner.core.progress import Log
from coner.data.splits import SplitCache
from coner.families.manifest import remove_model
from coner.families.recipe import Training
from coner.families.registry import family
from coner.families.settings import parse_trainable
from coner.runs.execute import CHECKPOINT, execute
from coner.runs.sweep.space import Space, applied

BEST = "best.toml"
STUDY = "study.db"
OTHER = "give another --out"
STARTUP = 8  # trials by chance, before the sampler has a model and the pruner a median


class Pruned(Exception):
    """The trial is worse than the median of the others at the same epoch."""


class Search:
    """A search in a folder.

    Args:
        base: settings that the space's values are put into, unchecked.
        space: what varies.
        folder: of the trials; each is a run's folder in it.
        storage: URL of a database; a file in the folder if it is empty.

    Raises:
        ConfigError: a setting is wrong, or the storage cannot be used or holds a search of other settings.
    """

    def __init__(self, base: Mapping[str, Any], space: Space, folder: Path, *, storage: str = "") -> None:
        self.base, self.space, self.folder, self.cache = base, space, folder, SplitCache()
        self.settings = parse_trainable(dict(base))
        if self.settings.data.test is not None:
            raise ConfigError(
                f"data.test: a search never looks at the test part; leave it out, and train {BEST} with it"
            )
        space.check(lambda values: parse_trainable(applied(base, values)))
        # Of all files what is in them, not where they lie: another machine may have them elsewhere.
        recipe = Training(self.settings)
        known_by = [recipe.fingerprint(recipe.read(self.cache)), repr(space)]
        self.identity = hashlib.sha256(json.dumps(known_by).encode()).hexdigest()
        make_folder(folder / ".locks")
        self.lock = FileLock(folder / ".locks" / "study.lock")
        with self.lock:
            self.here = _name_of(folder / ".locks" / "name")
            self.note = folder / ".locks" / "search"  # whose folder it is
            self._check_folder()
            self.study = self._open(storage or f"sqlite:///{(folder / STUDY).resolve()}")
            with atomic_write(self.note) as handle:
                handle.write(self.identity)

    def run(self, trials: int) -> Study:
        """Go on until the study has so many trials; what other processes have in hand is left to them."""
        with Log() as log:
            while (claimed := self._next(trials)) is not None:
                trial, lock = claimed
                with lock:
                    log(f"trial {trial.number}: {json.dumps(self.space.suggest(trial))}")
                    log(f"trial {trial.number}: {self._try(trial)}")
                    self._tidy()
        self._tidy()  # other machines may have found better
        return self.study

    def place(self, number: int) -> Path:
        """The folder of a trial."""
        return self.folder / f"trial-{number:04}"

    def _check_folder(self) -> None:
        """``ConfigError`` where it is another search's."""
        if self.note.exists():
            if self.note.read_text(encoding="utf-8") != self.identity:
                raise ConfigError(f"{self.folder}: holds a search of other settings or another space; {OTHER}")
        elif (self.folder / STUDY).exists():
            raise ConfigError(f"{self.folder}: holds a search of an earlier version of coner; {OTHER}")

    def _open(self, url: str) -> Study:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        # What learns slowly may be best in the end: nothing is pruned before a third of the epochs.
        warmup = family(self.settings.kind).epochs(self.settings) // 3
        pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=warmup)
        try:
            # By what is searched: machines that share a storage share the study, whatever their folders are called.
            return optuna.create_study(
                storage=url, study_name=self.identity, direction="maximize", pruner=pruner, load_if_exists=True
            )
        except Exception as error:  # of whichever database
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise ConfigError(f"--storage: the study cannot be opened: {why}") from None

    def _next(self, trials: int) -> tuple[Trial, FileLock] | None:
        """A trial that died in this folder, else a new one, with its lock; ``None`` where there are enough."""
        with self.lock:
            for died in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if died.user_attrs.get("place") == self.here and (lock := self._claim(died.number)):
                    return self._drawn(Trial(self.study, died._trial_id)), lock
            if len(self.study.get_trials(deepcopy=False)) >= trials:
                return None
            trial = self.study.ask()
            trial.set_user_attr("place", self.here)
            lock = self._claim(trial.number)
            assert lock is not None, "a trial that nobody knows of yet"
            return self._drawn(trial), lock

    def _drawn(self, trial: Trial) -> Trial:
        """The trial with its values; one that has some keeps them."""
        seed = self.settings.seed + trial.number  # its own number: two machines that ask at once draw two things
        self.study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        self.space.suggest(trial)
        return trial

    def _claim(self, number: int) -> FileLock | None:
        lock = FileLock(self.folder / ".locks" / f"{number}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        return lock

    def _try(self, trial: Trial) -> str:
        """Train and judge; what came of it, in a few words."""

        def on_epoch(epoch: int, macro_f1: float) -> None:
            trial.report(macro_f1, epoch)
            if trial.should_prune():
                raise Pruned

        try:
            values = applied(self.base, {**self.space.suggest(trial), "name": f"trial-{trial.number}"})
            recipe = Training(parse_trainable(values))
            record = execute(recipe, self.place(trial.number), cache=self.cache, on_epoch=on_epoch)
        except Pruned:
            self.study.tell(trial, state=TrialState.PRUNED)
            return "pruned, worse than the median"
        except Exception as error:  # of any library: one trial, not the end of the search
            why = str(error) if isinstance(error, ConerError) else f"{type(error).__name__}: {error}"
            trial.set_user_attr("failed", " ".join(why.split())[:300])
            self.study.tell(trial, state=TrialState.FAIL)
            return f"failed: {why}"
        macro_f1 = record.scores["dev"]["fine"]["macro_f1"]
        self.study.tell(trial, macro_f1)
        return f"dev macro F1 {macro_f1:.4f}"

    def _tidy(self) -> None:
        """Keep the model of the best trial alone, and write its settings out."""
        with self.lock:  # else what is best might change between the two
            best = best_trial(self.study)
            if best is not None:
                chosen = self.space.suggest(optuna.trial.FixedTrial(best.params))
                with atomic_write(self.folder / BEST, "wb") as handle:
                    tomli_w.dump(applied(self.base, {**chosen, "name": "best"}), handle)
            for trial in self.study.get_trials(deepcopy=False):
                place = self.place(trial.number)
                if trial.state.is_finished() and place.exists() and (best is None or trial.number != best.number):
                    remove_model(place)
                    (place / CHECKPOINT).unlink(missing_ok=True)


def _name_of(path: Path) -> str:
    """What a folder is called in its study; by chance, as hosts and paths change."""
    if not path.exists():
        with atomic_write(path) as handle:
            handle.write(uuid.uuid4().hex)
    return path.read_text(encoding="utf-8")


def best_trial(study: Study) -> FrozenTrial | None:
    """The finished trial with the highest score; ``None`` where none is finished."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(finished, key=lambda trial: trial.value or 0.0, default=None)
