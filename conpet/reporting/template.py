"""The page's HTML and CSS; values come in escaped, ``| safe`` marks what was made here."""

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: #fff; color: #1a1a1a;
  font: 1rem/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; border-bottom: 2px solid #0072B2; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; margin: .6rem 0; }
a { color: #00589b; }
figure { margin: 1.6rem 0; }
figcaption { font-weight: 600; margin-bottom: .4rem; }
.scroll { overflow-x: auto; }
.scroll img { display: block; max-width: 100%; height: auto; }
.scroll svg { display: block; width: 100%; max-width: 56rem; min-width: 40rem; height: auto; }
.scroll svg text { fill: #444; }
.scroll svg.graph { max-width: 40rem; min-width: 34rem; }
.scroll svg.graph text { fill: #1a1a1a; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .6rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; }
th.label, tbody th { text-align: left; }
tbody th { font-weight: 400; }
thead tr:last-child th { border-bottom: 1px solid #555; }
tr.groups th { text-align: center; }
tbody tr:nth-child(even) { background: #f4f6f8; }
tr.rule > * { border-top: 1px solid #999; }
table.facts :is(th, td) { text-align: left; white-space: normal; vertical-align: top; }
ul.notes { margin: .4rem 0; padding-left: 1.1rem; color: #444; font-size: .85rem; }
code, pre { font: .85em/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
pre { overflow-x: auto; background: #f4f6f8; padding: .7rem; overflow-wrap: normal; }
details { border: 1px solid #d5dae0; border-radius: .3rem; margin: .35rem 0; padding: 0 .7rem; }
summary { cursor: pointer; padding: .35rem 0; }
.muted { color: #555; font-size: .88rem; }
.pending { color: #a04000; }
blockquote { margin: .1rem 0 .6rem; padding-left: .7rem; border-left: 3px solid #d5dae0; }
@media (max-width: 40rem) { body { padding: .7rem; } h1 { font-size: 1.35rem; }
  table:not(.facts) tbody th:first-child { position: sticky; left: 0; background: #fff;
    white-space: normal; min-width: 6.5rem; max-width: 9.5rem; overflow-wrap: normal; }
  table:not(.facts) tbody tr:nth-child(even) th:first-child { background: #f4f6f8; }
  table.facts :is(tr, th, td) { display: block; } table.facts th { font-weight: 600; } }
@media print { details { break-inside: avoid; } nav { display: none; } }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="icon" href="data:,">
<style>{{ css | safe }}</style>
</head>
<body>
<header>
<h1>{{ title }}</h1>
<p>Experiment <code>{{ experiment }}</code>: {{ finished }} of {{ total }} runs finished
({{ datasets | length }} dataset{{ 's' if datasets | length != 1 }}: {{ datasets | join(', ') }};
model{{ 's' if models | length != 1 }}: {{ models | join(', ') }};
{{ methods | length }} method{{ 's' if methods | length != 1 }};
seeds {{ seeds | join(', ') }}).</p>
<nav><a href="#run">What was run</a><a href="#tables">Tables</a><a href="#figures">Figures</a>
{%- if dag %}<a href="#dag">Workflow</a>{% endif %}<a href="#runs">Runs</a></nav>
</header>
<main>
<h2 id="run">What was run</h2>
<div class="scroll"><table class="facts"><tbody>
{%- for name, value in facts %}
<tr><th scope="row">{{ name }}</th><td>{{ value }}</td></tr>
{%- endfor %}
</tbody></table></div>
<details><summary>Data, splits and models by SHA-256 ({{ hashes | length }})</summary>
<div class="scroll"><table class="facts"><tbody>
{%- for path, hash in hashes.items() %}
<tr><th scope="row">{{ path }}</th><td><code>{{ hash }}</code></td></tr>
{%- endfor %}
</tbody></table></div></details>
{%- if config %}
<details><summary>Configuration, resolved</summary><pre>{{ config }}</pre></details>
{%- endif %}

<h2 id="tables">Tables</h2>
{%- for table in tables %}
{{ table | safe }}
{%- endfor %}

<h2 id="figures">Figures</h2>
{%- for figure in figures %}
<figure id="figure-{{ figure.name }}"><figcaption>{{ figure.meaning }}</figcaption>
<div class="scroll"><img src="{{ figure.uri }}" alt="{{ figure.meaning }}"
 style="width: {{ figure.width }}pt; min-width: min(40rem, {{ figure.width }}pt)"></div></figure>
{%- endfor %}

{%- if dag %}
<h2 id="dag">Workflow</h2>
<figure><figcaption>The rules that made this: {{ '{:,}'.format(jobs) }} jobs from nothing, and what
they wait for</figcaption>
<div class="scroll">{{ dag | safe }}</div>
<ul class="notes"><li>Blue dashes: a task's job waits for the task before. What sums up waits for
the last exemplars too (not drawn).</li></ul></figure>
{%- endif %}

<h2 id="runs">Runs</h2>
<p class="muted">Curves: blue, validation accuracy (dot: the epoch kept); green dashes, the
selector's; vermillion, training loss. Confusions: after the last task evaluated, with the mistake
the model was surest of.{% if store %} Links into MLflow lead to <code>{{ store }}</code>
{%- if '127.0.0.1' in store %}, where <code>conpet ui</code> shows this machine's store{% endif %}.
{%- endif %}</p>
{%- for run in runs %}
<details><summary><code>{{ run.key }}</code>
<span class="{{ run.status }}">{{ run.status }}</span>
<span class="muted">{{ run.headline }}</span></summary>
{%- if run.link %}<p><a href="{{ run.link }}">this run in MLflow</a></p>
{%- elif run.mlflow %}<p class="muted">MLflow run <code>{{ run.mlflow }}</code></p>{% endif %}
{%- if run.curves %}<div class="scroll">{{ run.curves | safe }}</div>{% endif %}
{%- if run.tasks %}
<div class="scroll"><table><thead><tr>
{%- for name in task_columns %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead><tbody>
{%- for row in run.tasks %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody></table></div>
{%- endif %}
{%- if run.confusions %}<h3>Worst confusions</h3>
{%- for c in run.confusions %}
<p><code>{{ c.label }}</code> taken for <code>{{ c.prediction }}</code>:
{{ c.count }} of {{ c.of }}</p>
{%- if c.example %}<blockquote>{{ c.example }}</blockquote>{% endif %}
{%- endfor %}
{%- endif %}
</details>
{%- endfor %}
</main>
</body>
</html>
"""
