"""One learner state a task: the selector first, where there is one, then the state, then memory."""

rule train:
    """Learn one task."""
    input:
        snapshot="results/models/{model}",
        encoded=encoded,
        states=earlier_states,
        memories=memories,
        selector=selector,
    output: directory(CELL + "/state")
    log: LOGS + "/train.log"
    benchmark: BENCHMARKS + "/train.tsv"
    threads: threads
    priority: 1
    params:
        settings=settings("train"),
        experiment=reference,
        selector=lambda wildcards, input: f"--selector {input.selector}" if input.selector else "",
    message: "train " + NAME
    shell:
        JOB + " train " + KEYS + " --states {input.states} --memories {input.memories}"
        " {params.selector} --out {output}"


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
        settings=settings("select"),
        experiment=reference,
        previous=lambda wildcards, input: f"--previous {input.previous}" if input.previous else "",
    message: "select " + NAME
    shell:
        JOB + " select " + KEYS + " --states {input.states} {params.previous} --out {output}"


rule remember:
    """Keep exemplars."""
    input:
        snapshot="results/models/{model}",
        encoded=encoded,
        states=states,
    output: CELL + "/memory.json"
    log: LOGS + "/remember.log"
    benchmark: BENCHMARKS + "/remember.tsv"
    threads: threads
    priority: 1
    params:
        settings=settings("remember"),
        experiment=reference,
    message: "remember " + NAME
    shell:
        JOB + " remember " + KEYS + " --states {input.states} --out {output}"
