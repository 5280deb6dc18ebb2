"""Tables, figures, report, and MLflow: all made from the files of finished runs."""


rule table:
    """CSV, Markdown and LaTeX."""
    input:
        all_runs,
        reported,
    output:
        csv=report(
            "results/{experiment}/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}", "experiment": "{experiment}"},
        ),
        others=multiext("results/{experiment}/tables/{table}", ".md", ".tex", ".json"),
    log:
        "results/{experiment}/logs/tables/{table}.log",
    benchmark:
        "results/{experiment}/benchmarks/tables/{table}.tsv"
    params:
        settings=settings("matrix"),
        prefix=lambda wildcards, output: output.csv.removesuffix(".csv"),
        about=lambda wildcards: TABLES[wildcards.table],
    message:
        "table {wildcards.table} of {wildcards.experiment}"
    shell:
        f"{JOB} table {{wildcards.table:q}} --results results --out {{params.prefix:q}}{TOLD}"


rule figure:
    """SVG and PNG."""
    input:
        all_runs,
    output:
        svg=report(
            "results/{experiment}/figures/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "experiment": "{experiment}"},
        ),
        png="results/{experiment}/figures/{figure}.png",
    log:
        "results/{experiment}/logs/figures/{figure}.log",
    benchmark:
        "results/{experiment}/benchmarks/figures/{figure}.tsv"
    params:
        settings=settings("matrix"),
        prefix=lambda wildcards, output: output.svg.removesuffix(".svg"),
        about=lambda wildcards: FIGURES[wildcards.figure],
    message:
        "figure {wildcards.figure} of {wildcards.experiment}"
    shell:
        f"{JOB} plot {{wildcards.figure:q}} --results results --out {{params.prefix:q}}{TOLD}"


rule graph:
    """What waits for what."""
    output:
        "results/{experiment}/rules.json",
    log:
        "results/{experiment}/logs/graph.log",
    params:
        experiment=reference,
        # where the script lies is nothing that another graph comes from
        script=lambda wildcards, output: GRAPH,
        # asked again where there are other jobs
        files=lambda wildcards: files_hash(wildcards.experiment),
    message:
        "rules of {wildcards.experiment}"
    shell:
        "{RUNNER} {log:q} {params.script} {params.experiment:q} {output:q}"


rule page:
    """All of it on one page."""
    input:
        runs=all_runs,
        rules="results/{experiment}/rules.json",
        reported=reported,
        # it links to the runs in MLflow
        tracked=lambda wildcards: [f"{run}/tracked.json" for run in runs(chosen(wildcards))],
    output:
        report(
            "results/{experiment}/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"experiment": "{experiment}"},
        ),
    log:
        "results/{experiment}/logs/report.log",
    benchmark:
        "results/{experiment}/benchmarks/report.tsv"
    params:
        settings=settings("matrix"),
        store=STORE,
    message:
        "report of {wildcards.experiment}"
    shell:
        f"{JOB} report --results results --store {{params.store:q}} --out {{output:q}}{TOLD}"


rule store:
    """Make MLflow's database."""
    output:
        **store_files(),
    log:
        "results/mlflow.log",
    benchmark:
        "results/mlflow.benchmark.tsv"
    params:
        store=STORE,
        artifacts=ARTIFACTS,
    message:
        "make the MLflow store {params.store}"
    shell:
        f"{JOB} track-store --store {{params.store:q}} --artifacts {{params.artifacts:q}}"
        f" --out {{output.made:q}}"


rule track:
    """One run in MLflow."""
    input:
        store="results/mlflow.json",
        run=one_run,
    output:
        f"{RUN}/tracked.json",
    log:
        "results/{experiment}/logs/{dataset}/{model}/{method}/seed{seed}/track.log",
    benchmark:
        "results/{experiment}/benchmarks/{dataset}/{model}/{method}/seed{seed}/track.tsv"
    params:
        settings=settings("track"),
        store=STORE,
        artifacts=ARTIFACTS,
        run=lambda wildcards, output: str(Path(output[0]).parent),
    message:
        "track {wildcards.dataset} {wildcards.model} {wildcards.method} seed {wildcards.seed}"
    shell:
        f"{JOB} track --experiment {{wildcards.experiment:q}} --dataset {{wildcards.dataset:q}}"
        f" --model {{wildcards.model:q}} --method {{wildcards.method:q}} --seed {{wildcards.seed:q}}"
        f" --run {{params.run:q}} --store {{params.store:q}} --artifacts {{params.artifacts:q}}"
        f" --out {{output:q}}{TOLD}"


rule track_summary:
    """The rest in MLflow."""
    input:
        store="results/mlflow.json",
        tables=lambda wildcards: table_files(wildcards.experiment),
        figures=lambda wildcards: figure_files(wildcards.experiment),
        page="results/{experiment}/report.html",
    output:
        "results/{experiment}/tracked.json",
    log:
        "results/{experiment}/logs/track_summary.log",
    benchmark:
        "results/{experiment}/benchmarks/track_summary.tsv"
    params:
        settings=settings("matrix"),
        store=STORE,
        artifacts=ARTIFACTS,
    message:
        "track tables and figures of {wildcards.experiment}"
    shell:
        f"{JOB} track-summary --results results --store {{params.store:q}} --artifacts"
        f" {{params.artifacts:q}} --out {{output:q}}{TOLD}"


rule keep:
    """Tables and figures, kept for good."""
    input:
        tables=lambda wildcards: table_files(wildcards.experiment),
        figures=lambda wildcards: figure_files(wildcards.experiment),
    output:
        # not removed before the new one is there
        update(directory("results/published/{experiment}")),
    log:
        "results/{experiment}/logs/publish.log",
    params:
        settings=settings("matrix"),
    message:
        "publish {wildcards.experiment}"
    shell:
        f"{JOB} publish --experiment {{wildcards.experiment:q}} --results results --out"
        f" {{output:q}}{TOLD}"
