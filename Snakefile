"""Continual parameter-efficient tuning, from raw files to tables, figures, report and MLflow.

Type a target: demo, tables, figures, report, mlflow, models, partial, publish, verify, all (the
default), or a file's path.
`snakemake tables --config experiment=clinc150` takes config/experiments/clinc150.yaml.
"""

include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/learn.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/use.smk"


report: "workflow/report/workflow.rst"


# on a cluster these run where snakemake does: they are short, or need the network or the store
localrules:
    all, demo, tables, figures, report, mlflow, models, publish, verify,
    fetch_model, fetch_dataset, prepare, split, table, figure, graph, page, store, track,
    track_summary, keep, partial, log_model,


rule all:
    default_target: True
    message: "everything of experiment {EXPERIMENT}"
    input: lambda wildcards: everything(EXPERIMENT)


rule demo:
    message: "the demo, whatever experiment is set"
    input: lambda wildcards: everything("demo")


rule tables:
    message: "tables of experiment {EXPERIMENT}"
    input: lambda wildcards: table_files(EXPERIMENT)


rule figures:
    message: "figures of experiment {EXPERIMENT}"
    input: lambda wildcards: figure_files(EXPERIMENT)


rule report:
    message: "report of experiment {EXPERIMENT}"
    input: f"results/{EXPERIMENT}/report.html"


rule mlflow:
    message: "experiment {EXPERIMENT} in MLflow"
    input: lambda wildcards: tracked_files(EXPERIMENT) + packaged_files(EXPERIMENT)


rule publish:
    message: "tables and figures of experiment {EXPERIMENT}, kept for good"
    input: f"results/published/{EXPERIMENT}"


rule verify:
    # no output: whoever asks wants it made again
    message: "make {EXPERIMENT} again and compare it with what is published"
    # none are named where jobs go to a cluster (`workflow.cores` is an error there)
    threads: workflow.resource_settings.cores or 1
    params:
        script=f"{workflow.basedir}/workflow/scripts/verify.py",
        experiment=_references[EXPERIMENT],
        tolerance=TOLERANCE,
        mirror=shlex.quote(f"mirror={Path(MIRROR).resolve()}") if MIRROR else "",
    log: f"results/{EXPERIMENT}/logs/verify.log"
    shell:
        "{RUNNER} {log} {sys.executable:q} {params.script:q} {params.experiment:q} {threads}"
        " {params.tolerance} {params.mirror}"


rule partial:
    # what is missing stays missing; no output: what is there grows
    message: "tables, figures and report of what {EXPERIMENT} has so far"
    input: f"results/{EXPERIMENT}/rules.json"
    params:
        experiment=_references[EXPERIMENT],
    log: f"results/{EXPERIMENT}/logs/partial.log"
    shell: JOB + " tables --experiment {params.experiment:q} --results results"


rule models:
    message: "learners of experiment {EXPERIMENT}, ready for use, and in MLflow"
    input: lambda wildcards: model_files(EXPERIMENT)


onstart:
    lock()
    start_forkserver()
