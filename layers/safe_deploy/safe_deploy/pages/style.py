"""The pages' style sheet: light and dark, phone and print. Used by layout.py, which also hashes it for the CSP.

A page without margins has no room for its address, in which the secret stands, when it is printed.
Blue and orange (Okabe & Ito 2008) tell better from worse for colour-blind eyes; shape and words tell it, too.
"""

LIGHT = """--ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --line: #d8dee4; --panel: #f6f8fa; --no: #b42318;
  --focus: #0550ae; --link: #0550ae; --good: #00639c; --bad: #b84a00; --mute: #6e7781; --good-panel: #e8f3fb;
  --bad-panel: #fdf0e6;"""
DARK = """--ink: #e6edf3; --soft: #9da7b1; --paper: #0d1117; --line: #30363d; --panel: #161b22; --no: #da3633;
  --focus: #79c0ff; --link: #79c0ff; --good: #56b4e9; --bad: #f0883e; --mute: #8b949e; --good-panel: #0c2336;
  --bad-panel: #2e1c0c;"""

STYLE = f"""
:root {{ color-scheme: light dark; {LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }}
main {{ max-width: 52rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }}
h1 {{ font-size: 1.625rem; line-height: 1.25; margin: 0 0 .25rem; letter-spacing: -.01em; }}
h2 {{ font-size: 1.25rem; line-height: 1.3; margin: 0 0 .5rem; }}
h3 {{ font-size: 1rem; margin: 1.75rem 0 .5rem; }}
section {{ margin-top: 2.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }}
p {{ margin: .5rem 0; max-width: 44rem; }}
a {{ color: var(--link); }}
.whole {{ white-space: nowrap; }}
.soft {{ color: var(--soft); }}
.small {{ font-size: .875rem; }}
.panel {{ background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
  padding: .75rem 1rem; margin: 1rem 0; }}
.problem {{ border-left: .375rem solid var(--no); }}
.verdict {{ border-left: .375rem solid var(--mute); margin: 1.25rem 0 1rem; padding: .875rem 1.125rem; }}
.verdict p {{ margin: .125rem 0; }}
.verdict .lead {{ font-size: 1.1875rem; font-weight: 650; line-height: 1.35; }}
.verdict.better {{ border-left-color: var(--good); background: var(--good-panel); }}
.verdict.worse, .verdict.mixed {{ border-left-color: var(--bad); background: var(--bad-panel); }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(13.5rem, 1fr)); gap: .75rem;
  margin: 1rem 0; padding: 0; }}
.tiles div {{ border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }}
.tiles dt {{ font-size: .875rem; color: var(--soft); }}
.tiles dd {{ margin: 0; }}
.tiles .value {{ font-size: 1.625rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }}
.tiles .detail {{ font-size: .875rem; color: var(--soft); line-height: 1.4; }}
nav ul {{ display: flex; flex-wrap: wrap; gap: .25rem 1.125rem; list-style: none; margin: 1rem 0 0; padding: 0;
  font-size: .9375rem; }}
nav a {{ display: inline-block; padding: .25rem 0; }}
table {{ border-collapse: collapse; width: 100%; margin: .75rem 0; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .4375rem .75rem .4375rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }}
th:last-child, td:last-child {{ padding-right: 0; }}
thead th {{ font-size: .8125rem; font-weight: 600; color: var(--soft); vertical-align: bottom; }}
tbody th {{ font-weight: 500; }}
td.number, th.number {{ text-align: right; }}
.number + :not(.number) {{ padding-left: 1.25rem; }}
.facts th {{ width: 13.5rem; }}
.range {{ display: block; font-size: .8125rem; color: var(--soft); }}
.tag {{ display: inline-block; white-space: nowrap; font-size: .875rem; font-weight: 600; color: var(--soft); }}
.tag.better {{ color: var(--good); }}
.tag.worse {{ color: var(--bad); }}
figure {{ margin: 1.25rem 0; }}
figcaption {{ font-size: .875rem; color: var(--soft); margin-top: .375rem; max-width: 44rem; }}
svg {{ display: block; width: 100%; max-width: 40rem; height: auto; font-family: inherit; }}
svg text {{ fill: var(--ink); font-size: 15px; font-variant-numeric: tabular-nums; }}
svg .soft {{ fill: var(--soft); }}
svg .axis {{ stroke: var(--line); stroke-width: 1.5; }}
svg .zero {{ stroke: var(--mute); stroke-width: 1.5; }}
svg .limit {{ stroke: var(--ink); stroke-width: 2; stroke-dasharray: 5 4; }}
svg .track {{ fill: var(--panel); }}
svg .better {{ fill: var(--good); stroke: var(--good); }}
svg .worse {{ fill: var(--bad); stroke: var(--bad); }}
svg .plain {{ fill: var(--good); }}
svg .same, svg .unknown {{ fill: var(--mute); stroke: var(--mute); }}
svg .hollow {{ fill: var(--paper); stroke-width: 2.5; }}
svg .whisker {{ stroke-width: 3; stroke-linecap: round; }}
svg .bar {{ stroke: none; }}
svg text.better, svg text.worse {{ stroke: none; font-weight: 600; }}
details {{ margin: .75rem 0; }}
summary {{ cursor: pointer; padding: .375rem 0; font-weight: 600; }}
code {{ font: .875em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  overflow-wrap: anywhere; }}
label {{ display: block; font-weight: 600; margin: 1rem 0 .25rem; }}
input, textarea {{ width: 100%; font: inherit; color: inherit; background: var(--paper);
  padding: .5rem .625rem; border: 1px solid var(--soft); border-radius: .375rem; }}
input {{ min-height: 2.75rem; }}
.buttons {{ display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }}
button {{ font: inherit; font-weight: 600; color: #ffffff; border: 0; border-radius: .375rem;
  cursor: pointer; min-height: 2.75rem; padding: .5rem 1.5rem; }}
button.yes {{ background: #1a7f37; }}
button.no {{ background: #b42318; }}
:focus-visible {{ outline: .1875rem solid var(--focus); outline-offset: .125rem; }}
@media (max-width: 40rem) {{
  main {{ padding: 1.25rem 1rem 3rem; }}
  h1 {{ font-size: 1.375rem; }}
  section {{ margin-top: 2rem; padding-top: 1.25rem; }}
  svg text {{ font-size: 24px; }}
  table.cards, .cards tbody, .cards tr, .cards th, .cards td {{ display: block; }}
  .cards thead {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
  .cards tr {{ border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .875rem; margin: .625rem 0; }}
  .cards th, .cards td {{ border: 0; padding: .1875rem 0; }}
  .cards tbody th {{ font-weight: 650; }}
  .facts th {{ width: 8rem; }}
  .number + :not(.number) {{ padding-left: 0; }}
  .cards td {{ display: flex; justify-content: space-between; gap: 1rem; text-align: right; }}
  .cards td::before {{ content: attr(data-head); color: var(--soft); font-size: .875rem; text-align: left; }}
  .buttons button {{ flex: 1; }}
}}
@page {{ margin: 0; }}
@media print {{
  :root {{ color-scheme: light; {LIGHT} }}
  main {{ max-width: none; padding: 1.5cm; }}
  body {{ font-size: 10.5pt; }}
  nav, form, .screen {{ display: none; }}
  section {{ break-inside: auto; margin-top: 1.25rem; padding-top: .75rem; }}
  h2, h3 {{ break-after: avoid; }}
  figure, tr, .tiles, .panel {{ break-inside: avoid; }}
  svg {{ max-width: 32rem; }}
  details::details-content {{ content-visibility: visible; display: block; height: auto; }}
  a[href^="http"]::after {{ content: " (" attr(href) ")"; overflow-wrap: anywhere; font-size: .8em; }}
}}
"""
