"""Every state is tested on all tasks seen so far."""


rule evaluate:
    """Test all tasks so far."""
    input:
        snapshot="results/models/{model}",
        encoded=encoded,
        states=states,
        selector=selector,
    output:
        metrics=f"{CELL}/metrics.json",
        predictions=f"{CELL}/predictions.parquet",
    log:
        f"{LOGS}/evaluate.log",
    benchmark:
        f"{BENCHMARKS}/evaluate.tsv"
    # before further trainings: who looks while it runs wants to see what came out
    priority: 1
    threads: threads
    resources:
        gpu_mb=gpu_mb,
    params:
        settings=settings("evaluate"),
        encoded=given("--encoded", "encoded"),
        states=given("--state", "states"),
        selector=given("--selector", "selector"),
    message:
        f"evaluate {NAME}"
    shell:
        f"{JOB} evaluate --snapshot {{input.snapshot:q}} {{params.encoded}} {{params.states}}"
        f" {{params.selector}} --metrics {{output.metrics:q}} --predictions"
        f" {{output.predictions:q}}{TOLD}"
