"""Prepare a drop: read, check, split, write. Called by jobs/prepare.py."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from jobs.folder import Contract, DataPolicy, ModelFolder
from jobs.outcome import DataRefusedError, finish, write_json
from jobs.preparation.cleaning import Cleaned, clean
from jobs.preparation.outputs import Golden, Outputs
from jobs.preparation.reading import Source, list_sources
from jobs.preparation.splitting import TEST, assign


class Preparation:
    """One run over a drop, and what it counted."""

    def __init__(self, contract: Contract, policy: DataPolicy, sources: list[Source], output: Path) -> None:
        self.contract, self.policy, self.sources, self.output = contract, policy, sources, output
        self.golden = Golden(policy.golden_rows)
        self.outputs = Outputs(output, contract)

    def run(self, features: Any) -> str:
        """Prepare everything; return the closing sentence. The report is written even when this raises."""
        try:
            with self.outputs as outputs:
                for source in self.sources:
                    for batch in source.batches(self.contract):
                        cleaned = clean(batch, self.contract, features)
                        source.refused.update(cleaned.refused)
                        self._keep(outputs, cleaned)
            self._judge()
            write_json(self.output / "golden" / "golden.json", self.golden.to_json(self.contract))
        finally:
            self.write_report()
        return f"Prepared {self.accepted:,} of {self.rows:,} rows."

    def _keep(self, outputs: Outputs, cleaned: Cleaned) -> None:
        splits = assign(cleaned.hashes, self.policy.validation_share, self.policy.test_share)
        outputs.write(cleaned.table, splits)
        tests = splits == TEST
        self.golden.offer(cleaned.hashes[tests], cleaned.table[tests])

    @property
    def rows(self) -> int:
        """Return how many rows were read."""
        return sum(source.rows for source in self.sources)

    @property
    def reasons(self) -> Counter[str]:
        """Return the reasons over all files."""
        return sum((source.refused for source in self.sources), Counter())

    @property
    def accepted(self) -> int:
        """Return how many rows were accepted."""
        return sum(self.outputs.counts.values())

    def _judge(self) -> None:
        policy, refused = self.policy, self.rows - self.accepted
        worst = max(self.sources, key=lambda source: source.refused.total())
        top = ", ".join(
            f"{reason} in {count:,} ({count / self.rows:.1%})" for reason, count in self.reasons.most_common(3)
        )
        if refused > policy.maximum_refused_share * self.rows:
            raise DataRefusedError(
                f"{refused:,} of {self.rows:,} rows ({refused / self.rows:.1%}) were refused, most in "
                f"{worst.name}; policy.json allows {policy.maximum_refused_share:.0%}: {top}; "
                "correct the data, or data.maximumRefusedShare."
            )
        if self.accepted < policy.minimum_rows:
            raise DataRefusedError(
                f"{self.accepted:,} of {self.rows:,} rows are usable; policy.json asks for "
                f"{policy.minimum_rows:,}{f' ({top})' if top else ''}; add rows, or lower data.minimumRows."
            )
        for name, count in self.outputs.counts.items():
            if count == 0:
                raise DataRefusedError(
                    f"none of the {self.accepted:,} usable rows falls into the {name} split; add rows."
                )

    def write_report(self) -> None:
        """Write report.json: what was read, what was refused and why, and the split."""
        report = {
            "rowsRead": self.rows,
            "rowsAccepted": self.accepted,
            "rowsRefused": self.reasons.total(),
            "refusedByReason": dict(self.reasons.most_common()),
            "files": [
                {
                    "name": source.name,
                    "sha256": source.sha256(),
                    "rows": source.rows,
                    "refused": source.refused.total(),
                }
                for source in self.sources
            ],
            "split": dict(self.outputs.counts),
        }
        write_json(self.output / "report" / "report.json", report)


def main(argv: list[str] | None = None) -> int:
    """Run the job and return its exit code."""
    parser = argparse.ArgumentParser(description="Turn a drop into training, validation, test and baseline data.")
    parser.add_argument("--code", type=Path, required=True, help="the code channel: holds model/ and jobs/")
    parser.add_argument("--input", type=Path, required=True, help="the drop's data files, and nothing else")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--message", type=Path, required=True, help="where SageMaker reads the exit message")
    given = parser.parse_args(argv)

    def prepare() -> str:
        folder = ModelFolder.of(given.code)
        contract, policy = folder.contract(), folder.data_policy()
        features = folder.function("features.py", "features")
        try:
            sources = list_sources(given.input)
        except DataRefusedError:
            Preparation(contract, policy, [], given.output).write_report()
            raise
        return Preparation(contract, policy, sources, given.output).run(features)

    return finish(given.message, prepare)
