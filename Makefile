# The project's commands. `make help` lists them.
PYTHON ?= python3
TOOLS := .venvs/tools/bin
JOBS := .venvs/jobs/bin
# Two at once: most tests wait for a process or a socket.
SIDE_BY_SIDE := -n 2 --dist loadgroup --no-loadscope-reorder
# What commands of their own run.
LONG := approval browser e2e/approval e2e/faults e2e/safety
export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.PHONY: help setup demo data test test-fast test-faults test-approval test-browser pictures lint format bench bench-canary clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: ## Make the virtual environments (once; seconds when nothing changed)
	@$(PYTHON) scripts/set_up.py

demo: setup ## From data drop to production on this machine; ARGS=--interactive waits for your click, ARGS=--keep stays up
	@$(TOOLS)/python -m demo $(ARGS)

data: setup ## Fetch whole months of trips from the TLC's public site into data/ (ARGS="2019-02 2019-03")
	@$(JOBS)/python model/samples/fetch.py $(ARGS)

test: setup ## The tests, in under ten minutes: units, template, machines, jobs, the laptop's AWS, the whole app, the demo
	@$(JOBS)/python -m pytest tests/jobs $(SIDE_BY_SIDE) $(ARGS)
	@$(TOOLS)/python -m pytest $(addprefix --ignore=tests/,jobs $(LONG)) $(SIDE_BY_SIDE) $(ARGS)

test-fast: setup ## The product's own tests, without any AWS, in under a minute
	@$(TOOLS)/python -m pytest tests/unit tests/template tests/statemachine tests/docs $(addprefix --ignore=tests/unit/,cli gateways localaws) \
		--hypothesis-profile=fast $(SIDE_BY_SIDE) $(ARGS)

test-approval: setup ## Approvals: scanners (in Chromium, too, which this installs), replays, races, crashes, the pages' looks
	@scripts/get_browser.sh
	@$(TOOLS)/python -m pytest tests/approval tests/browser tests/e2e/approval tests/unit/functions/test_approval.py \
		tests/unit/functions/test_approvers.py tests/unit/functions/test_take_lock.py tests/unit/cli $(SIDE_BY_SIDE) $(ARGS)

test-browser: setup ## The pages alone, in headless Chromium; pictures go to build/screenshots
	@scripts/get_browser.sh
	@$(TOOLS)/python -m pytest tests/browser $(ARGS)

pictures: test-browser ## Take the README's pictures anew, in docs/images
	@mkdir -p docs/images
	@for picture in build/screenshots/readme-*.png; do cp "$$picture" "docs/images/$${picture##*/readme-}"; done

test-faults: setup ## What goes wrong at every state, shifts, stops and ways back on the whole app; writes docs/faults.md
	@rm -rf build/faults
	@$(TOOLS)/python -m pytest tests/e2e/safety tests/e2e/faults $(SIDE_BY_SIDE) $(ARGS); status=$$?; \
		$(TOOLS)/python -m tests.e2e.faults.rows && exit $$status

lint: setup ## Format, style, types, import rules, template
	@$(TOOLS)/python scripts/lint.py

format: setup ## Put the code into its form
	@$(TOOLS)/ruff format -q . && $(TOOLS)/ruff check -q --fix .

bench: setup ## Speed and memory, each beside a peer; JSON on the last line of each
	@$(TOOLS)/python bench/predict.py
	@$(JOBS)/python bench/analyze.py
	@$(JOBS)/python bench/canary.py --quick

bench-canary: setup ## The canary analysis by simulation, beside an oracle and common judges (under 10 minutes)
	@$(JOBS)/python bench/canary.py

clean: ## Remove everything that was built, downloaded or left by a run
	rm -rf .venvs .aws-sam .localaws .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
