"""A finished run made into a learner that can be used elsewhere, and into a model of MLflow."""


rule package:
    """A learner ready for use."""
    input:
        snapshot="results/models/{model}",
        encoded=last(encoded),
        states=last(states),
        selector=last(selector),
        raw=outside,
    output:
        directory(f"{RUN}/model"),
    log:
        "results/{experiment}/logs/{dataset}/{model}/{method}/seed{seed}/package.log",
    benchmark:
        "results/{experiment}/benchmarks/{dataset}/{model}/{method}/seed{seed}/package.tsv"
    threads: threads
    resources:
        gpu_mb=gpu_mb,
    params:
        settings=settings("package"),
        encoded=given("--encoded", "encoded"),
        states=given("--state", "states"),
        selector=given("--selector", "selector"),
        raw=given("--raw", "raw"),
    message:
        "package {wildcards.dataset} {wildcards.model} {wildcards.method} seed {wildcards.seed}"
    shell:
        f"{JOB} package --snapshot {{input.snapshot:q}} {{params.encoded}} {{params.states}}"
        f" {{params.selector}} {{params.raw}} --out {{output:q}}{TOLD}"


rule log_model:
    """A learner in MLflow."""
    input:
        package=f"{RUN}/model",
        tracked=f"{RUN}/tracked.json",
    output:
        f"{RUN}/logged_model.json",
    log:
        "results/{experiment}/logs/{dataset}/{model}/{method}/seed{seed}/log_model.log",
    benchmark:
        "results/{experiment}/benchmarks/{dataset}/{model}/{method}/seed{seed}/log_model.tsv"
    params:
        store=STORE,
    message:
        "log model {wildcards.dataset} {wildcards.model} {wildcards.method} seed {wildcards.seed}"
    shell:
        f"{JOB} log-model --package {{input.package:q}} --tracked {{input.tracked:q}} --store"
        f" {{params.store:q}} --out {{output:q}}"
