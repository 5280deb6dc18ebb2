"""Raw files -> samples -> tasks -> tokens; and the models' weights."""


rule fetch_model:
    """Fetch the frozen backbone."""
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
        f"{JOB} fetch-model --model {{wildcards.model}} --out {{output}}"
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
        f"{JOB} fetch-dataset --dataset {{wildcards.dataset}} --part {{wildcards.part}} --out"
        f" {{output}} {{params.mirror}}{TOLD}"


rule prepare:
    """One row a sample."""
    input:
        raw="results/data/{dataset}/{part}/raw",
    output:
        samples="results/data/{dataset}/{part}/samples.parquet",
        report="results/data/{dataset}/{part}/prepare.json",
    log:
        "results/data/{dataset}/{part}/prepare.log",
    benchmark:
        "results/data/{dataset}/{part}/prepare.benchmark.tsv"
    params:
        settings=settings("prepare"),
    message:
        "prepare {wildcards.dataset} ({wildcards.part})"
    shell:
        f"{JOB} prepare --dataset {{wildcards.dataset}} --part {{wildcards.part}} --raw"
        f" {{input.raw}} --out {{output.samples}} --report {{output.report}}{TOLD}"


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
        f"{JOB} split --dataset {{wildcards.dataset}} --part {{wildcards.part}} --samples"
        f" {{input.samples}} --raw {{input.raw}} {{params.before}} --out {{output}}{TOLD}"


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
        f"{JOB} encode --dataset {{wildcards.dataset}} --model {{wildcards.model}} --snapshot"
        f" {{input.snapshot}} --samples {{input.samples}} --tasks {{input.tasks}} --out"
        f" {{output}}{TOLD}"
