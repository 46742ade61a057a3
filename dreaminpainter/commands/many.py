"""Many fills, one after the other, of which none that is done is done again."""

import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from tqdm import tqdm

from dreaminpainter.commands.fills import Filler, save
from dreaminpainter.commands.jobs import RESULTS, Job, Result, read_jobs, read_results, write_results
from dreaminpainter.commands.sheets import contact_sheet
from dreaminpainter.components import describe
from dreaminpainter.errors import DreamInpainterError, SettingError


def fill_all(filler: Filler, jobs: str, folder: Path, settings: dict[str, Any]) -> int:
    """Fills what has not been filled, and writes the fills, the results table and a contact sheet.

    Args:
        filler: what fills.
        jobs: the folder or table of the jobs.
        folder: what to write to.
        settings: all that decides the fills besides the jobs; of others, jobs count as not done.

    Raises:
        SettingError: the outputs would lie where pictures are read.

    Returns:
        1 where a job failed or was none, else 0.
    """
    filler.pipeline.set_progress_bar_config(disable=True)
    wanted, none = read_jobs(jobs)
    for left_out in none:
        print(f"left out: {left_out.damage or left_out.id}", file=sys.stderr)
    _refuse_overwriting(wanted, jobs, folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings | {
        "seed": filler.seed,
        "fills": filler.fills,
        "box": filler.reference_box,
        "segmenter": filler.segmenter and describe(filler.segmenter),
    }
    fingerprints = {job.id: job.fingerprint(settings) for job in wanted}
    results = {
        name: result
        for name, result in read_results(folder).items()
        if name in fingerprints and _is_done(result, fingerprints[name], folder)
    }
    if results:
        print(f"{len(results)} of {len(wanted)} jobs are done already")
    for job in tqdm([job for job in wanted if job.id not in results], desc="jobs", unit="job"):
        results[job.id] = _fill(filler, job, fingerprints[job.id], folder)
        write_results(folder, results.values())
    filled = [job for job in wanted if results[job.id].status == "filled"]
    if filled:
        rows = [(job.request, [folder / name for name in results[job.id].names]) for job in filled]
        contact_sheet(rows).save(folder / "contact_sheet.png")
        print(f"contact sheet: {folder / 'contact_sheet.png'}")
    print(f"filled {len(filled)} of {len(wanted) + len(none)} jobs: {folder / RESULTS}")
    return 0 if len(filled) == len(wanted) + len(none) else 1


def _refuse_overwriting(wanted: list[Job], jobs: str, folder: Path) -> None:
    """Outputs may not lie where pictures are read from: a fill would replace a scene, or be read as one."""
    if Path(jobs).is_dir() and folder.resolve().is_relative_to(Path(jobs).resolve()):
        raise SettingError(f"output={folder} lies within jobs={jobs}, where pictures are read. Name another folder.")
    for job in wanted:
        for path in (job.request.image, job.request.mask_image, job.request.reference_image):
            if path.resolve().parent == folder.resolve():
                raise SettingError(f"output={folder} is where {path} is read from. Name another folder.")


def _is_done(result: Result, fingerprint: str, folder: Path) -> bool:
    is_same = result.status == "filled" and result.fingerprint == fingerprint
    return is_same and all((folder / name).is_file() for name in result.names)


def _fill(filler: Filler, job: Job, fingerprint: str, folder: Path) -> Result:
    start = perf_counter()
    try:
        filled = filler(job.request)
        paths = save(filled, folder / f"{job.id}.png")
    except (DreamInpainterError, OSError, RuntimeError) as error:
        tqdm.write(f"failed: {job.id}: {error}", file=sys.stderr)
        return Result(job.id, "failed", seed=filler.seed, error=str(error), fingerprint=fingerprint)
    for note in filled.notes:
        tqdm.write(f"note: {job.id}: {note}", file=sys.stderr)
    names = ";".join(path.name for path in paths)
    return Result(job.id, "filled", names, round(perf_counter() - start, 3), filler.seed, fingerprint=fingerprint)
