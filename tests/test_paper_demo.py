"""The demonstration: its tables say what they were made with."""

import json
from dataclasses import replace

import pytest
from paper_rows import use_noise

from benchmarks import demo, experiments

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_tables_are_markdown_with_settings_and_numbers(monkeypatch, tmp_path, capsys):
    use_noise(monkeypatch, "ecg")
    small = {"network__n_filters": 2, "network__n_latent": 2, "stft__n_fft": 16}
    definition = replace(
        experiments.EXPERIMENTS["ecg"], quick=({}, 1), parameters=small, nmf={}
    )
    monkeypatch.setitem(experiments.EXPERIMENTS, "ecg", definition)
    drawn = []
    monkeypatch.setattr(demo, "draw", lambda *of: drawn.append(of))
    demo.main(["ecg", "--seed", "3", "--output", str(tmp_path)])
    text = (tmp_path / "ecg" / "table.md").read_text()
    assert text in capsys.readouterr().out
    assert len(drawn) == 1
    results = json.loads((tmp_path / "ecg" / "results.json").read_text())
    block = text[text.index("| estimate") :].split("\n\n")[0].splitlines()
    lines = [line.strip("| ").split("|") for line in block]
    header, _, *rows = ([cell.strip() for cell in line] for line in lines)
    rows = {row[0].split(",")[0].strip("`"): row for row in rows}
    assert {"NMFSeparator", "CASSSeparator"} <= set(results["settings"])
    for name, measured in results["measured"].items():
        shown = float(rows[name][header.index("fetal L2")])
        assert shown == pytest.approx(measured["L2"][1], abs=5e-4)
    assert "python -m benchmarks.demo ecg --seed 3" in text
    assert f"commit {results['commit']}" in text
    for name, settings in results["settings"].items():
        assert settings.startswith(name)
        assert ("ResNet9(n_filters=2, n_latent=2" in settings) == (
            name != "NMFSeparator"
        )
        assert "n_fft=16" in settings
        assert "random_state=3" in settings
        assert settings in text
    # the rows that were tested on were not trained on
    assert (results["n_training_rows"], results["n_test_rows"]) == (12, 6)


def test_unknown_experiments_are_refused(capsys):
    with pytest.raises(SystemExit):
        demo.main(["nothing"])
    assert "nothing" in capsys.readouterr().err
