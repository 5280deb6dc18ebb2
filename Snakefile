"""Continual parameter-efficient tuning, from raw files to tables, figures, report and MLflow.

Type a target: demo, tables, figures, report, mlflow, learners, models, partial, publish, verify,
all (the default), or a file's path.
`snakemake tables --config experiment=clinc150` takes config/experiments/clinc150.yaml.
"""

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/running.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/learn.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/use.smk"


report: "workflow/report/workflow.rst"


# on a cluster these run where snakemake does: they are short, or need the network or the store
localrules:
    all,
    demo,
    tables,
    figures,
    report,
    mlflow,
    learners,
    models,
    publish,
    verify,
    fetch_model,
    fetch_dataset,
    prepare,
    split,
    table,
    figure,
    graph,
    page,
    store,
    track,
    track_summary,
    keep,
    partial,
    log_model,


rule all:
    default_target: True
    input:
        lambda wildcards: everything(EXPERIMENT),
    message:
        "everything of experiment {EXPERIMENT}: results/{EXPERIMENT}"


rule demo:
    input:
        lambda wildcards: [*everything("demo"), *learner_to_ask("demo")],
    message:
        "the demo"


rule tables:
    input:
        lambda wildcards: table_files(EXPERIMENT) + metrics_files(EXPERIMENT),
    message:
        "tables of experiment {EXPERIMENT}: results/{EXPERIMENT}/tables"


rule figures:
    input:
        lambda wildcards: figure_files(EXPERIMENT) + metrics_files(EXPERIMENT),
    message:
        "figures of experiment {EXPERIMENT}: results/{EXPERIMENT}/figures"


rule report:
    input:
        f"results/{EXPERIMENT}/report.html",
        lambda wildcards: metrics_files(EXPERIMENT),
    message:
        "report of experiment {EXPERIMENT}: results/{EXPERIMENT}/report.html"


rule mlflow:
    input:
        lambda wildcards: tracked_files(EXPERIMENT) + packaged_files(EXPERIMENT),
    message:
        "experiment {EXPERIMENT} in MLflow"


rule publish:
    input:
        kept_files,
    message:
        "tables and figures of experiment {EXPERIMENT}, kept for good: results/published/{EXPERIMENT}"


rule verify:
    log:
        f"results/{EXPERIMENT}/logs/verify.log",
    # none are named where jobs go to a cluster (`workflow.cores` is an error there)
    threads: workflow.resource_settings.cores or 1
    params:
        python=sys.executable,
        script=f"{workflow.basedir}/workflow/scripts/verify.py",
        experiment=_references[EXPERIMENT],
        tolerance=TOLERANCE,
        mirror=shlex.quote(f"mirror={Path(MIRROR).resolve()}") if MIRROR else "",
    # no output: whoever asks wants it made again
    message:
        "make {EXPERIMENT} again and compare it with what is published"
    shell:
        "{RUNNER} {log:q} {params.python:q} {params.script:q} {params.experiment:q} {threads}"
        " {params.tolerance} {params.mirror}"


rule partial:
    input:
        f"results/{EXPERIMENT}/rules.json",
    log:
        f"results/{EXPERIMENT}/logs/partial.log",
    params:
        experiment=_references[EXPERIMENT],
    # what is missing stays missing; no output: what is there grows
    message:
        "tables, figures and report of what {EXPERIMENT} has so far"
    shell:
        JOB + " tables --experiment {params.experiment:q} --results results"


rule learners:
    input:
        lambda wildcards: learner_folders(EXPERIMENT),
    message:
        "learners of experiment {EXPERIMENT}, ready to be asked"


rule models:
    input:
        lambda wildcards: model_files(EXPERIMENT),
    message:
        "learners of experiment {EXPERIMENT}, ready to be asked, and in MLflow"


plan_quietly()


onstart:
    leave_ctrl_c_to_snakemake()
    lock()
    written_out.note(named, Path("results"))
    start_forkserver()
    # Snakemake's limit on jobs per second has the scheduler look again a second after every look,
    # for good, one more time for every job that ended: after some hundred jobs that takes a core.
    # It is for clusters; what runs on this machine needs none.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    end_quietly()


onerror:
    end_quietly()
