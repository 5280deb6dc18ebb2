"""Every state is tested on all tasks seen so far."""


rule evaluate:
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
