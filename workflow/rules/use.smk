"""A finished run made into a learner that can be used elsewhere, and into a model of MLflow."""


def outside(wildcards):
    """Return the raw files, where the dataset has texts of none of its classes."""
    texts = chosen(wildcards).datasets[wildcards.dataset].outside
    return [f"results/data/{wildcards.dataset}/base/raw"] if texts else []


rule package:
    """A learner ready for use."""
    input:
        snapshot="results/models/{model}",
        encoded=last(encoded),
        states=last(states),
        selector=last(selector),
        raw=outside,
    output: directory(RUN + "/model")
    log: "results/{experiment}/logs/{dataset}/{model}/{method}/seed{seed}/package.log"
    benchmark: "results/{experiment}/benchmarks/{dataset}/{model}/{method}/seed{seed}/package.tsv"
    threads: threads
    params:
        settings=settings("package"),
        encoded=given("--encoded", "encoded"),
        states=given("--state", "states"),
        selector=given("--selector", "selector"),
        raw=given("--raw", "raw"),
    message:
        "package {wildcards.dataset} {wildcards.model} {wildcards.method} seed {wildcards.seed}"
    shell:
        JOB + " package --snapshot {input.snapshot} {params.encoded} {params.states}"
        " {params.selector} {params.raw} --out {output}" + TOLD


rule log_model:
    """A learner in MLflow."""
    input:
        package=RUN + "/model",
        tracked=RUN + "/tracked.json",
    output: RUN + "/logged_model.json"
    log: "results/{experiment}/logs/{dataset}/{model}/{method}/seed{seed}/log_model.log"
    benchmark: "results/{experiment}/benchmarks/{dataset}/{model}/{method}/seed{seed}/log_model.tsv"
    params:
        store=STORE,
    message:
        "log model {wildcards.dataset} {wildcards.model} {wildcards.method} seed {wildcards.seed}"
    shell:
        JOB + " log-model --package {input.package} --tracked {input.tracked}"
        " --store {params.store:q} --out {output}"
