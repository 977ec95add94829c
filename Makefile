# What a user types. Variables and the stamp of the environment; the work is done by `recipe`.

CONFIG ?= configs/digits.yaml
RUNS   ?=
SET    ?=
ARGS   ?=
ONLY   ?=
HALF   ?= tune
DATA   ?=
WITH   ?=
TARGET ?=
PORT   ?= 6006
LOGDIR ?= $(or $(RUNS),runs)/$(basename $(notdir $(CONFIG)))/tensorboard

BIN    := .venv/bin
STAMP  := .venv/.installed
STAGES := data baseline overfit regularize tune squeeze
BESIDE := lr-find doctor recalibrate
LAB    := lab-bn lab-dropout lab-init lab-norms lab-optimizers
FOLDER  = $(if $(RUNS),--runs '$(RUNS)')
CHANGES = $(foreach setting,$(SET),--set '$(setting)')

.DEFAULT_GOAL := help
.PHONY: help setup $(STAGES) $(BESIDE) $(LAB) recipe compare init look label report tensorboard test check proof bench bench-doctor clean
.NOTPARALLEL: # a run folder belongs to one command at a time

##@ The recipe: each stage needs the one before it

data: ##       1. what is in the data, and what is wrong with it
baseline: ##   2. a pipeline to trust: loss at init, one batch, dumb baselines
overfit: ##    3. a net that can drive the training loss to its floor
regularize: ## 4. training fit given up for validation score
tune: ##       5. a search over the hyperparameters
squeeze: ##    6. the last drops; opens the test set, once

$(STAGES) $(BESIDE): $(STAMP)
	@$(BIN)/recipe $@ '$(CONFIG)' $(FOLDER) $(CHANGES) $(ARGS)

recipe: $(STAMP) ## all six
	@$(BIN)/recipe run '$(CONFIG)' $(FOLDER) $(CHANGES) $(ARGS)

##@ Your own data

init: $(STAMP) ## a first config for DATA=file or folder (TARGET=column); ARGS="--write configs/my.yaml"
	@$(BIN)/recipe init $(if $(DATA),'$(DATA)') $(if $(TARGET),--target '$(TARGET)') $(ARGS)

look: $(STAMP) ## search and sort the examples; ARGS='--sort loss --where "label == 3"'
	@$(BIN)/recipe look '$(CONFIG)' $(FOLDER) $(CHANGES) $(ARGS)

label: $(STAMP) ## answer validation examples yourself: the human baseline
	@$(BIN)/recipe label '$(CONFIG)' $(FOLDER) $(CHANGES) $(ARGS)

##@ Experiments: at any time, no stage waits for them

lr-find: ## which learning rate, by a range test that short trainings verify
doctor: ## why a net does not learn, each cause proven; ARGS=--apply tries the prescription
compare: $(STAMP) ## is one config better? WITH=other.yaml or SET="model.dropout=0.2"
	@$(BIN)/recipe compare '$(CONFIG)' $(if $(WITH),'$(WITH)') $(FOLDER) $(CHANGES) $(ARGS)

recalibrate: ## batch norm's statistics anew, with dropout off; needs squeeze

##@ The laboratory: what a technique does to your net

lab-bn: ## batch norm: speed, rates, drift, the loss along a step
lab-dropout: ## dropout: its place, its rate, and batch norm behind it
lab-init: ## initializers: signals and gradients, layer by layer
lab-norms: ## batch, layer and group norm over batch sizes
lab-optimizers: ## optimizers at their best rates, their paths, their ends

$(LAB): $(STAMP)
	@$(BIN)/recipe lab $(@:lab-%=%) '$(CONFIG)' $(FOLDER) $(CHANGES) $(ARGS)

##@ Looking at it

tensorboard: $(STAMP) ## the run's charts in a browser, until Ctrl-C
	@$(BIN)/python scripts/serve_tensorboard.py --logdir '$(LOGDIR)' --port '$(PORT)'

report: $(STAMP) ## the run as one HTML file
	@$(BIN)/recipe report '$(CONFIG)' $(FOLDER) $(ARGS)

##@ Working on Recipe itself

setup: ## make .venv, or repair it (the other targets make it when needed)
	@scripts/setup.sh

test: $(STAMP) ## the tests
	@$(BIN)/pytest $(ARGS)

check: $(STAMP) ## style, types and floors
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

proof: $(STAMP) ## measure what docs/proof.md claims; ONLY=name for one part
	@PYTHONPATH=. DATA='$(DATA)' $(BIN)/python scripts/proof.py $(ONLY)

bench: $(STAMP) ## speed, as ratios to Keras's own fit in the same run
	@$(BIN)/python scripts/bench.py
	@$(BIN)/python scripts/bench_monitor.py

bench-doctor: $(STAMP) ## the diagnosis on programs with known faults; HALF=tune or report
	@$(BIN)/python scripts/bench_doctor.py --half '$(HALF)' $(ARGS)

clean: ## remove .venv and caches, never runs/
	@rm -rf .venv .import_linter_cache .mypy_cache .pytest_cache .ruff_cache *.egg-info
	@find . -name __pycache__ -type d -not -path './runs/*' -prune -exec rm -rf {} +

$(STAMP): pyproject.toml requirements.lock scripts/setup.sh
	@scripts/setup.sh

help:
	@awk -F ':.*## *' \
	  '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	   /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@printf '%s\n' '' 'Variables' \
	  '  CONFIG=$(CONFIG)   RUNS=$(or $(RUNS),runs)   PORT=$(PORT)' \
	  '  SET="model.dropout=0.2 train.epochs=50"   change keys of the config' \
	  '  ARGS="--force"   any other option of the command'
