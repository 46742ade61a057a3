from benchmarks import selection as benchmark
from benchmarks.selection import TITLES, selection


def test_the_page_has_a_row_for_each_size_its_exponents_and_what_was_not_measured(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "in_fresh_process", lambda work, kind, *shape: len(kind))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    selection(tokens=(32, 64, 128), batches=(1, 2), repeats=1, output=str(tmp_path / "page.md"))
    page = (tmp_path / "page.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == ["32", "64", "128", "1", "2"]
    assert all(row.endswith(f"| 0 of {24 * batch} |") for row, batch in zip(rows, (1, 1, 1, 1, 2), strict=True))
    assert "32 to 64: " in page and "64 to 128: " in page
    assert page.index(TITLES["batch"]) < page.index(TITLES["gpu"]) < page.index("Not measured")
