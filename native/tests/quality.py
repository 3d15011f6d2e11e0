"""What the native core has to pass beside the tests in Python: its own tests, watched by sanitizers and valgrind, and on ARM.

    python native/tests/quality.py [--folder build/native-check] [--only NAME ...]

Every step is a line: ok, FAILED with what was printed, or skipped and why. While one build compiles, the tests of the one
before run. Takes about five minutes on two cores, and a tenth of that where nothing has changed but tests.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TESTS = ("test_kernels", "test_network", "test_forecaster")
LONGEST = 900
"""Seconds that no step comes near."""


@dataclass(frozen=True)
class Build:
    """One way of building the core with its tests."""

    name: str
    sanitize: str = ""
    options: tuple[str, ...] = ()
    python: bool = False

    def configure(self, folder: Path) -> list[str]:
        flags = (
            f"-g1 -fno-omit-frame-pointer -fsanitize={self.sanitize} -fno-sanitize-recover=all" if self.sanitize else ""
        )
        python = (
            ("-DENSUE_PYTHON=ON", f"-DPython_EXECUTABLE={sys.executable}") if self.python else ("-DENSUE_PYTHON=OFF",)
        )
        ninja = ("-G", "Ninja") if shutil.which("ninja") else ()
        watched = ("-DENSUE_OPTIMISATION=-O1",) if self.sanitize else ()
        fixed = ("-DENSUE_NATIVE_TESTS=ON", f"-DCMAKE_CXX_FLAGS={flags}")
        return [
            "cmake",
            "-S",
            str(ROOT),
            "-B",
            str(folder / self.name),
            *ninja,
            *fixed,
            *python,
            *watched,
            *self.options,
        ]


@dataclass
class Report:
    """The lines, and whether any step failed."""

    failed: list[str] = field(default_factory=list)

    def say(self, step: str, outcome: str, text: str) -> None:
        sys.stdout.write(f"native-check: {step}: {outcome}{': ' if text else ''}{text}\n")
        sys.stdout.flush()

    def skip(self, step: str, why: str) -> bool:
        self.say(step, "skipped", why)
        return False

    def run(self, step: str, command: Sequence[str], folder: Path, **environment: str) -> bool:
        """Run a command; its last line is what the step says."""
        start = time.monotonic()
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=os.environ | environment,
                text=True,
                errors="replace",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LONGEST,
                check=False,
            )
            printed, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as error:
            printed, status = f"{error.stdout!r}\nnot done after {LONGEST} s", 1
        seconds = f"{time.monotonic() - start:.0f} s"
        if status == 0:
            self.say(step, "ok", f"{(printed.splitlines() or [''])[-1]} ({seconds})")
        else:
            self.failed.append(step)
            self.say(step, "FAILED", f"status {status} ({seconds}) of {' '.join(command)}\n{printed}")
        return status == 0


def compiles_with(flag: str, folder: Path, compiler: str = "c++") -> bool:
    """Whether the compiler is there and makes programs with this flag that run."""
    source, program = folder / "probe.cpp", folder / "probe"
    source.write_text("int main() { return 0; }\n")
    try:
        command = [compiler, *flag.split(), str(source), "-o", str(program)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def without_layout(command: Sequence[str]) -> list[str]:
    """A command for which the system lays memory out the same way each time: some thread sanitizers cannot do otherwise."""
    prefix = ["setarch", "-R"]
    try:
        works = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        works = False
    return [*(prefix if works else ()), *command]


class Quality:
    """All builds and their tests, in one folder."""

    def __init__(self, folder: Path, only: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.only, self.report = folder, only, Report()
        self._tests = ThreadPoolExecutor(1)
        self._waiting: list[Future[None]] = []

    def make(self, build: Build, then: Callable[[Path], None], missing: str = "") -> None:
        """Build, and have the tests run while the next build compiles; `missing` says why it cannot be."""
        if self.only and build.name not in self.only:
            return
        if missing:
            self.report.skip(build.name, missing)
            return
        jobs = str(os.cpu_count() or 1)
        tree = self.folder / build.name
        compile_all = ["cmake", "--build", str(tree), "--parallel", jobs]
        if self.report.run(f"{build.name}: configure", build.configure(self.folder), self.folder) and self.report.run(
            f"{build.name}: build", compile_all, self.folder
        ):
            self._waiting.append(self._tests.submit(then, tree))

    def finish(self) -> int:
        """0 where all steps that ran were right."""
        for each in self._waiting:
            each.result()
        self._tests.shutdown()
        failed = self.report.failed
        sys.stdout.write(f"native-check: {'failed: ' + ', '.join(failed) if failed else 'all steps that ran are ok'}\n")
        return 1 if failed else 0

    def plain(self, tree: Path) -> None:
        """As it is used: all tests, the gate functions, and all tests again under valgrind."""
        programs = tree / "native" / "tests"
        for test in TESTS:
            self.report.run(test, [str(programs / test)], tree)
        self.report.run("gate functions", [str(programs / "gate_functions")], tree)
        if not shutil.which("valgrind"):
            self.report.skip("valgrind", "valgrind is not installed")
            return
        valgrind = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full"]
        for test in TESTS:  # it knows no AVX-512
            command = [*valgrind, str(programs / test), "--quick"]
            self.report.run(f"valgrind: {test}", command, tree, ENSUE_ISA=first_isa("avx2", "neon"))

    def address(self, tree: Path) -> None:
        """Under AddressSanitizer and UndefinedBehaviorSanitizer: tests, fuzzers, and the binding from Python."""
        programs = tree / "native" / "tests"
        for test in TESTS:
            self.report.run(f"address, undefined: {test}", [str(programs / test), "--quick"], tree)
        self.report.run("address, undefined: fuzz", [str(programs / "fuzz_native"), "--seconds", "20"], tree)
        hostile = [sys.executable, str(HERE / "hostile.py"), "--seconds", "20"]
        modules = sorted((tree / "native").glob("_native*.so"))
        if modules:
            preload = " ".join(library(name) for name in ("libasan.so", "libstdc++.so.6"))
            hostile += ["--native", str(modules[0])]
            self.report.run(
                "address, undefined: hostile files", hostile, tree, LD_PRELOAD=preload, ASAN_OPTIONS="detect_leaks=0"
            )
            return
        self.report.skip(
            "address, undefined: hostile files", f"{sys.executable} has no nanobind to build the module with"
        )
        if (
            subprocess.run([sys.executable, "-c", "import ensue._native"], capture_output=True, check=False).returncode
            == 0
        ):
            self.report.run("hostile files", hostile, tree)
        else:
            self.report.skip("hostile files", "Ensue is installed without the native core")

    def thread(self, tree: Path) -> None:
        """Under ThreadSanitizer: what has threads."""
        for test in TESTS:
            command = without_layout([str(tree / "native" / "tests" / test), "--quick", "thread"])
            self.report.run(f"thread: {test}", command, tree)

    def neon(self, tree: Path) -> None:
        """For 64-bit ARM, on an emulator."""
        emulator = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
        for test in (*TESTS, "gate_functions"):
            quick = ["--quick"] if test in TESTS else []
            self.report.run(f"neon: {test}", [*emulator, str(tree / "native" / "tests" / test), *quick], tree)


def first_isa(*names: str) -> str:
    """The first of these that this kind of machine can have."""
    return names[0] if os.uname().machine in ("x86_64", "AMD64") else names[1]


def library(name: str) -> str:
    """Where the compiler has a library of its own."""
    found = subprocess.run(["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=False).stdout
    return found.strip()


def main() -> int:
    """See the top."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "native-check")
    parser.add_argument("--only", nargs="*", default=[], help="builds: plain, address, thread, neon")
    options = parser.parse_args()
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    quality = Quality(options.folder.resolve(), options.only)
    folder = quality.folder
    if not shutil.which("cmake") or not compiles_with("", folder):
        quality.report.skip("all", "there is no C++ compiler, or no CMake")
        return 0
    arm = "aarch64-linux-gnu-g++"
    cross = ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_CXX_COMPILER={arm}")
    lacks = "the compiler has no {} sanitizer".format
    quality.make(Build("plain"), quality.plain)
    sanitizers = "address,undefined"
    missing = "" if compiles_with(f"-fsanitize={sanitizers}", folder) else lacks("address or undefined-behaviour")
    quality.make(Build("address", sanitizers, python=True), quality.address, missing)
    missing = (
        "" if compiles_with("", folder, arm) and shutil.which("qemu-aarch64") else f"{arm} or qemu-aarch64 is missing"
    )
    quality.make(Build("neon", options=cross), quality.neon, missing)
    missing = "" if compiles_with("-fsanitize=thread", folder) else lacks("thread")
    quality.make(Build("thread", "thread"), quality.thread, missing)
    return quality.finish()


if __name__ == "__main__":
    sys.exit(main())
