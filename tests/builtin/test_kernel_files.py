"""The files of compiled kernels: damaged, moved, full, read-only, and written by two at once."""

import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.skipif(
    find_spec("numba") is None, reason="the extra 'fast' is not installed"
)

SOURCE = """
from rnnx_builtin.kernels.simd.compiling import kernel

@kernel
def doubled(x: float) -> float:
    return 2 * x
"""
# Compile for the types of argv[2:], with the cache folder argv[1].
PROGRAM = """
import sys
from pathlib import Path
from rnnx_builtin.kernels.simd import compiling
compiling._folder = lambda package: Path(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from made import doubled
for text in sys.argv[3:]:
    x = eval(text)
    assert repr(doubled(x)) == repr(2 * x), (doubled(x), x)
print(sum(doubled.stats.cache_hits.values()))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from rnnx_builtin.kernels.simd import compiling  # which imports numba

    (tmp_path / "code").mkdir()
    monkeypatch.setattr(compiling, "_folder", lambda package: tmp_path / "code")
    return tmp_path / "code"


def made_in(place: Path) -> ModuleType:
    """A module with a kernel, in a file of its own."""
    place.mkdir(exist_ok=True)
    (place / "made.py").write_text(SOURCE, "utf-8")
    spec = importlib.util.spec_from_file_location("made", place / "made.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hits(place: Path) -> int:
    """How often a kernel that is called once takes its code from the cache."""
    kernel = made_in(place).doubled
    assert kernel(1.5) == 3
    return sum(kernel.stats.cache_hits.values())


@pytest.mark.parametrize("damage", ["empty", "cut", "foreign bytes"])
def test_a_damaged_file_is_compiled_anew(damage: str, folder: Path, tmp_path: Path) -> None:
    assert (hits(tmp_path), hits(tmp_path)) == (0, 1)
    (file,) = folder.iterdir()
    data = bytearray(file.read_bytes())
    if damage == "foreign bytes":
        middle = len(data) // 2
        data[middle : middle + 14] = bytes(14 * [0xCC])
    else:
        del data[0 if damage == "empty" else len(data) // 2 :]
    file.write_bytes(data)
    assert (hits(tmp_path), hits(tmp_path)) == (0, 1)


def test_code_survives_another_place_and_time_of_its_source(folder: Path, tmp_path: Path) -> None:
    assert hits(tmp_path / "here") == 0
    assert hits(tmp_path / "there") == 1
    os.utime(tmp_path / "there" / "made.py", (1, 1))
    assert hits(tmp_path / "there") == 1


def test_the_folder_is_named_by_the_content_of_the_sources(tmp_path: Path) -> None:
    from rnnx_builtin.kernels.simd import compiling

    name_of = compiling._folder.__wrapped__
    for place in ("one", "other"):
        made_in(tmp_path / place)
    os.utime(tmp_path / "other" / "made.py", (1, 1))
    assert name_of(tmp_path / "one") == name_of(tmp_path / "other")
    (tmp_path / "other" / "made.py").write_text(SOURCE + "\n", "utf-8")
    assert name_of(tmp_path / "one") != name_of(tmp_path / "other")


def test_something_else_computes_while_a_kernel_is_coming(folder: Path, tmp_path: Path) -> None:
    class Coming:
        ended = False

        def has_ended(self) -> bool:
            return self.ended

    kernel, coming = made_in(tmp_path).doubled, Coming()
    kernel.coming, kernel.meanwhile = coming, lambda x: 3 * x
    assert [kernel(1.5), kernel(1.5)] == [4.5, 4.5]
    assert list(folder.iterdir()) == []
    coming.ended = True
    assert [kernel(1.5), kernel.coming, len(list(folder.iterdir()))] == [3, None, 1]


def run(folder: Path, place: Path, *values: str, before: str = "") -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", before + PROGRAM, str(folder), str(place), *values]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_keep_the_code_of_each(folder: Path, tmp_path: Path) -> None:
    made_in(tmp_path)
    both = [run(folder, tmp_path, value) for value in ("1.5", "3")]
    assert [process.communicate()[0].strip() for process in both] == ["0", "0"]
    assert [process.returncode for process in both] == [0, 0]
    later = run(folder, tmp_path, "1.5", "3")
    assert (later.communicate()[0].strip(), later.returncode) == ("2", 0)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
def test_a_full_disk_keeps_nothing_and_is_no_error(folder: Path, tmp_path: Path) -> None:
    made_in(tmp_path)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    process = run(folder, tmp_path, "1.5", before=limit)
    assert (process.communicate()[0].strip(), process.returncode) == ("0", 0)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_error(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file in the place of the folder")
    assert (hits(tmp_path), hits(tmp_path)) == (0, 0)
    kernel = made_in(tmp_path).doubled
    assert kernel.is_kept((kernel.typeof_pyval(1.5),))  # so that no process compiles it in vain
