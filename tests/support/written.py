"""Write experiments' folders from synthetic tables, as runs leave them."""

import json

from support import tables as frames

from lambdist_lib.results import files, tables
from lambdist_lib.runs.conditions import Conditions


def written(home, runs, *, dead=(), facts=None, words=()):
    """Write an experiment's folder; line n of the data is words[n], else word-n."""
    for row in runs.to_dict("records"):
        folder = home / "runs" / row["run_id"]
        folder.mkdir(parents=True)
        count = int(row["submitted"])
        table = frames.records(count, arm=row["arm"], run_id=row["run_id"], dead=dead)
        table.loc[table.index[count - int(row["lost"]) :], "outcome"] = "lost"
        tables.write_table(folder, "records", table)
        tables.write_table(folder, "invocations", frames.invocations(count, run_id=row["run_id"], cold=3))
        with (folder / "outputs.jsonl").open("w", encoding="utf-8") as file:
            for n, outcome, cause in table[["n", "outcome", "cause"]].itertuples(index=False):
                data = words[n] if n < len(words) else f"word-{n}"
                answer = (
                    {"result": "x"} if outcome == "stored" else {"error": f"{outcome}: {cause or 'gone'}"}
                )
                file.write(json.dumps({"n": n, "data": data, **answer}) + "\n")
        ended = {"state": "collected", "unknown": 0, "stopped": ""}
        files.write_json(
            folder / "run.json", {**row, **Conditions().settings(), "data": "words.txt", **ended}
        )
    tables.write_table(home, "runs", runs)
    if facts is not None:
        known = {"experiment_id": home.name, "target": "local cloud", "data": "words.txt", "seed": 0}
        files.write_json(
            home / "experiment.json",
            {**known, "arms": ["distributed", "single_node"], **Conditions().facts(), **facts},
        )
    return home
