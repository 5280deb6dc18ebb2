"""Raw files -> samples -> tasks -> tokens; and the models' weights."""


rule fetch_model:
    """Fetch the frozen backbone."""
    input:
        local_model,
    output:
        directory("results/models/{model}"),
    log:
        "results/models/{model}.log",
    benchmark:
        "results/models/{model}.benchmark.tsv"
    params:
        settings=settings("fetch_model"),
        mirror=mirror,
    message:
        "fetch model {wildcards.model}"
    shell:
        f"{JOB} fetch-model --model {{wildcards.model:q}} --out {{output:q}}"
        f" {{params.mirror}}{TOLD}"


rule fetch_dataset:
    """Fetch raw files, by hash."""
    input:
        local_files,
    output:
        directory("results/data/{dataset}/{part}/raw"),
    log:
        "results/data/{dataset}/{part}/fetch.log",
    benchmark:
        "results/data/{dataset}/{part}/fetch.benchmark.tsv"
    params:
        settings=settings("fetch_dataset"),
        mirror=mirror,
    message:
        "fetch dataset {wildcards.dataset} ({wildcards.part})"
    shell:
        f"{JOB} fetch-dataset --dataset {{wildcards.dataset:q}} --part {{wildcards.part:q}} --out"
        f" {{output:q}} {{params.mirror}}{TOLD}"


rule prepare:
    """One row a sample."""
    input:
        raw="results/data/{dataset}/{part}/raw",
        before=earlier_samples,
    output:
        samples="results/data/{dataset}/{part}/samples.parquet",
        report="results/data/{dataset}/{part}/prepare.json",
    log:
        "results/data/{dataset}/{part}/prepare.log",
    benchmark:
        "results/data/{dataset}/{part}/prepare.benchmark.tsv"
    params:
        settings=settings("prepare"),
        before=given("--before", "before"),
    message:
        "prepare {wildcards.dataset} ({wildcards.part})"
    shell:
        f"{JOB} prepare --dataset {{wildcards.dataset:q}} --part {{wildcards.part:q}} --raw"
        f" {{input.raw:q}} {{params.before}} --out {{output.samples:q}} --report"
        f" {{output.report:q}}{TOLD}"


rule split:
    """Classes to tasks."""
    input:
        samples="results/data/{dataset}/{part}/samples.parquet",
        raw="results/data/{dataset}/{part}/raw",
        before=earlier_parts,
    output:
        "results/{experiment}/{dataset}/{part}.tasks.json",
    log:
        "results/{experiment}/logs/{dataset}/{part}.split.log",
    benchmark:
        "results/{experiment}/benchmarks/{dataset}/{part}.split.tsv"
    params:
        settings=settings("split"),
        before=given("--before", "before"),
    message:
        "split {wildcards.dataset} ({wildcards.part})"
    shell:
        f"{JOB} split --dataset {{wildcards.dataset:q}} --part {{wildcards.part:q}} --samples"
        f" {{input.samples:q}} --raw {{input.raw:q}} {{params.before}} --out {{output:q}}{TOLD}"


rule encode:
    """Texts to token ids."""
    input:
        snapshot="results/models/{model}",
        samples="results/data/{dataset}/{part}/samples.parquet",
        tasks="results/{experiment}/{dataset}/{part}.tasks.json",
    output:
        "results/{experiment}/{dataset}/{model}/{part}.safetensors",
    log:
        "results/{experiment}/logs/{dataset}/{model}/{part}.encode.log",
    benchmark:
        "results/{experiment}/benchmarks/{dataset}/{model}/{part}.encode.tsv"
    params:
        settings=settings("encode"),
    message:
        "encode {wildcards.dataset} ({wildcards.part}) for {wildcards.model}"
    shell:
        f"{JOB} encode --dataset {{wildcards.dataset:q}} --model {{wildcards.model:q}} --snapshot"
        f" {{input.snapshot:q}} --samples {{input.samples:q}} --tasks {{input.tasks:q}} --out"
        f" {{output:q}}{TOLD}"
