"""Raw files -> samples -> tasks -> tokens; and the models' weights."""


rule fetch_model:
    """Fetch the frozen backbone."""
    output: directory("results/models/{model}")
    log: "results/models/{model}.log"
    benchmark: "results/models/{model}.benchmark.tsv"
    params:
        settings=settings("fetch_model"),
        experiment=reference,
        mirror=mirror,
    message: "fetch model {wildcards.model}"
    shell:
        JOB + " fetch-model --experiment {params.experiment:q} --model {wildcards.model}"
        " --out {output} {params.mirror}"


rule fetch_dataset:
    """Fetch raw files, by hash."""
    input: local_files
    output: directory("results/data/{dataset}/{part}/raw")
    log: "results/data/{dataset}/{part}/fetch.log"
    benchmark: "results/data/{dataset}/{part}/fetch.benchmark.tsv"
    params:
        settings=settings("fetch_dataset"),
        experiment=reference,
        mirror=mirror,
    message: "fetch dataset {wildcards.dataset} ({wildcards.part})"
    shell:
        JOB + " fetch-dataset --experiment {params.experiment:q}"
        " --dataset {wildcards.dataset} --part {wildcards.part} --out {output} {params.mirror}"


rule prepare:
    """One row a sample."""
    input: raw="results/data/{dataset}/{part}/raw"
    output:
        samples="results/data/{dataset}/{part}/samples.parquet",
        report="results/data/{dataset}/{part}/prepare.json",
    log: "results/data/{dataset}/{part}/prepare.log"
    benchmark: "results/data/{dataset}/{part}/prepare.benchmark.tsv"
    params:
        settings=settings("prepare"),
        experiment=reference,
    message: "prepare {wildcards.dataset} ({wildcards.part})"
    shell:
        JOB + " prepare --experiment {params.experiment:q} --dataset {wildcards.dataset}"
        " --part {wildcards.part} --raw {input.raw} --out {output.samples}"
        " --report {output.report}"


rule split:
    """Classes to tasks."""
    input:
        samples="results/data/{dataset}/{part}/samples.parquet",
        raw="results/data/{dataset}/{part}/raw",
        before=earlier_parts,
    output: "results/{experiment}/{dataset}/{part}.tasks.json"
    log: "results/{experiment}/logs/{dataset}/{part}.split.log"
    benchmark: "results/{experiment}/benchmarks/{dataset}/{part}.split.tsv"
    params:
        settings=settings("split"),
        experiment=reference,
    message: "split {wildcards.dataset} ({wildcards.part})"
    shell:
        JOB + " split --experiment {params.experiment:q} --dataset {wildcards.dataset}"
        " --part {wildcards.part} --samples {input.samples} --raw {input.raw}"
        " --before {input.before} --out {output}"


rule encode:
    """Texts to token ids."""
    input:
        snapshot="results/models/{model}",
        samples="results/data/{dataset}/{part}/samples.parquet",
        tasks="results/{experiment}/{dataset}/{part}.tasks.json",
    output: "results/{experiment}/{dataset}/{model}/{part}.safetensors"
    log: "results/{experiment}/logs/{dataset}/{model}/{part}.encode.log"
    benchmark: "results/{experiment}/benchmarks/{dataset}/{model}/{part}.encode.tsv"
    params:
        settings=settings("encode"),
        experiment=reference,
    message: "encode {wildcards.dataset} ({wildcards.part}) for {wildcards.model}"
    shell:
        JOB + " encode --experiment {params.experiment:q} --dataset {wildcards.dataset}"
        " --model {wildcards.model} --part {wildcards.part} --snapshot {input.snapshot}"
        " --samples {input.samples} --tasks {input.tasks} --out {output}"
