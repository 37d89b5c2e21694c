"""What an MLflow store really holds of a run, and what lost answers and killed processes left.

A proxy may answer for the server: with a login page, an empty body or ``{}``, and MLflow's client
takes most of that for success.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import Kept
from rnnx.errors import StoreError

FOLDER_TAG = "rnnx.new_folder"  # of every run: the name under which its folder was made
# MLflow keeps an image as a PNG and a small WebP; older versions write % where newer ones write +.
IMAGE = re.compile(r"(images/(\w+)[+%]step[+%](\d+)[+%].*?)(\.png|[+%]compressed\.webp)")
UPLOADING = ".artifact.uploading.*"  # MLflow's names of files that it has not copied whole


def run_in_store(client: Any, run_id: str) -> Any:
    """MLflow's run; StoreError where what answers is no MLflow server."""
    run = client.get_run(run_id)
    if run.info.run_id != run_id:
        raise StoreError("what answers there is no MLflow server: it gave a run without an id")
    return run


def kept(client: Any, run_id: str) -> Kept:
    """Status, parameters and files of a run, read back."""
    run = run_in_store(client, run_id)
    # The client would read the run and its models again for each folder.
    files = dict(_files(_artifacts(client, run), ""))
    return Kept(run.info.status, frozenset(run.data.params), files, whole_images(files))


def whole_images(files: Mapping[str, int]) -> frozenset[tuple[str, int]]:
    """Name and step of each image both of whose files are there; path → bytes in ``files``."""
    found = [match for path, size in files.items() if size and (match := IMAGE.fullmatch(path))]
    count = Counter(match[1] for match in found)
    return frozenset((match[2], int(match[3])) for match in found if count[match[1]] == 2)


def torn_images(files: Iterable[str], name: str, step: int) -> list[str]:
    """What there is of the image ``name`` of a step."""
    found = ((path, IMAGE.fullmatch(path)) for path in files)
    return [path for path, match in found if match and (match[2], int(match[3])) == (name, step)]


def _artifacts(client: Any, run: Any) -> Any:
    """MLflow's repository of a run's artifacts."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(run.info.artifact_uri, client.tracking_uri)


def _files(artifacts: Any, folder: str) -> Iterator[tuple[str, int]]:
    for found in artifacts.list_artifacts(folder or None):
        if found.is_dir:
            yield from _files(artifacts, found.path)
        else:
            yield found.path, int(found.file_size or 0)


def create(client: Any, experiment_id: str, name: str, tags: Mapping[str, str], **more: Any) -> Any:
    """Create a run once: MLflow's client sends a request again whose answer was lost.

    Of two runs with the tag of one folder the older one is ended; where all answers were lost, the
    run that was created is found by that tag.
    """
    try:
        run = client.create_run(experiment_id, run_name=name, tags=dict(tags), **more)
    except Exception:
        with suppress(Exception):  # the first error counts
            if doubles := _with_mark(client, experiment_id, tags):
                return doubles[0]
        raise
    if str(client.tracking_uri).startswith("http"):
        with suppress(Exception):  # a server that has gone since
            for other in _with_mark(client, experiment_id, tags):
                if other.info.run_id != run.info.run_id:
                    client.set_tag(other.info.run_id, "reason", f"is {run.info.run_id}, sent twice")
                    client.set_terminated(other.info.run_id, "KILLED")
    return run


def _with_mark(client: Any, experiment_id: str, tags: Mapping[str, str]) -> list[Any]:
    mark = tags.get(FOLDER_TAG)
    query = f"tags.`{FOLDER_TAG}` = '{mark}'"
    return list(client.search_runs([experiment_id], query)) if mark else []


def remove_torn_files(run: Any) -> None:
    """Delete what a killed process has not copied whole to the folder of the run's artifacts."""
    folder = str(run.info.artifact_uri).removeprefix("file://")
    if folder.startswith("/"):
        for path in Path(folder).rglob(UPLOADING):
            with suppress(OSError):
                path.unlink()


def remove_artifact(client: Any, run_id: str, path: str) -> None:
    """Delete an artifact: MLflow's client has no method for it, its repositories have."""
    from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    repository = _artifacts(client, client.get_run(run_id))
    if isinstance(repository, LocalArtifactRepository):  # which decodes a path as if it were a URL
        (Path(repository.artifact_dir) / path).unlink(missing_ok=True)
    elif isinstance(repository, HttpArtifactRepository):
        repository.delete_artifacts(path.replace("%", "%25"))  # a part of a URL
    else:
        repository.delete_artifacts(path)
