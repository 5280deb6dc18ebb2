"""One learner state a task: the selector first, where there is one, then the state."""


rule train:
    """Learn one task."""
    input:
        snapshot="results/models/{model}",
        encoded=encoded,
        states=earlier_states,
        selector=selector,
        trained=trained,
    output:
        directory(f"{CELL}/state"),
    log:
        f"{LOGS}/train.log",
    benchmark:
        f"{BENCHMARKS}/train.tsv"
    priority: 1
    threads: threads
    resources:
        gpu_mb=gpu_mb,
    params:
        settings=settings("learn"),
        encoded=given("--encoded", "encoded"),
        states=given("--state", "states"),
        selector=given("--selector", "selector"),
        trained=given("--trained", "trained"),
    message:
        f"train {NAME}"
    shell:
        f"{JOB} train {KEYS} --snapshot {{input.snapshot:q}} {{params.encoded}}"
        f" {{params.states}} {{params.selector}} {{params.trained}} --out {{output:q}}{TOLD}"


rule select:
    """Learn whose task it is."""
    input:
        snapshot="results/models/{model}",
        encoded=encoded,
        previous=previous_selector,
        states=selector_start,
    output:
        directory(f"{CELL}/selector"),
    log:
        f"{LOGS}/select.log",
    benchmark:
        f"{BENCHMARKS}/select.tsv"
    priority: 1
    threads: threads
    resources:
        gpu_mb=gpu_mb,
    params:
        settings=settings("learn"),
        encoded=given("--encoded", "encoded"),
        states=given("--state", "states"),
        previous=given("--previous", "previous"),
    message:
        f"select {NAME}"
    shell:
        f"{JOB} select {KEYS} --snapshot {{input.snapshot:q}} {{params.encoded}}"
        f" {{params.states}} {{params.previous}} --out {{output:q}}{TOLD}"
