"""Every state is tested on all tasks seen so far; the last one's representations are kept."""


rule evaluate:
    """Test all tasks so far."""
    input:
        snapshot="results/models/{model}",
        encoded=encoded,
        states=states,
        selector=selector,
    output:
        metrics=CELL + "/metrics.json",
        predictions=CELL + "/predictions.parquet",
    log: LOGS + "/evaluate.log"
    benchmark: BENCHMARKS + "/evaluate.tsv"
    threads: threads
    params:
        settings=settings("evaluate"),
        experiment=reference,
        selector=lambda wildcards, input: f"--selector {input.selector}" if input.selector else "",
    message: "evaluate " + NAME
    shell:
        JOB + " evaluate " + KEYS + " --states {input.states} {params.selector}"
        " --metrics {output.metrics} --predictions {output.predictions}"


rule represent:
    """Keep hidden states."""
    input:
        snapshot="results/models/{model}",
        encoded=last(encoded),
        states=last(states),
        selector=last(selector),
    output: RUN + "/representations.safetensors"
    log: "results/{experiment}/logs/{dataset}/{model}/{method}/seed{seed}/represent.log"
    benchmark: "results/{experiment}/benchmarks/{dataset}/{model}/{method}/seed{seed}/represent.tsv"
    threads: threads
    params:
        settings=last(settings("evaluate")),
        experiment=reference,
        task=last_task,
        selector=lambda wildcards, input: f"--selector {input.selector}" if input.selector else "",
    message:
        "represent {wildcards.dataset} {wildcards.model} {wildcards.method} seed {wildcards.seed}"
    shell:
        JOB + " represent --experiment {params.experiment:q} --dataset {wildcards.dataset}"
        " --model {wildcards.model} --method {wildcards.method} --seed {wildcards.seed}"
        " --task {params.task} --snapshot {input.snapshot} --encoded {input.encoded}"
        " --states {input.states} {params.selector} --out {output}"
