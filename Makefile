# make report · make test · make demo · make provenance · make example · make benchmark · make lint · make clean: each sets up what it needs, in .venv
PYTHON ?= python3
VENV := .venv
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
INSTALLED := $(VENV)/.installed

.PHONY: report demo test provenance example benchmark lint clean
.DEFAULT_GOAL := report

report: $(INSTALLED)
	@$(RUN) snakemake
	@echo "The report lies in results/sharegpt/report/report.html and results/sharegpt/report/report.pdf"

demo: $(INSTALLED)
	@$(RUN) snakemake --configfile config/demo.yaml
	@echo "The report on the synthetic control corpus lies in results/demo/report/report.html and results/demo/report/report.pdf"

# Which rule made each figure and table, when, with which code and settings; read by the privacy audit.
provenance: report
	@$(RUN) snakemake --report results/sharegpt/report/provenance.html
	@$(RUN) snakemake --forcerun audit_privacy

# The default run's numbers and figures, as they are committed; a test says when the code draws or judges otherwise.
example: report
	rm -rf docs/example
	mkdir -p docs/example/tables docs/example/figures
	cp results/sharegpt/claims.csv docs/example/
	cp results/sharegpt/tables/*.csv docs/example/tables/
	cp results/sharegpt/figures/*.svg docs/example/figures/

test: $(INSTALLED)
	@$(RUN) pytest

# How fast it is, on 100,000 and 1,000,000 synthetic conversations; QUICK=--quick for 20,000. A bystander's load counts: run it alone.
benchmark: $(INSTALLED)
	@$(RUN) python tests/benchmark/run.py $(QUICK)

lint: $(INSTALLED)
	@$(RUN) ruff check scripts tests
	@$(RUN) ruff format --check scripts tests
	@$(RUN) snakefmt --check Snakefile rules
	@$(RUN) snakemake --lint

# What the workflow made. In data/ stay raw (downloaded), own (your files), labels (readers' work) and judge (answers that were paid for).
# `rm -r data/raw .venv` removes downloads and environment too.
clean:
	rm -rf results logs benchmarks data/interim data/models

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, found " + sys.version.split()[0] + ". Name one: make PYTHON=python3.12 report")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --requirement requirements.txt
	@touch $@
