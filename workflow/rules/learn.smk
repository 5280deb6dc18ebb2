"""One learner state a task: the selector first, where there is one, then the state."""


rule train:
    """Learn one task."""
    input:
        snapshot="results/models/{model}",
        encoded=encoded,
        states=earlier_states,
        selector=selector,
    output: directory(CELL + "/state")
    log: LOGS + "/train.log"
    benchmark: BENCHMARKS + "/train.tsv"
    threads: threads
    priority: 1
    params:
        settings=settings("learn"),
        encoded=given("--encoded", "encoded"),
        states=given("--state", "states"),
        selector=given("--selector", "selector"),
    message: "train " + NAME
    shell:
        JOB + " train " + KEYS + " --snapshot {input.snapshot} {params.encoded} {params.states}"
        " {params.selector} --out {output}" + TOLD


rule select:
    """Learn whose task it is."""
    input:
        snapshot="results/models/{model}",
        encoded=encoded,
        previous=previous_selector,
        states=selector_start,
    output: directory(CELL + "/selector")
    log: LOGS + "/select.log"
    benchmark: BENCHMARKS + "/select.tsv"
    threads: threads
    priority: 1
    params:
        settings=settings("learn"),
        encoded=given("--encoded", "encoded"),
        states=given("--state", "states"),
        previous=given("--previous", "previous"),
    message: "select " + NAME
    shell:
        JOB + " select " + KEYS + " --snapshot {input.snapshot} {params.encoded} {params.states}"
        " {params.previous} --out {output}" + TOLD
